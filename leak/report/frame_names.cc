// SPDX-License-Identifier: Apache-2.0
#include "leak/report/frame_names.h"

#include <errno.h>

#include <algorithm>
#include <new>

#include "base/system/raw_syscall.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof::leak {
namespace {}  // namespace

FrameNames::~FrameNames() {
  if (space_ != nullptr) RawUnmap(space_, sizeof(Space));
  if (addresses_ != nullptr) RawUnmap(addresses_, capacity_ * sizeof(uint64_t));
}

int FrameNames::Resolve(const Findings& findings) {
  space_ = static_cast<Space*>(RawMap(sizeof(Space)));
  uint32_t locations = HeapStacks().location_count();
  capacity_ = size_t{locations} + 1;
  addresses_ = static_cast<uint64_t*>(RawMap(capacity_ * sizeof(uint64_t)));
  if (space_ == nullptr || addresses_ == nullptr) return -ENOMEM;
  // Each location once: marked at its id, then moved to the front.
  for (const Finding& finding : findings) {
    StackView stack = HeapStacks().At(finding.stack);
    for (uint32_t i = 0; i < stack.depth; ++i) {
      if (stack.locations[i] <= locations) {
        addresses_[stack.locations[i]] = HeapStacks().ReturnAddress(stack.locations[i]);
      }
    }
  }
  uint32_t count = 0;
  for (size_t i = 1; i < capacity_; ++i) {
    if (addresses_[i] != 0) addresses_[count++] = addresses_[i];
  }
  modules_ = new (modules_storage_) ModuleTable(&space_->modules);
  modules_->Read();
  std::sort(addresses_, addresses_ + count);
  sources_.Ask(*modules_, addresses_, count);
  return symbols_.Resolve(
      *modules_, [&](uint32_t id) { return addresses_[id - 1]; }, count, space_->scratch);
}

void FrameNames::Lines(uint64_t return_address, void (*visit)(void* context, const FrameLine& line),
                       void* context) const {
  if (sources_.Lines(return_address, visit, context)) return;
  const FrameSymbols::Frame* frame = symbols_.Find(return_address);
  visit(context, {frame != nullptr && frame->start != 0 ? symbols_.Name(*frame) : "", "", 0});
}

const Module* FrameNames::ModuleOf(uint64_t return_address) const {
  uint32_t index = modules_->Find(return_address - 1);
  return index == ModuleTable::kNone ? nullptr : &modules_->at(index);
}

}  // namespace heapprof::leak
