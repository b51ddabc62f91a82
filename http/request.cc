// SPDX-License-Identifier: Apache-2.0
#include "http/request.h"

namespace heapprof::http {
namespace {

constexpr int kBadRequest = 400, kBodyTooLarge = 413, kHeadTooLarge = 431, kNotImplemented = 501,
              kVersionNotSupported = 505;

// Of a method or a field's name.
bool IsToken(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != nullptr);
}

bool AreTokens(Piece piece) {
  if (piece.size == 0) return false;
  for (size_t i = 0; i < piece.size; ++i) {
    if (!IsToken(piece.data[i])) return false;
  }
  return true;
}

bool AllAre(Piece piece, const char* characters) {
  for (size_t i = 0; i < piece.size; ++i) {
    if (piece.data[i] == '\0' || strchr(characters, piece.data[i]) == nullptr) return false;
  }
  return true;
}

// -1: it is none.
int HexDigit(char c) {
  constexpr int kTen = 10;
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + kTen : -1;
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; }

// `text` is in lower case.
bool EqualsInAnyCase(Piece piece, const char* text) {
  if (strlen(text) != piece.size) return false;
  for (size_t i = 0; i < piece.size; ++i) {
    if (Lower(piece.data[i]) != text[i]) return false;
  }
  return true;
}

bool BeginsInAnyCase(Piece piece, const char* text) {
  const size_t size = strlen(text);
  return piece.size >= size && EqualsInAnyCase({piece.data, size}, text);
}

Piece Trimmed(Piece piece) {
  auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (piece.size > 0 && is_blank(piece.data[0])) piece = {piece.data + 1, piece.size - 1};
  while (piece.size > 0 && is_blank(piece.data[piece.size - 1])) --piece.size;
  return piece;
}

// Cuts what stands before the first `c` off `piece`. False: there is none.
bool CutAt(char c, Piece* piece, Piece* before) {
  const void* found = piece->size == 0 ? nullptr : memchr(piece->data, c, piece->size);
  if (found == nullptr) return false;
  const auto size = static_cast<size_t>(static_cast<const char*>(found) - piece->data);
  *before = {piece->data, size};
  *piece = {piece->data + size + 1, piece->size - size - 1};
  return true;
}

// A line may end with a line feed alone.
bool CutLine(Piece* rest, Piece* line) {
  if (!CutAt('\n', rest, line)) return false;
  if (line->size > 0 && line->data[line->size - 1] == '\r') --line->size;
  return true;
}

bool HasControls(Piece piece) {
  for (size_t i = 0; i < piece.size; ++i) {
    const auto c = static_cast<unsigned char>(piece.data[i]);
    if ((c < ' ' && c != '\t') || c == 0x7f) return true;
  }
  return false;
}

int ParseRequestLine(Piece line, Request* request) {
  Piece target;
  if (!CutAt(' ', &line, &request->method) || !CutAt(' ', &line, &target)) return kBadRequest;
  if (!AreTokens(request->method)) return kBadRequest;
  if (!ParseTarget(target, &request->path, &request->query)) return kBadRequest;
  if (line.Is("HTTP/1.1") || line.Is("HTTP/1.0")) return kComplete;
  return line.BeginsWith("HTTP/") ? kVersionNotSupported : kBadRequest;
}

int ParseLength(Piece value, size_t* length) {
  if (value.size == 0) return kBadRequest;
  size_t number = 0;
  for (size_t i = 0; i < value.size; ++i) {
    const char c = value.data[i];
    if (c < '0' || c > '9') return kBadRequest;
    if (number <= kMaxBody) number = number * 10 + static_cast<size_t>(c - '0');
  }
  *length = number;
  return number <= kMaxBody ? kComplete : kBodyTooLarge;
}

// What is there once.
struct Seen {
  bool length = false, host = false;
};

int ParseField(Piece line, Seen* seen, Request* request) {
  Piece name;
  if (!CutAt(':', &line, &name) || !AreTokens(name)) return kBadRequest;
  const Piece value = Trimmed(line);
  if (HasControls(value)) return kBadRequest;
  if (EqualsInAnyCase(name, "content-length")) {
    // Two lengths are how requests are smuggled.
    if (seen->length) return kBadRequest;
    seen->length = true;
    return ParseLength(value, &request->body_bytes);
  }
  // No client of profiles sends a body in chunks.
  if (EqualsInAnyCase(name, "transfer-encoding")) return kNotImplemented;
  if (EqualsInAnyCase(name, "content-type")) {
    request->is_form = BeginsInAnyCase(value, "application/x-www-form-urlencoded");
  } else if (EqualsInAnyCase(name, "host")) {
    if (seen->host) return kBadRequest;
    seen->host = true;
    request->host = value;
  } else if (EqualsInAnyCase(name, "expect")) {
    request->expects_continue = EqualsInAnyCase(value, "100-continue");
  } else if (EqualsInAnyCase(name, "origin")) {
    request->has_origin = true;
  }
  return kComplete;
}

// False: there is no such parameter.
bool FindValue(Piece parameters, const char* key, TextWriter* value) {
  Text<kMaxParameterName> name;
  for (Piece found; NextParameter(&parameters, &name, &found);) {
    if (strcmp(name.data(), key) != 0) continue;
    value->Clear();
    if (Unescape(found, true, value)) return true;
    value->Clear();
  }
  return false;
}

}  // namespace

