// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/address_owners.h"

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/stop/thread_stacks.h"

namespace heapprof {
namespace {

constexpr uintptr_t kPageMask = 4095;
constexpr char kEnded[] = "[ended threads]", kUnnamed[] = "[thread]";

size_t Capacity() { return kMaxOwnMappings + 2 * ThreadStackCount() + 16; }

}  // namespace

AddressOwners::~AddressOwners() {
  if (ranges_ != nullptr) RawUnmap(ranges_, Capacity() * sizeof(OwnedRange));
}

void AddressOwners::Add(uintptr_t start, uintptr_t end, OwnedRange::Owner owner, uint32_t name) {
  if (start < end && count_ < Capacity()) ranges_[count_++] = {start, end, owner, name};
}

void AddressOwners::AddMappings(MappingOwner mapped_by, OwnedRange::Owner owner) {
  auto* found = static_cast<AddressRange*>(RawMap(kMaxOwnMappings * sizeof(AddressRange)));
  if (found == nullptr) {
    complete_ = false;
    return;
  }
  size_t count = CopyOwnMappings(mapped_by, found, kMaxOwnMappings);
  if (count > kMaxOwnMappings) {
    complete_ = false;
    count = 0;
  }
  for (size_t i = 0; i < count; ++i) Add(found[i].start, found[i].end, owner, 0);
  RawUnmap(found, kMaxOwnMappings * sizeof(AddressRange));
}

void AddressOwners::AddThread(uintptr_t control_block, MemoryRows* rows, CachedBlocks* cached) {
  if (control_block == 0 || !IsControlBlock(control_block)) return;
  const int tid = ThreadIdAt(control_block);
  char name[64] = "";
  const bool lives = tid > 0 && tasks_.Name(tid, name, sizeof(name));
  const uint32_t shown = rows->Name(!lives ? kEnded : name[0] != '\0' ? name : kUnnamed);
  const HeapView* heap = GetHeapView();
  if (lives && heap != nullptr) heap->add_cached(control_block, cached);
  const AddressRange memory = ThreadMemoryOf(control_block);
  const uintptr_t top = (memory.end + kPageMask) & ~kPageMask;
  const uintptr_t local = memory.start & ~kPageMask;
  using Owner = OwnedRange::Owner;
  Add(local, top, Owner::kThreadLocal, 0);
  if (control_block == FirstControlBlock()) {
    first_thread_ = shown;
    return;
  }
  ThreadStack stack;
  if (!FindThreadStack(control_block, &stack)) return;
  if (stack.low != 0) {
    // Of these only the lower end is noted; libc has its record of the thread at the upper one.
    Add(stack.low & ~kPageMask, local, Owner::kStack, shown);
  } else if (stack.size < top) {
    Add(top - stack.size, local, Owner::kStack, shown);
  }
}

bool AddressOwners::Collect(MemoryRows* rows, CachedBlocks* cached) {
  ranges_ = static_cast<OwnedRange*>(RawMap(Capacity() * sizeof(OwnedRange)));
  if (ranges_ == nullptr) return false;
  tasks_.Open();  // else threads have no names
  AddThread(FirstControlBlock(), rows, cached);
  for (size_t i = 0; i < ThreadStackCount(); ++i) {
    const uintptr_t control_block = ThreadStackAt(i);
    if (control_block != FirstControlBlock()) AddThread(control_block, rows, cached);
  }
  AddMappings(MappingOwner::kAllocator, OwnedRange::Owner::kAllocator);
  AddMappings(MappingOwner::kProfiler, OwnedRange::Owner::kProfiler);
  std::sort(ranges_, ranges_ + count_,
            [](const OwnedRange& a, const OwnedRange& b) { return a.start < b.start; });
  return true;
}

}  // namespace heapprof
