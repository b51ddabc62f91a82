// SPDX-License-Identifier: Apache-2.0
// Which pages of a range can hold a pointer that the program wrote.
//
// Only these are read: a page that was never written holds none, to read it may cost memory and minutes where
// a large range was only reserved, and a page that userfaultfd(2) is to fill would wait for a thread that is
// stopped.
//
//   private    /proc/self/pagemap: present or swapped, and no longer the file's
//   shared     mincore(2): in the page cache, whichever process put it there; that it was swapped out cannot
//              be told, so that everything is read once the system swaps
//   no pagemap (privileges were dropped): mincore for private memory, too
// Thread-safety: an object belongs to one reader. Signal-safety: yes. Allocates: mmap only.
#ifndef HEAPPROF_LEAK_SEARCH_DATA_PAGES_H_
#define HEAPPROF_LEAK_SEARCH_DATA_PAGES_H_

#include <stddef.h>
#include <stdint.h>

#include "base/system/own_mappings.h"

namespace heapprof::leak {

class DataPages {
 public:
  DataPages() = default;
  ~DataPages();
  DataPages(const DataPages&) = delete;
  DataPages& operator=(const DataPages&) = delete;

  // False: no memory.
  bool Init();
  // Whether single pages of private memory are known, those of files too.
  bool exact() const { return page_map_ >= 0; }

  // The first run of such pages in [start, end), cut to it; {end, end} if there is none.
  AddressRange Next(uintptr_t start, uintptr_t end, bool shared);

 private:
  // Fills flags_ for `count` pages from `start`. False: it cannot be told.
  bool AskPageMap(uintptr_t start, size_t count);
  bool AskCore(uintptr_t start, size_t count);

  static constexpr size_t kPagesAtOnce = 32 << 10;

  uint64_t* entries_ = nullptr;
  uint8_t* flags_ = nullptr;  // bit 0: to be read
  // What flags_ stands for.
  uintptr_t known_start_ = 0;
  size_t known_ = 0;
  bool known_shared_ = false;
  int page_map_ = -1;
  bool swapping_ = false;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_SEARCH_DATA_PAGES_H_
