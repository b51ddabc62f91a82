// SPDX-License-Identifier: Apache-2.0
#include "leak/report/suppressions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof::leak {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// A piece between stars, of `size` bytes, in `text`; nullptr if it is not there.
const char* FindPiece(const char* text, const char* piece, size_t size) {
  size_t length = strlen(text);
  for (size_t at = 0; at + size <= length; ++at) {
    if (memcmp(text + at, piece, size) == 0) return text + at;
  }
  return nullptr;
}

}  // namespace

bool PatternMatches(const char* pattern, const char* text) {
  if (text == nullptr || *text == '\0' || *pattern == '\0') return false;
  bool anchored = *pattern == '^';
  if (anchored) ++pattern;
  for (;;) {
    if (*pattern == '*') {
      ++pattern;
      anchored = false;
      continue;
    }
    size_t size = strcspn(pattern, "*$");
    bool to_end = pattern[size] == '$' && pattern[size + 1] == '\0';
    if (pattern[size] == '$' && !to_end) size = strcspn(pattern, "*");  // a dollar sign like any other
    if (size == 0 && !to_end) return true;                              // the pattern's end
    if (to_end) {
      size_t length = strlen(text);
      if (length < size || (anchored && length != size)) return false;
      return memcmp(text + length - size, pattern, size) == 0;
    }
    const char* found = FindPiece(text, pattern, size);
    if (found == nullptr || (anchored && found != text)) return false;
    text = found + size;
    pattern += size;
    anchored = false;
  }
}

void Suppressions::Add(char* text, const char* source) {
  if (list_ == nullptr) list_ = static_cast<Suppression*>(RawMap(kMax * sizeof(Suppression)));
  if (list_ == nullptr) return;
  constexpr char kPrefix[] = "leak:";
  for (int number = 1; *text != '\0'; ++number) {
    char* line = text;
    size_t size = strcspn(line, "\n");
    text = line + size + (line[size] != '\0' ? 1 : 0);
    line[size] = '\0';
    while (size > 0 && IsBlank(line[size - 1])) line[--size] = '\0';
    while (IsBlank(*line)) ++line;
    if (*line == '\0' || *line == '#') continue;
    const bool is_leak = strncmp(line, kPrefix, sizeof(kPrefix) - 1) == 0;
    const char* pattern = is_leak ? line + sizeof(kPrefix) - 1 : line;
    // No name of a function or file begins with a blank.
    while (is_leak && IsBlank(*pattern)) ++pattern;
    if (!is_leak || *pattern == '\0') {
      Text<512> complaint;
      Say(complaint.Str(source)
              .Str(":")
              .Dec(number)
              .Str(": '")
              .Str(line, strlen(line) < 100 ? strlen(line) : 100)
              .Str("' is ignored: a suppression is leak:PATTERN"));
      continue;
    }
    if (count_ == kMax) {
      Text<512> complaint;
      Say(complaint.Str(source).Str(": more than ").UDec(kMax).Str(" suppressions; the rest is ignored"));
      return;
    }
    list_[count_++] = {pattern, 0, 0};
  }
}

int Suppressions::AddFile(const char* path) {
  int fd = RawOpen(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  constexpr size_t kMaxBytes = 1 << 20;
  auto* text = static_cast<char*>(RawMap(kMaxBytes));
  size_t held = 0;
  ssize_t got = text != nullptr ? 0 : -ENOMEM;
  while (text != nullptr && held + 1 < kMaxBytes) {
    got = RawRead(fd, text + held, kMaxBytes - 1 - held);
    if (got == -EINTR) continue;
    if (got <= 0) break;
    held += static_cast<size_t>(got);
  }
  RawClose(fd);
  if (got < 0) return static_cast<int>(got);
  if (held + 1 == kMaxBytes) return -EFBIG;
  text[held] = '\0';
  Add(text, path);
  return 0;
}

void Suppressions::AddCopy(const char* text, const char* source) {
  size_t size = strlen(text) + 1;
  auto* copy = static_cast<char*>(RawMap(size));
  if (copy == nullptr) return;
  memcpy(copy, text, size);
  Add(copy, source);
}

Suppression* Suppressions::Match(const char* text) {
  for (size_t i = 0; i < count_; ++i) {
    if (PatternMatches(list_[i].pattern, text)) return &list_[i];
  }
  return nullptr;
}

}  // namespace heapprof::leak
