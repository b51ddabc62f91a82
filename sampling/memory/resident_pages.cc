// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/resident_pages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr uintptr_t kPage = 4096;

// Of runs: as PAGEMAP_SCAN has them, and one of ours.
constexpr uint64_t kOfFile = 1 << 2, kPresent = 1 << 3, kZeroPage = 1 << 5;
constexpr uint64_t kDoubtful = uint64_t{1} << 32;

// Linux' linux/fs.h since 6.7; older headers have it not.
struct ScanArguments {
  uint64_t size, flags, start, end, walk_end, vector, vector_size, max_pages;
  uint64_t inverted, all_of, any_of, returned;
};
constexpr unsigned long kPageMapScan = _IOWR('f', 16, ScanArguments);

// Of entries (Documentation/admin-guide/mm/pagemap.rst).
constexpr uint64_t kEntryPresent = uint64_t{1} << 63, kEntryOfFile = uint64_t{1} << 61,
                   kEntryExclusive = uint64_t{1} << 56;

uint64_t AtLeastNothing(uint64_t whole, uint64_t part) { return whole > part ? whole - part : 0; }

}  // namespace

ResidentPages::~ResidentPages() {
  if (buffers_ != nullptr) RawUnmap(buffers_, sizeof(Buffers));
  if (page_map_ >= 0) RawClose(page_map_);
}

bool ResidentPages::Open(Source best) {
  buffers_ = static_cast<Buffers*>(RawMap(sizeof(Buffers)));
  if (buffers_ == nullptr) return false;
  // Once the main thread has ended /proc/self is empty.
  if (best != Source::kCore) page_map_ = RawOpen("/proc/thread-self/../../pagemap", O_RDONLY | O_CLOEXEC, 0);
  source_ = page_map_ < 0 ? Source::kCore : best;
  if (source_ == Source::kScan) {
    const auto here = reinterpret_cast<uintptr_t>(this) & ~(kPage - 1);
    Begin(here, here + kPage, false);
    if (!Scan(here + kPage)) source_ = Source::kPageMap;
  }
  if (source_ == Source::kPageMap) {
    const auto here = reinterpret_cast<uintptr_t>(this) & ~(kPage - 1);
    Begin(here, here + kPage, false);
    if (!ReadPageMap(1)) source_ = Source::kCore;
  }
  return true;
}

void ResidentPages::Begin(uintptr_t start, uintptr_t end, bool of_file) {
  at_ = known_end_ = start;
  end_ = end;
  of_file_ = of_file;
  runs_ = next_run_ = 0;
  is_sum_known_ = false;
  if (source_ == Source::kScan || end - start < kLarge) return;
  if (!large_read_) buffers_->large.Read(kLarge, buffers_->text);
  large_read_ = true;
  if (const LargeAreas::Resident* area = buffers_->large.Find(start, end)) {
    is_sum_known_ = true;
    sum_ = {};
    sum_.own = area->own;
    sum_.file = AtLeastNothing(area->resident, area->own);
  }
}

// Runs that are present and not the page of zeros.
bool ResidentPages::Scan(uintptr_t end) {
  ScanArguments arguments = {};
  arguments.size = sizeof(arguments);
  arguments.start = at_;
  arguments.end = end;
  arguments.vector = reinterpret_cast<uint64_t>(buffers_->runs);
  arguments.vector_size = kRuns;
  arguments.inverted = kZeroPage;
  arguments.all_of = kPresent | kZeroPage;
  arguments.returned = kOfFile | kPresent;
  const long got =
      RawSyscall(SYS_ioctl, page_map_, static_cast<long>(kPageMapScan), reinterpret_cast<long>(&arguments));
  if (got < 0) return false;
  runs_ = static_cast<size_t>(got);
  next_run_ = 0;
  known_end_ = arguments.walk_end;
  return true;
}

