// SPDX-License-Identifier: Apache-2.0
// Which pages of a range are resident, as the kernel counts them for RSS.
//
// Asked for in this order:
// - the ioctl PAGEMAP_SCAN, since Linux 6.7: runs of pages; tells the page of zeros, which counts for
// nothing.
// - /proc/self/pagemap, 64 bits a page; the page of zeros looks like one that is shared with a child.
// - mincore(2), where neither may be read (a program that gave up privileges): of files it tells what is in
//   the page cache, whether this process has it or not.
// The latter two look at each page; where an area is very large its sum comes from /proc/self/smaps, and only
// the rest of what was asked for is looked at.
// Thread-safety: an object belongs to one reader. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_SAMPLING_MEMORY_RESIDENT_PAGES_H_
#define HEAPPROF_SAMPLING_MEMORY_RESIDENT_PAGES_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/memory/areas.h"

namespace heapprof {

struct ResidentBytes {
  uint64_t own = 0;   // private pages
  uint64_t file = 0;  // pages of a file, or of shared memory
  // Perhaps in no RSS: of `own` what may be the page of zeros, of `file` what mincore tells of.
  uint64_t doubtful = 0;

  uint64_t all() const { return own + file; }
  ResidentBytes& operator+=(const ResidentBytes& other) {
    own += other.own;
    file += other.file;
    doubtful += other.doubtful;
    return *this;
  }
};

class ResidentPages {
 public:
  enum class Source { kScan, kPageMap, kCore };

  ResidentPages() = default;
  ~ResidentPages();
  ResidentPages(const ResidentPages&) = delete;
  ResidentPages& operator=(const ResidentPages&) = delete;

  // Takes the first source, from `best` on, that answers. False: no memory.
  bool Open(Source best = Source::kScan);
  Source source() const { return source_; }

  // What follows is asked of [start, end), whole pages. `of_file`: pages that mincore tells of are a file's.
  void Begin(uintptr_t start, uintptr_t end, bool of_file);
  uintptr_t at() const { return at_; }
  // The resident bytes from where the last call ended to `end`.
  ResidentBytes Take(uintptr_t end);

 private:
  struct Run {  // the kernel's form of it
    uint64_t start, end, flags;
  };
  static constexpr size_t kRuns = 1024;
  static constexpr size_t kPagesAtOnce = 16 << 10;
  struct Buffers {
    Run runs[kRuns];
    uint64_t entries[kPagesAtOnce];
    uint8_t core[kPagesAtOnce];
    LargeAreas large;
    char text[kAreaTextBytes];
  };
  static constexpr uintptr_t kLarge = uintptr_t{4} << 30;

  void Fill();
  ResidentBytes TakePages(uintptr_t end);
  bool Scan(uintptr_t end);
  bool ReadPageMap(size_t pages);
  void AskCore(size_t pages);
  bool AddPage(uintptr_t page, uint64_t flags);

  Buffers* buffers_ = nullptr;
  int page_map_ = -1;
  Source source_ = Source::kCore;
  uintptr_t at_ = 0, end_ = 0;
  bool of_file_ = false;
  // Of [at_, end_), where it is known as a whole.
  bool is_sum_known_ = false, large_read_ = false;
  ResidentBytes sum_;
  // What runs_ tells of ends here.
  uintptr_t known_end_ = 0;
  size_t runs_ = 0, next_run_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MEMORY_RESIDENT_PAGES_H_
