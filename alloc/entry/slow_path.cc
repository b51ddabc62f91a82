// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/slow_path.h"

#include <errno.h>
#include <string.h>

#include "alloc/backend/early_heap.h"
#include "alloc/backend/jemalloc_bins.h"
#include "alloc/entry/init.h"
#include "leak/quarantine.h"
#include "profiles/dump_triggers.h"

namespace heapprof {

// ASK_FILTER in the fast path has these as numbers.
static_assert(sample_filter::kLgPage == 12 && sample_filter::kLgPages == 16 && sample_filter::kLgUnit == 8 &&
              sample_filter::kLgUnits == 20 && kMinSampleMask == 15);
// So has COUNT_DOWN, and what it compares with is also the bound of the sizes that a cache may have.
static_assert(offsetof(ThreadCountdown, stamp) == 8 && kShortSizes == JE_LOOKUP_MAX + 1 &&
              kStampStep > kShortSizes);

namespace {

// Below this jemalloc never resizes in place; from here on blocks are whole pages.
constexpr size_t kSmallestLarge = JE_SMALLEST_LARGE;

void* NoMemory() {
  errno = ENOMEM;
  return nullptr;
}

size_t Max(size_t a, size_t b) { return a > b ? a : b; }
size_t Min(size_t a, size_t b) { return a < b ? a : b; }

// A block for an answer of Decide. `flags` are those of hpje_mallocx.
void* AllocateSample(size_t size, int flags, uint64_t interval, const CallerFrame& caller) {
  size_t alignment = Max(recorder::SampleAlignment(), size_t{1} << (flags & kLgAlignMask));
  void* block;
  if (alignment <= kQuantum && (flags & ~kLgAlignMask) == 0) {
    block = hpje_malloc(Max(size, kQuantum));  // its short way in, and the block is aligned all the same
  } else {
    block = hpje_mallocx(size == 0 ? 1 : size, (flags & ~kLgAlignMask) | AlignFlag(alignment));
  }
  if (block == nullptr) {
    recorder::Forget();
    LookAtRefusal(size);
    return NoMemory();
  }
  recorder::RecordAllocation(block, size, interval, caller, flags & kLgAlignMask);
  LookAtDumpTriggers(size, interval);
  return block;
}

// A sample has the usable bytes that it would have if it were none.
size_t UsableSizeOf(const recorder::Sample& sample, size_t physical) {
  constexpr int kLgPage = 12;
  // From a page on, samples are aligned as any other block.
  if (sample.lg_alignment >= kLgPage) return physical;
  return Min(physical, hpje_nallocx(Max(sample.size, 1), sample.lg_alignment));
}

bool ResizeInPlace(void* block, size_t old_usable, size_t size, int flags, bool to_be_sample) {
  if (size < kSmallestLarge || old_usable < kSmallestLarge) return false;
  size_t alignment = size_t{1} << (flags & kLgAlignMask);
  if (to_be_sample) alignment = Max(alignment, recorder::SampleAlignment());
  if ((reinterpret_cast<uintptr_t>(block) & (alignment - 1)) != 0) return false;
  size_t wanted = hpje_nallocx(size, flags);
  return wanted != 0 && hpje_xallocx(block, size, 0, flags) == wanted;
}

void* ReallocateEarly(void* block, size_t size, const CallerFrame& caller) {
  void* fresh = Allocate(size, kNaturalAlignment, 0, caller);
  if (fresh != nullptr) memcpy(fresh, block, Min(EarlyBlockSize(block), size));
  return fresh;
}

}  // namespace

void* AllocatePlain(size_t size, size_t alignment, int flags) {
  if (alignment <= kNaturalAlignment && flags == 0) return hpje_malloc(size);
  void* block = hpje_mallocx(size == 0 ? 1 : size, flags | AlignFlag(alignment));
  return block != nullptr ? block : NoMemory();
}

void* AllocateDue(size_t size, size_t alignment, int flags, const CallerFrame& caller) {
  if (!IsInitialized()) {
    // What was subtracted from a countdown of zero must not let the next call pass, nor one that the start
    // makes.
    t_plain_countdown.countdown = 0;
    if (BeforeTls() || StartsBackendHere()) {
      void* block = EarlyAllocate(size, alignment);
      sample_filter::Pin(reinterpret_cast<uintptr_t>(block));
      return block;
    }
    Initialize();
  }
  uint64_t interval = recorder::Decide(size);
  if (interval == 0) return AllocatePlain(size, alignment, flags);
  return AllocateSample(size, flags | AlignFlag(alignment), interval, caller);
}

void* Reallocate(void* block, size_t size, int flags, const CallerFrame& caller) {
  bool due = !Spend(size);
  bool maybe_sample = MaybeSample(block);
  if (!due && !maybe_sample) {
    void* moved = hpje_rallocx(block, size, flags);
    return moved != nullptr ? moved : NoMemory();
  }
  if (IsEarlyBlock(block)) {
    t_plain_countdown.countdown += size;  // ReallocateEarly spends it
    return ReallocateEarly(block, size, caller);
  }
  // A block that is not early came from an initialised library: the recorder can be asked.
  recorder::Sample sample;
  bool was_sample = maybe_sample && recorder::IsSample(block, &sample);
  uint64_t interval = due ? recorder::Decide(size) : 0;
  if (interval == 0 && !was_sample) {
    void* moved = hpje_rallocx(block, size, flags);
    return moved != nullptr ? moved : NoMemory();
  }
  size_t old_usable = hpje_sallocx(block, 0);
  // Zeroing and a chosen arena or cache keep to the copying way.
  if ((flags & ~kLgAlignMask) == 0 && ResizeInPlace(block, old_usable, size, flags, interval != 0)) {
    // Of a block that was a sample the live table's entry is replaced, in one step: a leak check may stop
    // this thread at any time, and must find the block there.
    if (interval != 0) {
      recorder::RecordAllocation(block, size, interval, caller, flags & kLgAlignMask);
      LookAtDumpTriggers(size, interval);
    } else {
      recorder::RecordFree(block);
    }
    return block;
  }
  void* fresh = nullptr;
  if (interval != 0) {
    fresh = AllocateSample(size, flags, interval, caller);
  } else {
    fresh = hpje_mallocx(size, flags);
  }
  if (fresh == nullptr) return NoMemory();
  // All that the program could use of both: it may have asked for less than it uses.
  if (was_sample) old_usable = UsableSizeOf(sample, old_usable);
  memcpy(fresh, block, Min(old_usable, hpje_sallocx(fresh, 0)));
  if (was_sample) recorder::RecordFree(block);
  hpje_dallocx(block, flags & ~(kLgAlignMask | kZeroFlag));
  return fresh;
}

size_t UsableSize(const void* block) {
  if (IsEarlyBlock(block)) return EarlyBlockSize(block);
  size_t usable = hpje_sallocx(block, 0);
  recorder::Sample sample;
  return MaybeSample(block) && recorder::IsSample(block, &sample) ? UsableSizeOf(sample, usable) : usable;
}

namespace {

// jemalloc 5.3.0 says that a block has its old size when there was room for `size`, which it then has, but
// not for `extra`.
size_t ResizeInBackend(void* block, const Resize& resize) {
  hpje_xallocx(block, resize.size, resize.extra, resize.flags);
  return hpje_sallocx(block, 0);
}

size_t ResizeSample(void* block, const recorder::Sample& sample, const Resize& resize,
                    const CallerFrame& caller) {
  size_t before = hpje_sallocx(block, 0);
  size_t usable = UsableSizeOf(sample, before);
  if (usable < kSmallestLarge) return usable;
  size_t after = ResizeInBackend(block, resize);
  if (after == before) return usable;
  size_t size = Min(after, resize.Most());
  recorder::RecordResize(block, sample, size, caller);
  return after;
}

}  // namespace

size_t ResizeOnlyInPlace(void* block, const Resize& resize, const CallerFrame& caller) {
  if (IsEarlyBlock(block)) return EarlyBlockSize(block);
  recorder::Sample sample;
  if (MaybeSample(block) && recorder::IsSample(block, &sample))
    return ResizeSample(block, sample, resize, caller);
  size_t before = hpje_sallocx(block, 0);
  size_t after = ResizeInBackend(block, resize);
  size_t size = Min(after, resize.Most());
  // What it has grown by counts as allocated, so that the block is a sample with the probability of its size.
  if (size <= before || Spend(size - before)) return after;
  uint64_t interval = recorder::Decide(size - before);
  if (interval == 0) return after;
  if ((reinterpret_cast<uintptr_t>(block) & (recorder::SampleAlignment() - 1)) == 0) {
    recorder::RecordAllocation(block, size, interval, caller, resize.flags & kLgAlignMask);
    LookAtDumpTriggers(size, interval);
    return after;
  }
  // It cannot be one where it lies. As if there were no room, so that the program moves it, and the block
  // that it gets then is the sample.
  recorder::Postpone();
  return ResizeInBackend(block, {before, 0, resize.flags});
}

bool PrepareFree(void* block) {
  if (block == nullptr || IsEarlyBlock(block)) return false;
  if (MaybeSample(block)) recorder::RecordFree(block);
  return true;
}

}  // namespace heapprof

using heapprof::AllocateDue;

extern "C" void* hp_malloc_slow(size_t size) {
  return AllocateDue(size, heapprof::kNaturalAlignment, 0, HEAPPROF_CALLER_FRAME());
}

// Out of line: what it needs would have every free save registers.
__attribute__((noinline, cold)) static void KeepInQuarantine(void* block) {
  heapprof::quarantine::Keep(
      block, [](void* kept) { return hpje_sallocx(kept, 0); }, hpje_free);
}

extern "C" void hp_free_slow(void* block) {
  if (!heapprof::PrepareFree(block)) return;
  if (__builtin_expect(!heapprof::quarantine::IsOn(), 1)) return hpje_free(block);
  KeepInQuarantine(block);
}