// False: no room.
bool ResidentPages::AddPage(uintptr_t page, uint64_t flags) {
  Run* last = runs_ > 0 ? &buffers_->runs[runs_ - 1] : nullptr;
  if (last != nullptr && last->end == page && last->flags == flags) {
    last->end += kPage;
    return true;
  }
  if (runs_ == kRuns) return false;
  buffers_->runs[runs_++] = {page, page + kPage, flags};
  return true;
}

bool ResidentPages::ReadPageMap(size_t pages) {
  const ssize_t got =
      RawPread(page_map_, buffers_->entries, pages * sizeof(uint64_t), at_ / kPage * sizeof(uint64_t));
  if (got <= 0) return false;
  pages = static_cast<size_t>(got) / sizeof(uint64_t);
  runs_ = next_run_ = 0;
  known_end_ = at_ + pages * kPage;
  for (size_t i = 0; i < pages; ++i) {
    const uint64_t entry = buffers_->entries[i];
    if ((entry & kEntryPresent) == 0) continue;
    const bool maybe_zero = (entry & (kEntryOfFile | kEntryExclusive)) == 0;
    const uint64_t flags =
        kPresent | ((entry & kEntryOfFile) != 0 ? kOfFile : 0) | (maybe_zero ? kDoubtful : 0);
    if (!AddPage(at_ + i * kPage, flags)) {
      known_end_ = at_ + i * kPage;
      break;
    }
  }
  return true;
}

void ResidentPages::AskCore(size_t pages) {
  runs_ = next_run_ = 0;
  known_end_ = at_ + pages * kPage;
  // Fails where something is not mapped any more: nothing is resident there.
  if (RawSyscall(SYS_mincore, static_cast<long>(at_), static_cast<long>(pages * kPage),
                 reinterpret_cast<long>(buffers_->core)) != 0) {
    return;
  }
  for (size_t i = 0; i < pages; ++i) {
    if ((buffers_->core[i] & 1) == 0) continue;
    if (!AddPage(at_ + i * kPage, kPresent | (of_file_ ? kOfFile | kDoubtful : 0))) {
      known_end_ = at_ + i * kPage;
      break;
    }
  }
}

void ResidentPages::Fill() {
  if (source_ == Source::kScan && Scan(end_) && known_end_ > at_) return;
  const size_t pages = std::min<size_t>((end_ - at_) / kPage, kPagesAtOnce);
  if (source_ != Source::kCore && ReadPageMap(pages) && known_end_ > at_) return;
  AskCore(pages);
}

ResidentBytes ResidentPages::Take(uintptr_t end) {
  end = std::min(end, end_);
  if (!is_sum_known_) return TakePages(end);
  ResidentBytes taken;
  if (end - std::min(at_, end) >= kLarge && end_ - end < kLarge) {
    // All but what is behind it.
    const uintptr_t whole_end = end_;
    at_ = known_end_ = end;
    runs_ = next_run_ = 0;
    const ResidentBytes rest = TakePages(whole_end);
    taken.own = AtLeastNothing(sum_.own, rest.own);
    taken.file = AtLeastNothing(sum_.file, rest.file);
    at_ = known_end_ = end;
    runs_ = next_run_ = 0;
  } else {
    taken = TakePages(end);
  }
  sum_.own = AtLeastNothing(sum_.own, taken.own);
  sum_.file = AtLeastNothing(sum_.file, taken.file);
  return taken;
}

ResidentBytes ResidentPages::TakePages(uintptr_t end) {
  ResidentBytes sum;
  while (at_ < end) {
    if (at_ >= known_end_) Fill();
    const uintptr_t stop = std::min(end, known_end_);
    while (next_run_ < runs_ && buffers_->runs[next_run_].start < stop) {
      const Run& run = buffers_->runs[next_run_];
      const uintptr_t from = std::max<uintptr_t>(run.start, at_), to = std::min<uintptr_t>(run.end, stop);
      if (from < to) {
        ((run.flags & kOfFile) != 0 ? sum.file : sum.own) += to - from;
        if ((run.flags & kDoubtful) != 0) sum.doubtful += to - from;
      }
      if (run.end > stop) break;
      ++next_run_;
    }
    at_ = stop;
  }
  return sum;
}

}  // namespace heapprof
