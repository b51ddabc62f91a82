// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/stack_table.h"

namespace heapprof {
namespace {

constexpr uint32_t kRetiredFlag = 1u << 31;  // its PCs are no more; see RetireIn
constexpr int kTruncatedShift = 29;
constexpr uint32_t kTruncatedMask = 3, kDepthMask = (1u << kTruncatedShift) - 1;
constexpr uint32_t kHeaderWords = 4;  // depth and flags, next in chain, hash in two halves

uint64_t HashOf(const uint32_t* record) { return record[2] | (uint64_t{record[3]} << 32); }

// A return address behind a module's last instruction belongs to it, one at its start does not.
bool IsCallIn(uint64_t return_address, uint64_t start, uint64_t limit) {
  return return_address - 1 - start < limit - start;
}

}  // namespace

void StackTable::Grow() {
  constexpr uint32_t kFirst = 1024;
  IdIndex old;
  if (!index_.Grow(kFirst, &old)) return;  // chains grow longer, that is all
  for (uint32_t i = 0; i < old.size; ++i) {
    for (uint32_t id = old.slots[i]; id != 0;) {
      uint32_t* record = words_.At(id);
      uint32_t next = record[1];
      uint32_t* head = index_.At(HashOf(record));
      record[1] = *head;
      *head = id;
      id = next;
    }
  }
  old.Free();
}

uint32_t StackTable::Intern(const RawStack& stack) {
  uint32_t count = count_.load(std::memory_order_relaxed);
  if (count >= index_.size) Grow();
  if (index_.size == 0) return kOverflowStack;
  uint32_t shape = stack.depth | uint32_t{stack.truncated} << kTruncatedShift;
  uint32_t* head = index_.At(stack.hash);
  for (uint32_t id = *head; id != 0;) {
    uint32_t* record = words_.At(id);
    if (record[0] == shape && HashOf(record) == stack.hash) return id;
    id = record[1];
  }

  uint32_t words = kHeaderWords + stack.depth;
  constexpr uint32_t kChunk = decltype(words_)::kChunkSize;
  if (words > kChunk) return kOverflowStack;
  uint32_t id = last_word_ + 1;
  if (id % kChunk + words > kChunk) id = (id / kChunk + 1) * kChunk;  // a record lies in one chunk
  if (id == kOverflowStack || !words_.Reserve(id, words)) return kOverflowStack;
  uint32_t* record = words_.At(id);
  const uintptr_t* pc = stack.pcs;
  for (uint32_t i = 0; i < stack.depth; ++i, pc += stack.stride) {
    record[kHeaderWords + i] = locations_.Intern(*pc);
    if (record[kHeaderWords + i] == 0) return kOverflowStack;
  }
  record[0] = shape;
  record[1] = *head;
  record[2] = static_cast<uint32_t>(stack.hash);
  record[3] = static_cast<uint32_t>(stack.hash >> 32);
  *head = id;
  last_word_ = id + words - 1;
  count_.store(count + 1, std::memory_order_relaxed);
  return id;
}

StackView StackTable::At(uint32_t stack) const {
  if (stack == kOverflowStack) return {nullptr, 0, Truncation::kNone};
  // The bucket that names the stack was published after the stack (release in bucket_table): it is complete.
  const uint32_t* record = words_.At(stack);
  return {record + kHeaderWords, record[0] & kDepthMask,
          static_cast<Truncation::Kind>(record[0] >> kTruncatedShift & kTruncatedMask)};
}

bool StackTable::HasLocationIn(uint64_t start, uint64_t limit) const {
  return locations_.Any([=](uint64_t address) { return IsCallIn(address, start, limit); });
}

void StackTable::MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  locations_.MoveAll(to - start, [=](uint64_t address) { return IsCallIn(address, start, limit); });
}

bool StackTable::RetireIn(uint32_t stack, uint64_t start, uint64_t limit) {
  if (stack == kOverflowStack) return false;
  uint32_t* record = words_.At(stack);
  for (uint32_t i = 0; i < (record[0] & kDepthMask); ++i) {
    if (IsCallIn(ReturnAddress(record[kHeaderWords + i]), start, limit)) {
      record[0] |= kRetiredFlag;
      return true;
    }
  }
  return false;
}

}  // namespace heapprof
