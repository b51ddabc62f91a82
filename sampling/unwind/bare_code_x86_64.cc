// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/bare_code.h"

#include <string.h>

namespace heapprof::unwind {
namespace {

// An instruction: the bytes that tell it from others, its whole length, and the words that it puts on the
// stack.
struct Form {
  unsigned char bytes[4];
  unsigned char told_by, length;
  signed char pushes;
};
constexpr Form kForms[] = {
    {{0xf3, 0x0f, 0x1e, 0xfa}, 4, 4, 0},   // endbr64
    {{0x48, 0x83, 0xec, 0x08}, 4, 4, 1},   // sub $8, %rsp
    {{0x48, 0x83, 0xc4, 0x08}, 4, 4, -1},  // add $8, %rsp
    {{0x48, 0x8b, 0x05}, 3, 7, 0},         // mov n(%rip), %rax
    {{0x48, 0x85, 0xc0}, 3, 3, 0},         // test %rax, %rax
    {{0x74}, 1, 2, 0},                     // je, over the call
    {{0xff, 0xd0}, 2, 2, 0},               // call *%rax
    {{0xff, 0x15}, 2, 6, 0},               // call *n(%rip)
    {{0xe8}, 1, 5, 0},                     // call
    {{0x50}, 1, 1, 1},                     // push %rax
    {{0x58}, 1, 1, -1},                    // pop %rax
    {{0x68}, 1, 5, 1},                     // push $n
    {{0xff, 0x35}, 2, 6, 1},               // push n(%rip)
    {{0x41, 0x53}, 2, 2, 1},               // push %r11
    {{0x41, 0xbb}, 2, 6, 0},               // mov $n, %r11d
};
constexpr unsigned char kRet[] = {0xc3}, kIndirectJump[] = {0xff, 0x25}, kJump[] = {0xe9};
constexpr unsigned char kBoundRet[] = {0xf2, 0xc3}, kBoundJump[] = {0xf2, 0xff, 0x25};

template <size_t kSize>
bool Begins(const unsigned char* at, const unsigned char* end, const unsigned char (&with)[kSize]) {
  return static_cast<size_t>(end - at) >= kSize && memcmp(at, with, kSize) == 0;
}

// What a jump out of the PLT leaves on the stack for the resolver: the entry's number, and the module.
int WordsBeforeJump(const unsigned char* begin, const unsigned char* jump) {
  if (jump - begin >= 6 && jump[-6] == 0xff && jump[-5] == 0x35) return 2;
  return 0;
}

}  // namespace

int WordsBelowCaller(const unsigned char* code, size_t before, size_t size) {
  const unsigned char* const begin = code - before;
  const unsigned char* const end = code + size;
  int pushed = 0;
  for (const unsigned char* at = code; at < end;) {
    int left = -1;
    if (Begins(at, end, kRet) || Begins(at, end, kBoundRet)) left = 0;
    if (Begins(at, end, kIndirectJump) || Begins(at, end, kBoundJump)) left = WordsBeforeJump(begin, at);
    if (Begins(at, end, kJump) && at - begin >= 5 && at[-5] == 0x68) left = 1;
    if (left >= 0) return left >= pushed ? left - pushed : -1;
    const Form* form = nullptr;
    for (const Form& one : kForms) {
      const auto room = static_cast<size_t>(end - at);
      if (room >= one.length && memcmp(at, one.bytes, one.told_by) == 0) form = &one;
    }
    if (form == nullptr) return -1;
    pushed += form->pushes;
    at += form->length;
  }
  return -1;
}

}  // namespace heapprof::unwind
