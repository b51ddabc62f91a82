// SPDX-License-Identifier: Apache-2.0
// Text put together without stdio: a buffer of fixed size and appenders for the kinds of thing our lines
// hold.
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
// Invariants: (1) data() is NUL-terminated at all times; (2) what does not fit is cut, and cut() says so.
#ifndef HEAPPROF_BASE_TEXT_H_
#define HEAPPROF_BASE_TEXT_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

class TextWriter {
 public:
  TextWriter(char* buffer, size_t capacity) : data_(buffer), capacity_(capacity) { data_[0] = '\0'; }
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;

  TextWriter& Str(const char* text);
  TextWriter& Str(const char* text, size_t size);
  TextWriter& Char(char c);
  TextWriter& Dec(int64_t value);
  TextWriter& UDec(uint64_t value, int min_digits = 1);  // padded with zeros on the left
  TextWriter& Hex(uint64_t value, int min_digits = 1);   // lower case, no 0x

  void Clear() {
    size_ = 0;
    cut_ = false;
    data_[0] = '\0';
  }
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool cut() const { return cut_; }

 private:
  char* data_;
  size_t capacity_;
  size_t size_ = 0;
  bool cut_ = false;
};

template <size_t N>
class Text : public TextWriter {
 public:
  Text() : TextWriter(storage_, N) {}

 private:
  char storage_[N];
};

// The text of a positive errno value ("No space left on device"), in C locale; "error N" for rare ones.
const char* ErrnoText(int error);

// Writes "heapprof: <text>\n" to stderr in one write. Errors are ignored, there is nobody else to tell, and
// raise no signal.
void Say(const TextWriter& text);
void Say(const char* text);

// Says `what` and aborts. For broken invariants of ours only.
[[noreturn]] void Die(const char* what);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_TEXT_H_
