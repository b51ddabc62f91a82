// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/bare_code.h"

#include <string.h>

namespace heapprof::unwind {
namespace {

constexpr size_t kInstruction = 4;

constexpr uint32_t kPushForResolver = 0xa9bf7bf0;  // stp x16, x30, [sp, #-16]!

// An instruction by its fixed bits, and the words that it puts on the stack.
struct Form {
  uint32_t bits, mask;
  int pushes;
};
constexpr Form kForms[] = {
    {0xd503245f, 0xffffffff, 0},        // bti c
    {0xd503201f, 0xffffffff, 0},        // nop
    {0xd503233f, 0xffffffff, 0},        // paciasp
    {0xd50323bf, 0xffffffff, 0},        // autiasp
    {0x90000010, 0x9f00001f, 0},        // adrp x16
    {0xf9400211, 0xffc003ff, 0},        // ldr x17, [x16, #n]
    {0x91000210, 0xffc003ff, 0},        // add x16, x16, #n
    {0xd503219f, 0xffffffff, 0},        // autia1716
    {kPushForResolver, 0xffffffff, 2},  // of the PLT's head
    {0xa9bf7bfd, 0xffffffff, 2},        // stp x29, x30, [sp, #-16]!
    {0xa8c17bfd, 0xffffffff, -2},       // ldp x29, x30, [sp], #16
    {0x910003fd, 0xffffffff, 0},        // mov x29, sp
    {0x94000000, 0xfc000000, 0},        // bl
};
constexpr uint32_t kRet = 0xd65f03c0, kRetaa = 0xd65f0bff, kJump = 0xd61f0220;  // br x17

uint32_t At(const unsigned char* code) {
  uint32_t instruction;
  memcpy(&instruction, code, sizeof(instruction));
  return instruction;
}

}  // namespace

int WordsBelowCaller(const unsigned char* code, size_t before, size_t size) {
  int pushed = 0;
  for (size_t at = 0; at + kInstruction <= size; at += kInstruction) {
    const uint32_t instruction = At(code + at);
    int left = -1;
    if (instruction == kRet || instruction == kRetaa) left = 0;
    if (instruction == kJump) {
      // From the head to the resolver, or from an entry to its function.
      const bool head =
          at + before >= 4 * kInstruction && At(code + at - 4 * kInstruction) == kPushForResolver;
      left = head ? 2 : 0;
    }
    if (left >= 0) return left >= pushed ? left - pushed : -1;
    const Form* form = nullptr;
    for (const Form& one : kForms) {
      if ((instruction & one.mask) == one.bits) form = &one;
    }
    if (form == nullptr) return -1;
    pushed += form->pushes;
  }
  return -1;
}

}  // namespace heapprof::unwind
