// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/older_libc.h"
#include "base/system/kept_stderr.h"
#include "base/system/raw_syscall.h"
#include "base/system/write_signals.h"

namespace heapprof {

TextWriter& TextWriter::Str(const char* text, size_t size) {
  size_t room = capacity_ - 1 - size_;
  if (size > room) {
    size = room;
    cut_ = true;
  }
  memcpy(data_ + size_, text, size);
  size_ += size;
  data_[size_] = '\0';
  return *this;
}

TextWriter& TextWriter::Str(const char* text) { return Str(text, strlen(text)); }

TextWriter& TextWriter::Char(char c) { return Str(&c, 1); }

TextWriter& TextWriter::Dec(int64_t value) {
  if (value >= 0) return UDec(static_cast<uint64_t>(value));
  return Char('-').UDec(~static_cast<uint64_t>(value) + 1);
}

TextWriter& TextWriter::UDec(uint64_t value, int min_digits) {
  char digits[20];
  int at = sizeof(digits);
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
    value /= 10;
    --min_digits;
  } while ((value != 0 || min_digits > 0) && at > 0);
  return Str(digits + at, sizeof(digits) - static_cast<size_t>(at));
}

TextWriter& TextWriter::Hex(uint64_t value, int min_digits) {
  char digits[16];
  int at = sizeof(digits);
  do {
    digits[--at] = "0123456789abcdef"[value & 15];
    value >>= 4;
    --min_digits;
  } while ((value != 0 || min_digits > 0) && at > 0);
  return Str(digits + at, sizeof(digits) - static_cast<size_t>(at));
}

const char* ErrnoText(int error) {
  // strerror may take the locale's lock and allocate; strerrordesc_np is a table look-up (glibc >= 2.32).
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

void Say(const TextWriter& text) {
  Text<1024> line;
  line.Str("heapprof: ").Str(text.data(), text.size() < 900 ? text.size() : 900).Char('\n');
  WriteSignalsHeld held;
  held.TakeBack(RawWrite(StderrNow(), line.data(), line.size()));
}

void Say(const char* text) {
  Text<1024> line;
  Say(line.Str(text));
}

void Die(const char* what) {
  Text<256> line;
  Say(line.Str("internal error: ").Str(what));
  abort();
}

}  // namespace heapprof
