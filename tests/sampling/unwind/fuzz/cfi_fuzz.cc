// SPDX-License-Identifier: Apache-2.0
// Any bytes as a module's .eh_frame_hdr and .eh_frame, any registers and stack: looking a PC up and stepping
// by what was found never reads outside of either, and comes to an end.
//
// Input: pc (8 bytes, an offset into the module), size of the tables (2 bytes), tables, registers, stack.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/rule_of_row.h"

namespace {

using namespace heapprof::unwind;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <typename T>
  T Take() {
    T value = 0;
    size_t n = std::min(size_, sizeof(T));
    memcpy(&value, data_, n);
    Skip(n);
    return value;
  }
  void Skip(size_t n) {
    data_ += n;
    size_ -= n;
  }
  const uint8_t* data_;
  size_t size_;
};

// The rest of the input is the stack, at a fixed address.
constexpr uintptr_t kStack = 0x7ffc00000000;
struct Stack {
  const Input* input;
  bool Read(uintptr_t address, uintptr_t* value) {
    if (address < kStack || address - kStack > input->size_ ||
        input->size_ - (address - kStack) < sizeof(*value)) {
      return false;
    }
    memcpy(value, input->data_ + (address - kStack), sizeof(*value));
    return true;
  }
  bool MayGoDown(uintptr_t, uintptr_t) { return false; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  const auto offset = input.Take<uint64_t>();
  const size_t module_size = std::min<size_t>(input.Take<uint16_t>(), input.size_);
  // A block of its own, so that a read beyond it is seen.
  auto* module = static_cast<uint8_t*>(malloc(module_size + 1));
  memcpy(module, input.data_, module_size);
  input.Skip(module_size);
  const auto lo = reinterpret_cast<uintptr_t>(module);
  UnwindTables tables = {lo, lo + module_size, lo, lo, lo + module_size};
  if (offset >> 63 != 0) tables.eh_frame = lo;  // no header
  tables.bases = {lo, lo + 16, 0};

  CfiRow row;
  const uintptr_t pc = lo + offset % (module_size + 16);
  const CfiAnswer answer = RowFromCfi(tables, pc, &row);
  FullRegisters full;
  for (uint64_t number = 0; number < FullRegisters::kCount; ++number)
    full.Set(number, input.Take<uint64_t>());
  // Half of the time on the stack, where reads succeed.
  if (full.value[kRsp] % 2 == 0) full.Set(kRsp, kStack + full.value[kRsp] % 512);
  if (full.value[kRbp] % 2 == 0) full.Set(kRbp, kStack + full.value[kRbp] % 512);
  Stack stack = {&input};
  if (answer == CfiAnswer::kRow) {
    const Rule rule = RuleOfRow(row);
    Registers registers = {pc, full.value[kRsp], full.value[kRbp]};
    for (int i = 0; i < 64; ++i) {
      const uintptr_t sp = registers.sp;
      const Step step = StepByRule(rule, &registers, &stack);
      if (step != Step::kCalled) break;
      if (rule.kind() != Rule::kNoCfi && registers.sp <= sp) abort();
    }
    const WordReader reader = WordReader::Of(&stack);
    for (int i = 0; i < 64; ++i) {
      const uintptr_t sp = full.value[kRsp];
      if (StepByRow(row, &full, reader) != Step::kCalled) break;
      if (full.value[kRsp] < sp) abort();
    }
  }
  free(module);
  return 0;
}
