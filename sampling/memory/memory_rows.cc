// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/memory_rows.h"

#include <string.h>

#include <initializer_list>

#include "base/hash.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr char kOthers[] = "[others]";

}  // namespace

MemoryRows::~MemoryRows() {
  if (space_ != nullptr) RawUnmap(space_, sizeof(Space));
}

bool MemoryRows::Init() {
  space_ = static_cast<Space*>(RawMap(sizeof(Space)));
  // Room for this one is kept, as it stands for all that find none; and for the causes.
  if (space_ == nullptr || Name(kOthers) != 1) return false;
  for (const char* name :
       {cause::kHeap, cause::kLive, cause::kRounding, cause::kSlabs, cause::kCaches, cause::kDirty,
        cause::kAllocator, cause::kMapped, cause::kStacks, cause::kThreadLocal, cause::kFiles, cause::kShared,
        cause::kOwn, cause::kNotExplained}) {
    Name(name);
  }
  return true;
}

uint32_t MemoryRows::Name(const char* name) {
  if (name[0] == '\0') return 0;
  uint64_t hash = 0;
  const size_t size = strlen(name);
  for (size_t i = 0; i < size; ++i) hash = MixBits(hash * 31 + static_cast<unsigned char>(name[i]));
  for (uint64_t at = hash % kSlots;; at = (at + 1) % kSlots) {
    const uint32_t number = space_->name_slots[at];
    if (number != 0) {
      if (strcmp(NameAt(number), name) == 0) return number;
      continue;
    }
    if (name_count_ + 1 >= kMaxNames || size >= kPool - pool_used_) return 1;
    memcpy(space_->pool + pool_used_, name, size + 1);
    space_->names[++name_count_] = static_cast<uint32_t>(pool_used_);
    pool_used_ += size + 1;
    space_->name_slots[at] = name_count_;
    return name_count_;
  }
}

void MemoryRows::Add(uint32_t first, uint32_t second, uint32_t third, uint64_t mapped,
                     const ResidentBytes& resident, uint32_t stack) {
  const uint64_t hash = MixBits(MixBits(MixBits(first * uint64_t{31} + second) * 31 + third) * 31 + stack);
  for (uint64_t at = hash % kSlots;; at = (at + 1) % kSlots) {
    uint32_t& slot = space_->row_slots[at];
    if (slot == 0) {
      // The last rows are for the causes themselves.
      constexpr uint32_t kKept = 64;
      if (row_count_ + kKept >= kMaxRows && (second > 1 || stack != 0))
        return Add(first, 1, 0, mapped, resident);
      if (row_count_ == kMaxRows) return;
      space_->rows[row_count_++] = {{first, second, third}, stack, 0, 0, 0};
      slot = row_count_;
    }
    MemoryRow& row = space_->rows[slot - 1];
    if (row.names[0] != first || row.names[1] != second || row.names[2] != third || row.stack != stack)
      continue;
    row.mapped += mapped;
    row.resident += resident.all();
    row.doubtful += resident.doubtful;
    return;
  }
}

uint64_t MemoryRows::Resident() const {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < row_count_; ++i) sum += space_->rows[i].resident;
  return sum;
}

uint64_t MemoryRows::Mapped() const {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < row_count_; ++i) sum += space_->rows[i].mapped;
  return sum;
}

uint64_t MemoryRows::ResidentUnder(uint32_t first) const {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < row_count_; ++i) {
    if (space_->rows[i].names[0] == first) sum += space_->rows[i].resident;
  }
  return sum;
}

void MemoryRows::TakeDoubtful(uint64_t bytes, uint32_t first) {
  const auto concerns = [&](const MemoryRow& row) { return first == 0 || row.names[0] == first; };
  uint64_t most = 0;
  for (uint32_t i = 0; i < row_count_; ++i) {
    if (concerns(space_->rows[i])) most += space_->rows[i].doubtful;
  }
  if (most == 0) return;
  const double share = bytes < most ? static_cast<double>(bytes) / static_cast<double>(most) : 1;
  for (uint32_t i = 0; i < row_count_; ++i) {
    MemoryRow& row = space_->rows[i];
    if (!concerns(row)) continue;
    row.resident -= static_cast<uint64_t>(static_cast<double>(row.doubtful) * share);
    row.doubtful = 0;
  }
}

}  // namespace heapprof
