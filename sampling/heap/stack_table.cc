// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/stack_table.h"

#include "base/memory/id_index.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {
namespace {

constexpr uint32_t kTruncatedFlag = 1u << 31;
constexpr uint32_t kRetiredFlag = 1u << 30;  // its PCs are no more; see RetireStackIn
constexpr uint32_t kDepthMask = kRetiredFlag - 1;
constexpr uint32_t kHeaderWords = 4;  // depth and flag, next in chain, hash in two halves

AddressTable<12, 8192, 4096> g_locations;
ChunkedArray<uint32_t, 14, 65536> g_words;
std::atomic<uint32_t> g_stack_count{0};
uint32_t g_next_word = 1;  // 0 is kOverflowStack

IdIndex g_stacks;  // heads of chains

uint64_t HashOf(const uint32_t* record) { return record[2] | (uint64_t{record[3]} << 32); }

void GrowStacks() {
  constexpr uint32_t kFirst = 1024;
  IdIndex old;
  if (!g_stacks.Grow(kFirst, &old)) return;  // chains grow longer, that is all
  for (uint32_t i = 0; i < old.size; ++i) {
    for (uint32_t id = old.slots[i]; id != 0;) {
      uint32_t* record = g_words.At(id);
      uint32_t next = record[1];
      uint32_t* head = g_stacks.At(HashOf(record));
      record[1] = *head;
      *head = id;
      id = next;
    }
  }
  old.Free();
}

}  // namespace

uint32_t InternStack(const RawStack& stack) {
  uint32_t count = g_stack_count.load(std::memory_order_relaxed);
  if (count >= g_stacks.size) GrowStacks();
  if (g_stacks.size == 0) return kOverflowStack;
  uint32_t shape = stack.depth | (stack.truncated ? kTruncatedFlag : 0);
  uint32_t* head = g_stacks.At(stack.hash);
  for (uint32_t id = *head; id != 0;) {
    uint32_t* record = g_words.At(id);
    if (record[0] == shape && HashOf(record) == stack.hash) return id;
    id = record[1];
  }

  uint32_t words = kHeaderWords + stack.depth;
  constexpr uint32_t kChunk = decltype(g_words)::kChunkSize;
  if (words > kChunk) return kOverflowStack;
  uint32_t id = g_next_word;
  if (id % kChunk + words > kChunk) id = (id / kChunk + 1) * kChunk;  // a record lies in one chunk
  if (id == kOverflowStack || !g_words.Reserve(id, words)) return kOverflowStack;
  uint32_t* record = g_words.At(id);
  for (uint32_t i = 0; i < stack.depth; ++i) {
    record[kHeaderWords + i] = g_locations.Intern(stack.pcs[i]);
    if (record[kHeaderWords + i] == 0) return kOverflowStack;
  }
  record[0] = shape;
  record[1] = *head;
  record[2] = static_cast<uint32_t>(stack.hash);
  record[3] = static_cast<uint32_t>(stack.hash >> 32);
  *head = id;
  g_next_word = id + words;
  g_stack_count.store(count + 1, std::memory_order_relaxed);
  return id;
}

uint32_t StackCount() { return g_stack_count.load(std::memory_order_relaxed); }

StackView StackAt(uint32_t stack) {
  if (stack == kOverflowStack) return {nullptr, 0, false};
  // The bucket that names the stack was published after the stack (release in bucket_table): it is complete.
  const uint32_t* record = g_words.At(stack);
  return {record + kHeaderWords, record[0] & kDepthMask, (record[0] & kTruncatedFlag) != 0};
}

uint32_t LocationCount() { return g_locations.count(); }

uint64_t LocationReturnAddress(uint32_t id) { return g_locations.AddressOf(id); }

// A return address behind a module's last instruction belongs to it, one at its start does not.
static bool IsCallIn(uint64_t return_address, uint64_t start, uint64_t limit) {
  return return_address - 1 - start < limit - start;
}

bool HasLocationIn(uint64_t start, uint64_t limit) {
  return g_locations.Any([=](uint64_t address) { return IsCallIn(address, start, limit); });
}

void MoveLocationAddresses(uint64_t start, uint64_t limit, uint64_t to) {
  g_locations.MoveAll(to - start, [=](uint64_t address) { return IsCallIn(address, start, limit); });
}

bool RetireStackIn(uint32_t stack, uint64_t start, uint64_t limit) {
  if (stack == kOverflowStack) return false;
  uint32_t* record = g_words.At(stack);
  for (uint32_t i = 0; i < (record[0] & kDepthMask); ++i) {
    if (IsCallIn(LocationReturnAddress(record[kHeaderWords + i]), start, limit)) {
      record[0] |= kRetiredFlag;
      return true;
    }
  }
  return false;
}

}  // namespace heapprof
