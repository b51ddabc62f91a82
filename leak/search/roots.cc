// SPDX-License-Identifier: Apache-2.0
#include "leak/search/roots.h"

#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

#include <algorithm>
#include <atomic>

#include "base/system/raw_syscall.h"
#include "sampling/memory/memory_state.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/stop/thread_stacks.h"

extern "C" {
extern void* __libc_stack_end;
// Made by the linker: our own image, be it a library or (static) the program.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace heapprof::leak {

namespace {

AllocatorMemory g_allocator;
// Where a thread's control block has the allocator's thread-local data: from it, downwards.
uintptr_t g_thread_data_below = 0;

// Linked statically we are part of the program's image.
bool g_part_of_program = false;

constexpr size_t kRegions = 256;
struct Region {
  std::atomic<uintptr_t> start;
  std::atomic<size_t> size;
};
Region g_regions[kRegions];

// Below the stack pointer code may keep data without moving it (psABI, 3.2.2).
constexpr uintptr_t kRedZone = 128;

class RangeList {
 public:
  explicit RangeList(size_t capacity)
      : ranges_(static_cast<AddressRange*>(RawMap(capacity * sizeof(AddressRange)))), capacity_(capacity) {}
  ~RangeList() {
    if (ranges_ != nullptr) RawUnmap(ranges_, capacity_ * sizeof(AddressRange));
  }
  RangeList(const RangeList&) = delete;
  RangeList& operator=(const RangeList&) = delete;

  bool good() const { return ranges_ != nullptr; }
  void Add(uintptr_t start, uintptr_t end) {
    if (start < end && count_ < capacity_) ranges_[count_++] = {start, end};
  }
  void Sort() {
    std::sort(ranges_, ranges_ + count_,
              [](const AddressRange& a, const AddressRange& b) { return a.start < b.start; });
  }
  AddressRange* data() { return ranges_; }
  size_t count() const { return count_; }
  size_t room() const { return capacity_ - count_; }
  void Grew(size_t by) { count_ += by; }

 private:
  AddressRange* ranges_;
  size_t capacity_, count_ = 0;
};

class RootFinder {
 public:
  RootFinder(const MemoryMap& map, const StoppedWorld& world, Marking* marking)
      : map_(map), world_(world), marking_(marking), excluded_(Capacity(world)) {}

  bool Add(const SavedRegisters& caller) {
    if (!excluded_.good()) return false;
    main_stack_ = map_.Find(reinterpret_cast<uintptr_t>(__libc_stack_end));
    AddCaller(caller);
    for (size_t i = 0; i < world_.count(); ++i) {
      const StoppedThread& thread = world_.at(i);
      if (!thread.stopped) continue;
      marking_->AddRange(thread.registers.start, thread.registers.end);
      marking_->AddRange(thread.vectors.start, thread.vectors.end);
      AddStack(thread.stack_pointer - kRedZone, thread.control_block);
    }
    AddEndedThreads();
    // The main thread has ended (pthread_exit). What the kernel put above its first frame stays.
    if (main_stack_ != nullptr && world_.main_ended()) {
      excluded_.Add(main_stack_->start, reinterpret_cast<uintptr_t>(__libc_stack_end));
    }
    AddOwnMemory();
    AddMappings();
    for (const Region& region : g_regions) {
      uintptr_t start = region.start.load(std::memory_order_acquire);
      if (start > 1) marking_->AddRange(start, start + region.size.load(std::memory_order_relaxed));
    }
    for (size_t i = 0; i < kArgumentSlots; ++i) {
      marking_->AddWord(reinterpret_cast<uintptr_t>(HeldThreadArgument(i)));
    }
    AddressRange early = g_allocator.early_blocks();
    marking_->AddRange(early.start, early.end);
    return true;
  }

 private:
  static size_t Capacity(const StoppedWorld& world) {
    return kMaxOwnMappings + ThreadStackCount() + 2 * world.count() + 16;
  }

  void AddCaller(const SavedRegisters& caller) {
    for (uintptr_t word : caller.kept) marking_->AddWord(word);
    AddStack(caller.stack_pointer, ControlBlock());
  }

  // The upper end of the memory that a thread of libc's lives in: its stack, its TLS, its descriptor.
  uintptr_t TopOf(const Mapping& mapping, uintptr_t control_block) const {
    constexpr uintptr_t kPageMask = 4095;
    return std::min(mapping.end, (ThreadMemoryOf(control_block).end + kPageMask) & ~kPageMask);
  }

  // The lower end of that stack. Without a guard page the program's memory may lie below it in the same
  // mapping. Of a stack that is not known what is in use counts, and no more.
  uintptr_t LowOf(const Mapping& mapping, uintptr_t control_block, uintptr_t stack_pointer) const {
    ThreadStack known;
    bool is_known = FindThreadStack(control_block, &known);
    if (is_known && known.low != 0) return std::max(known.low, mapping.start);
    const Mapping* guard = map_.Below(mapping);
    if (guard != nullptr && !guard->readable && !(is_known && !known.guarded)) return mapping.start;
    if (!is_known) return stack_pointer;
    return std::max(mapping.start, TopOf(mapping, control_block) - known.size);
  }

  // jemalloc caches there which blocks lie where.
  AddressRange AllocatorsPart(uintptr_t control_block) const {
    uintptr_t start = control_block - g_thread_data_below;
    return {start, start + (g_allocator.thread_data.end - g_allocator.thread_data.start)};
  }

  // A thread's stack, by where its stack pointer and its control block lie.
  void AddStack(uintptr_t stack_pointer, uintptr_t control_block) {
    const Mapping* stack = map_.Find(stack_pointer);
    const Mapping* control = map_.Find(control_block);
    AddressRange hole = AllocatorsPart(control_block);
    excluded_.Add(hole.start, hole.end);
    if (stack == nullptr) return;
    if (stack == main_stack_) {
      marking_->AddRange(stack_pointer, stack->end);
      excluded_.Add(stack->start, stack->end);
      return;
    }
    if (stack == control && stack_pointer < control_block) {
      marking_->AddRange(stack_pointer, hole.start);
      marking_->AddRange(hole.end, TopOf(*stack, control_block));
      excluded_.Add(LowOf(*stack, control_block, stack_pointer), TopOf(*stack, control_block));
      return;
    }
    // On a coroutine's stack, or on a signal's. Where that is a block, the stack pointer keeps it; where it
    // is a mapping, it is the program's memory. The thread's own stack is in use up to an unknown place: the
    // whole counts.
    marking_->AddWord(stack_pointer + kRedZone);
    marking_->AddWord(stack_pointer);
  }

  // Nothing of an ended thread's stack counts; of its descriptor what a join will fetch.
  void AddEndedThreads() {
    for (size_t i = 0; i < ThreadStackCount(); ++i) {
      uintptr_t control_block = ThreadStackAt(i);
      ThreadStack known;
      if (control_block == 0 || IsAlive(control_block)) continue;
      // What the program made is its memory again.
      if (!FindThreadStack(control_block, &known) || known.low != 0) continue;
      const Mapping* stack = map_.Find(control_block);
      if (stack == nullptr || !stack->readable || !IsControlBlock(control_block)) continue;
      // libc keeps the table of thread-local storage with the stack, for the next thread.
      const uintptr_t table = StorageTableOf(control_block);
      marking_->AddRange(table, table + sizeof(uintptr_t));
      if (ThreadIdAt(control_block) >= 0) {  // -1: joined
        const AddressRange descriptor = DescriptorOf(control_block);
        marking_->AddRange(descriptor.start, descriptor.end);
      }
      excluded_.Add(LowOf(*stack, control_block, control_block), TopOf(*stack, control_block));
    }
  }

  bool IsAlive(uintptr_t control_block) const {
    if (control_block == ControlBlock()) return true;
    for (size_t i = 0; i < world_.count(); ++i) {
      if (world_.at(i).control_block == control_block) return true;
    }
    return false;
  }

  // Our own data, unless it is part of the program's: then only what is mapped counts as ours, and our static
  // data holds no pointer to a block.
  void AddOwnMemory() {
    if (!g_part_of_program) {
      excluded_.Add(reinterpret_cast<uintptr_t>(__ehdr_start),
                    (reinterpret_cast<uintptr_t>(_end) + 4095) & ~4095ul);
    }
    size_t found = CopyOwnMappings(excluded_.data() + excluded_.count(), excluded_.room());
    own_known_ = found <= excluded_.room();
    if (own_known_) excluded_.Grew(found);
  }

  void AddMappings() {
    excluded_.Sort();
    size_t next = 0;
    for (size_t i = 0; i < map_.count(); ++i) {
      const Mapping& mapping = map_.at(i);
      if (mapping.shared && !(mapping.anonymous && mapping.readable)) continue;  // of a file or a device
      // What was written while that was allowed counts; where it cannot be told, all but code does.
      if (!mapping.writable && mapping.executable && !marking_->KnowsWrittenPages()) continue;
      if (!own_known_ && mapping.anonymous) continue;
      uintptr_t at = mapping.start;
      while (next < excluded_.count() && excluded_.data()[next].end <= at) ++next;
      for (size_t k = next; k < excluded_.count() && excluded_.data()[k].start < mapping.end; ++k) {
        const AddressRange& hole = excluded_.data()[k];
        if (hole.start > at) marking_->AddRange(at, hole.start);
        if (hole.end > at) at = hole.end;
        if (at >= mapping.end) break;
      }
      if (at < mapping.end) marking_->AddRange(at, mapping.end);
    }
  }

  const MemoryMap& map_;
  const StoppedWorld& world_;
  Marking* marking_;
  RangeList excluded_;
  const Mapping* main_stack_ = nullptr;
  bool own_known_ = true;
};

}  // namespace

void InitRoots() {
  uintptr_t headers = getauxval(AT_PHDR);
  auto image = reinterpret_cast<uintptr_t>(__ehdr_start);
  g_part_of_program = headers - image < sizeof(ElfW(Ehdr)) + 4096;
  if (!g_part_of_program) SetOwnImage(image, (reinterpret_cast<uintptr_t>(_end) + 4095) & ~4095ul);
}

void SetAllocatorMemory(const AllocatorMemory& memory) {
  g_allocator = memory;
  g_thread_data_below = ControlBlock() - memory.thread_data.start;
}

bool AddRoots(const MemoryMap& map, const StoppedWorld& world, const SavedRegisters& caller,
              Marking* marking) {
  RootFinder finder(map, world, marking);
  return finder.Add(caller);
}

bool RegisterRegion(const void* start, size_t size) {
  auto address = reinterpret_cast<uintptr_t>(start);
  if (address == 0) return false;
  constexpr uintptr_t kBusy = 1;
  for (Region& region : g_regions) {
    uintptr_t free = 0;
    if (!region.start.compare_exchange_strong(free, kBusy, std::memory_order_relaxed)) continue;
    region.size.store(size, std::memory_order_relaxed);
    // release: the size before the start.
    region.start.store(address, std::memory_order_release);
    return true;
  }
  return false;
}

bool UnregisterRegion(const void* start, size_t size) {
  auto address = reinterpret_cast<uintptr_t>(start);
  for (Region& region : g_regions) {
    uintptr_t expected = address;
    if (address != 0 && region.size.load(std::memory_order_relaxed) == size &&
        region.start.compare_exchange_strong(expected, 0, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

}  // namespace heapprof::leak
