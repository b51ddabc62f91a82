#include "sampling/stack_table.h"

#include "base/arena.h"
#include "sampling/heap_tables.h"
#include "sampling/sampler.h"

namespace heapprof {
namespace {

constexpr uint32_t kTruncatedFlag = 1u << 31;
constexpr uint32_t kRetiredFlag = 1u << 30;  // its PCs are no more; see RetireStackIn
constexpr uint32_t kDepthMask = kRetiredFlag - 1;
constexpr uint32_t kHeaderWords = 4;  // depth and flag, next in chain, hash in two halves

ChunkedArray<std::atomic<uint64_t>, 12, 8192> g_location_address;
ChunkedArray<uint32_t, 14, 65536> g_words;
std::atomic<uint32_t> g_location_count{0};
std::atomic<uint32_t> g_stack_count{0};
uint32_t g_next_word = 1;  // 0 is kOverflowStack

// An index of ids that only writers use, under the lock, so that it may move when it grows.
struct Index {
  uint32_t* slots = nullptr;
  uint32_t size = 0;  // a power of two

  // Replaces the slots by `factor` times as many, empty ones. False: no memory, nothing changed.
  bool Grow(uint32_t first_size, uint32_t** old_slots, uint32_t* old_size) {
    uint32_t new_size = size == 0 ? first_size : size * 4;
    if (new_size == 0 || new_size > (1u << 30)) return false;
    void* memory = MapMetadata(uint64_t{new_size} * sizeof(uint32_t));
    if (memory == nullptr) return false;
    *old_slots = slots;
    *old_size = size;
    slots = static_cast<uint32_t*>(memory);
    size = new_size;
    return true;
  }
};

Index g_locations;  // open addressing, linear probing, at most half full
Index g_stacks;     // heads of chains

uint32_t* FindLocationSlot(uintptr_t address) {
  uint32_t mask = g_locations.size - 1;
  for (uint32_t at = static_cast<uint32_t>(MixBits(address)) & mask;; at = (at + 1) & mask) {
    uint32_t id = g_locations.slots[at];
    if (id == 0 || *g_location_address.At(id) == address) return &g_locations.slots[at];
  }
}

bool GrowLocations() {
  uint32_t* old_slots;
  uint32_t old_size;
  constexpr uint32_t kFirst = 4096;
  if (!g_locations.Grow(kFirst, &old_slots, &old_size)) return false;
  for (uint32_t i = 0; i < old_size; ++i) {
    if (old_slots[i] != 0) *FindLocationSlot(*g_location_address.At(old_slots[i])) = old_slots[i];
  }
  if (old_slots != nullptr) UnmapMetadata(old_slots, uint64_t{old_size} * sizeof(uint32_t));
  return true;
}

// 0: no memory.
uint32_t InternLocation(uintptr_t address) {
  uint32_t count = g_location_count.load(std::memory_order_relaxed);
  if (count + 1 > g_locations.size / 2 && !GrowLocations()) {
    // Full for good: old ones are still found as long as a slot is empty.
    if (g_locations.size == 0 || count + 1 >= g_locations.size) return 0;
  }
  uint32_t* slot = FindLocationSlot(address);
  if (*slot != 0) return *slot;
  uint32_t id = count + 1;
  if (!g_location_address.Reserve(id, 1)) return 0;
  g_location_address.At(id)->store(address, std::memory_order_relaxed);
  *slot = id;
  // release: the address before the count that covers it.
  g_location_count.store(id, std::memory_order_release);
  return id;
}

uint64_t HashOf(const uint32_t* record) { return record[2] | (uint64_t{record[3]} << 32); }

uint32_t* StackHead(uint64_t hash) { return &g_stacks.slots[hash & (g_stacks.size - 1)]; }

void GrowStacks() {
  uint32_t* old_slots;
  uint32_t old_size;
  constexpr uint32_t kFirst = 1024;
  if (!g_stacks.Grow(kFirst, &old_slots, &old_size)) return;  // chains grow longer, that is all
  for (uint32_t i = 0; i < old_size; ++i) {
    for (uint32_t id = old_slots[i]; id != 0;) {
      uint32_t* record = g_words.At(id);
      uint32_t next = record[1];
      uint32_t* head = StackHead(HashOf(record));
      record[1] = *head;
      *head = id;
      id = next;
    }
  }
  if (old_slots != nullptr) UnmapMetadata(old_slots, uint64_t{old_size} * sizeof(uint32_t));
}

}  // namespace

uint32_t InternStack(const RawStack& stack) {
  uint32_t count = g_stack_count.load(std::memory_order_relaxed);
  if (count >= g_stacks.size) GrowStacks();
  if (g_stacks.size == 0) return kOverflowStack;
  uint32_t shape = stack.depth | (stack.truncated ? kTruncatedFlag : 0);
  uint32_t* head = StackHead(stack.hash);
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
    record[kHeaderWords + i] = InternLocation(stack.pcs[i]);
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

uint32_t LocationCount() { return g_location_count.load(std::memory_order_acquire); }

uint64_t LocationReturnAddress(uint32_t id) {
  return g_location_address.At(id)->load(std::memory_order_relaxed);
}

// A return address behind a module's last instruction belongs to it, one at its start does not.
static bool IsCallIn(uint64_t return_address, uint64_t start, uint64_t limit) {
  return return_address - 1 - start < limit - start;
}

bool AnyLocationIn(uint64_t start, uint64_t limit) {
  uint32_t count = LocationCount();
  for (uint32_t id = 1; id <= count; ++id) {
    if (IsCallIn(LocationReturnAddress(id), start, limit)) return true;
  }
  return false;
}

void MoveLocationAddresses(uint64_t start, uint64_t limit, uint64_t to) {
  uint32_t count = LocationCount();
  for (uint32_t id = 1; id <= count; ++id) {
    uint64_t address = LocationReturnAddress(id);
    // The index still leads here for the old address, which this entry then denies.
    if (IsCallIn(address, start, limit)) {
      g_location_address.At(id)->store(to + (address - start), std::memory_order_relaxed);
    }
  }
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
