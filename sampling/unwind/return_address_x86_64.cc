// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/step/return_address.h"

#include <string.h>

#include "base/system/raw_syscall.h"

namespace heapprof::unwind {
namespace {

// Of `ff /2` with what its ModRM byte and the one behind it ask for.
size_t LengthOfIndirectCall(unsigned char modrm, unsigned char sib) {
  const int mode = modrm >> 6, operand = modrm & 7;
  const size_t with_sib = operand == 4 ? 1 : 0;
  if (mode == 3) return 2;
  if (mode == 1) return 3 + with_sib;
  const bool wide = mode == 2 || operand == 5 || (with_sib != 0 && (sib & 7) == 5);
  return 2 + with_sib + (wide ? 4 : 0);
}

}  // namespace

bool EndsWithCall(const unsigned char* end, size_t size) {
  if (size >= 5 && end[-5] == 0xe8) return true;  // call rel32
  for (size_t length = 2; length <= kLongestCall && length <= size; ++length) {
    const unsigned char* at = end - length;
    if (at[0] == 0xff && (at[1] >> 3 & 7) == 2 &&
        LengthOfIndirectCall(at[1], length > 2 ? at[2] : 0) == length) {
      return true;
    }
  }
  return false;
}

bool CallsSigreturn(uintptr_t pc) {
  // mov $15, %rax or %eax, or push $15 and pop %rax; syscall
  constexpr unsigned char kWide[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
  constexpr unsigned char kNarrow[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
  constexpr unsigned char kPushed[] = {0x6a, 15, 0x58, 0x0f, 0x05};
  unsigned char code[sizeof(kWide)];
  const auto* from = reinterpret_cast<const void*>(pc);
  if (RawReadOwnMemory(from, code, sizeof(code)) != static_cast<ssize_t>(sizeof(code))) return false;
  return memcmp(code, kWide, sizeof(kWide)) == 0 || memcmp(code, kNarrow, sizeof(kNarrow)) == 0 ||
         memcmp(code, kPushed, sizeof(kPushed)) == 0;
}

}  // namespace heapprof::unwind
