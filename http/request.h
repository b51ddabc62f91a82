// SPDX-License-Identifier: Apache-2.0
// A request of HTTP/1.0 or 1.1: its head read out of bytes that strangers send, and its parameters.
//
// Pure functions over memory that they do not keep. Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_HTTP_REQUEST_H_
#define HEAPPROF_HTTP_REQUEST_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

namespace heapprof::http {

// Bytes of somebody else's, not ended by a NUL.
struct Piece {
  const char* data = "";
  size_t size = 0;

  bool Is(const char* text) const { return strlen(text) == size && memcmp(text, data, size) == 0; }
  bool BeginsWith(const char* text) const {
    return strlen(text) <= size && memcmp(text, data, strlen(text)) == 0;
  }
};

// What a request may be: the line and the fields of its head, and its body, which is addresses to be named.
inline constexpr size_t kMaxHead = 8 << 10, kMaxBody = 4 << 20;

struct Request {
  Piece method;
  Piece path;   // as it was sent, escapes and all
  Piece query;  // behind the "?"
  Piece host;   // the field; empty where there is none
  Piece body;
  bool is_form = false;     // the body is parameters
  bool has_origin = false;  // a page in a browser makes it
  // Of the head.
  size_t head_bytes = 0;  // with the empty line
  size_t body_bytes = 0;
  bool expects_continue = false;

  bool IsHead() const { return method.Is("HEAD"); }
  bool IsPost() const { return method.Is("POST"); }
};

// What ParseHead answers, apart from the status of an answer that refuses.
inline constexpr int kComplete = 0, kIncomplete = -1;

// Reads the head at the start of `data`. kComplete; kIncomplete: more is needed; or 400, 413, 431, 501, 505.
// The pieces of `request` lie in `data`; its body is left empty.
int ParseHead(const char* data, size_t size, Request* request);
// Whether a field Host names this machine whoever is asked for the name: no field, an address, or localhost.
// Any other name its owner can point at this machine, and have a page of his ask here in the name of its
// reader.
bool IsHostOfThisMachine(Piece host);
// Cuts a target ("/a/b?c=d", or with scheme and host) into path and query. False: it is none.
bool ParseTarget(Piece target, Piece* path, Piece* query);

// Takes the escapes (%2F) out; with `plus`, "+" is a space. False: one of them is none, or `to` is full.
bool Unescape(Piece piece, bool plus, TextWriter* to);

// A path without empty parts, "." and "..", as Go's ServeMux cleans it; an end with "/" stays one. False: it
// does not fit.
bool CleanPath(const char* path, TextWriter* to);
// A path as a reference has it.
void Escape(const char* path, TextWriter* to);

inline constexpr size_t kMaxParameterName = 64;
// Cuts the next parameter off. Its name has no escapes any more, its value has; a name that is broken or does
// not fit is as it was sent, or the beginning of that. False: there is none left.
bool NextParameter(Piece* parameters, TextWriter* name, Piece* value);
// The first value of a parameter, as Go's FormValue has it: of a form's body before the query's. "" where
// there is none, and where it does not fit.
void FormValue(const Request& request, const char* key, TextWriter* value);
// A decimal number with or without a sign. False: `text` is none, or too large; `value` is then the nearest.
bool ParseInt(const char* text, int64_t* value);
// The number of a parameter that may be anything: 0 where it is none, as Go's Atoi is used.
int64_t IntValue(const Request& request, const char* key);

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_REQUEST_H_