bool IsHostOfThisMachine(Piece host) {
  // A name has no colon and no bracket.
  if (host.size == 0 || host.data[0] == '[') return true;
  Piece name = host, port = host;
  if (CutAt(':', &port, &name) && port.size != 0 && !AllAre(port, "0123456789")) return false;
  constexpr char kName[] = "localhost", kEnd[] = ".localhost";
  if (AllAre(name, "0123456789.") || EqualsInAnyCase(name, kName)) return true;
  const size_t end = strlen(kEnd);
  return name.size > end && EqualsInAnyCase({name.data + name.size - end, end}, kEnd);
}

bool ParseTarget(Piece target, Piece* path, Piece* query) {
  if (target.BeginsWith("http://")) {
    // As a proxy is asked.
    Piece host;
    target = {target.data + strlen("http://"), target.size - strlen("http://")};
    if (!CutAt('/', &target, &host)) return false;
    target = {target.data - 1, target.size + 1};
  }
  if (target.size == 0 || target.data[0] != '/' || HasControls(target)) return false;
  *query = {};
  if (CutAt('?', &target, path)) {
    *query = target;
  } else {
    *path = target;
  }
  return true;
}

int ParseHead(const char* data, size_t size, Request* request) {
  *request = {};
  Piece rest = {data, size < kMaxHead ? size : kMaxHead}, line;
  const int unfinished = size < kMaxHead ? kIncomplete : kHeadTooLarge;
  // Empty lines before a request are passed over, as they may follow an earlier body.
  do {
    if (!CutLine(&rest, &line)) return unfinished;
  } while (line.size == 0);
  if (int status = ParseRequestLine(line, request)) return status;
  Seen seen;
  for (;;) {
    if (!CutLine(&rest, &line)) return unfinished;
    if (line.size == 0) break;
    if (int status = ParseField(line, &seen, request)) return status;
  }
  request->head_bytes = static_cast<size_t>(rest.data - data);
  return kComplete;
}

bool Unescape(Piece piece, bool plus, TextWriter* to) {
  for (size_t i = 0; i < piece.size; ++i) {
    char c = piece.data[i];
    if (c == '%') {
      if (i + 2 >= piece.size) return false;
      const int high = HexDigit(piece.data[i + 1]), low = HexDigit(piece.data[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    // Texts end with a NUL; none has one inside.
    if (c == '\0') return false;
    to->Char(c);
  }
  return !to->cut();
}

bool NextParameter(Piece* parameters, TextWriter* name, Piece* value) {
  while (parameters->size > 0) {
    Piece pair, raw;
    if (!CutAt('&', parameters, &pair)) {
      pair = *parameters;
      parameters->size = 0;
    }
    if (pair.size == 0) continue;
    // Go takes no pair with a semicolon.
    const bool broken = memchr(pair.data, ';', pair.size) != nullptr;
    if (broken || !CutAt('=', &pair, &raw)) {
      raw = pair;
      pair = {};
    }
    name->Clear();
    if (broken || !Unescape(raw, true, name)) {
      name->Clear();
      name->Str(raw.data, raw.size);
    }
    *value = pair;
    return true;
  }
  return false;
}

bool CleanPath(const char* path, TextWriter* to) {
  constexpr size_t kMaxParts = 128;
  Piece parts[kMaxParts];
  size_t count = 0;
  bool ends_with_slash = false;
  for (const char* at = path; *at != '\0';) {
    while (*at == '/') ++at;
    ends_with_slash = *at == '\0';
    const char* const begin = at;
    while (*at != '\0' && *at != '/') ++at;
    const Piece part = {begin, static_cast<size_t>(at - begin)};
    if (part.size == 0 || part.Is(".")) continue;
    if (part.Is("..")) {
      if (count > 0) --count;
    } else if (count == kMaxParts) {
      return false;
    } else {
      parts[count++] = part;
    }
  }
  to->Clear();
  for (size_t i = 0; i < count; ++i) to->Char('/').Str(parts[i].data, parts[i].size);
  if (count == 0 || ends_with_slash) to->Char('/');
  return !to->cut();
}

void Escape(const char* path, TextWriter* to) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char* at = path; *at != '\0'; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       strchr("-_.~$&+,/:;=@", *at) != nullptr;
    if (plain) {
      to->Char(*at);
    } else {
      to->Char('%').Char(kDigits[c >> 4]).Char(kDigits[c & 15]);
    }
  }
}

void FormValue(const Request& request, const char* key, TextWriter* value) {
  value->Clear();
  if (request.is_form && FindValue(request.body, key, value)) return;
  FindValue(request.query, key, value);
}

bool ParseInt(const char* text, int64_t* value) {
  const bool negative = *text == '-';
  if (*text == '-' || *text == '+') ++text;
  *value = 0;
  bool fits = true;
  if (*text == '\0') return false;
  for (; *text != '\0'; ++text) {
    if (*text < '0' || *text > '9') {
      *value = 0;
      return false;
    }
    const int digit = negative ? '0' - *text : *text - '0';
    if (fits && (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, digit, value))) {
      fits = false;
    }
  }
  if (!fits) *value = negative ? INT64_MIN : INT64_MAX;
  return fits;
}

int64_t IntValue(const Request& request, const char* key) {
  constexpr size_t kMaxNumber = 64;
  Text<kMaxNumber> text;
  FormValue(request, key, &text);
  int64_t value = 0;
  ParseInt(text.data(), &value);
  return value;
}

}  // namespace heapprof::http
