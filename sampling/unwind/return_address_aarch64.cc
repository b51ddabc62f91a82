// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "base/system/raw_syscall.h"
#include "sampling/unwind/step/return_address.h"

namespace heapprof::unwind {

bool EndsWithCall(const unsigned char* end, size_t size) {
  uint32_t code;
  if (size < sizeof(code)) return false;
  memcpy(&code, end - sizeof(code), sizeof(code));
  constexpr uint32_t kBl = 0x94000000, kBlMask = 0xfc000000;      // bl
  constexpr uint32_t kBlr = 0xd63f0000, kBlrMask = 0xfffffc1f;    // blr
  constexpr uint32_t kBlra = 0xd63f0800, kBlraMask = 0xfefff800;  // blraa, blrab, blraaz, blrabz
  return (code & kBlMask) == kBl || (code & kBlrMask) == kBlr || (code & kBlraMask) == kBlra;
}

bool CallsSigreturn(uintptr_t pc) {
  constexpr uint32_t kCode[] = {0xd2801168, 0xd4000001};  // mov x8, #139; svc #0
  uint32_t code[2];
  const auto* from = reinterpret_cast<const void*>(pc);
  return RawReadOwnMemory(from, code, sizeof(code)) == static_cast<ssize_t>(sizeof(code)) &&
         memcmp(code, kCode, sizeof(code)) == 0;
}

}  // namespace heapprof::unwind
