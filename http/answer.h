// SPDX-License-Identifier: Apache-2.0
// What goes back: status, fields of the head, and a body, which is whole before the first byte is sent.
//
// A body is kept in mapped memory and not sent as it is made: it is made under the lock of dumps, and nobody
// shall hold that who waits for a client. So its length is known, and what fails is an error and no torn
// body. Thread-safety: an object belongs to one request. Signal-safety: yes. Allocates: mmap only. Zeroed
// memory is an empty answer.
#ifndef HEAPPROF_HTTP_ANSWER_H_
#define HEAPPROF_HTTP_ANSWER_H_

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "proto/memory_sink.h"

namespace heapprof::http {

inline constexpr int kOk = 200, kMovedPermanently = 301, kBadRequest = 400, kForbidden = 403, kNotFound = 404,
                     kMethodNotAllowed = 405, kServerError = 500, kUnavailable = 503;

// The words that stand behind a status.
const char* ReasonOf(int status);

class Answer {
 public:
  static constexpr size_t kMaxFields = 6;
  struct Field {
    const char* name;
    const char* value;  // lives as long as the answer
  };

  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  int status() const { return status_; }
  const char* type() const { return type_; }
  const Field* fields() const { return fields_; }
  size_t field_count() const { return field_count_; }
  const MemorySink& body() const { return body_; }
  MemorySink* sink() { return &body_; }

  // An answer of that type, without a body yet.
  void Begin(int status, const char* type);
  // Does nothing where there are kMaxFields.
  void AddField(const char* name, const char* value);
  // Content-Disposition: attachment. Of a name's bytes those stay that may stand between quotes.
  void SetFileName(const char* name, const char* suffix);
  // An error as Go's net/http/pprof tells it; `text` gets a line feed.
  void Fail(int status, const char* text);
  // The same of another part of a server, as Go's net/http tells it.
  void FailPlainly(int status, const char* text);

  // Appends to the body. What finds no memory is an error of the answer.
  Answer& Str(const char* text);
  Answer& Str(const char* text, size_t size);
  Answer& UDec(uint64_t value);
  Answer& Dec(int64_t value);
  Answer& Hex(uint64_t value);        // with 0x
  Answer& Escaped(const char* text);  // in HTML
  bool out_of_memory() const { return out_of_memory_; }

  // The head, up to the empty line. `now`: seconds since the epoch.
  void WriteHead(int64_t now, TextWriter* to) const;

 private:
  static constexpr size_t kDispositionSize = 160;

  int status_ = kOk;
  const char* type_ = "";
  Field fields_[kMaxFields] = {};
  size_t field_count_ = 0;
  char disposition_[kDispositionSize] = {};
  bool out_of_memory_ = false;
  MemorySink body_;
};

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_ANSWER_H_
