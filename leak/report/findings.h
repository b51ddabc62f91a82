// SPDX-License-Identifier: Apache-2.0
// What a check found, put together by stack.
//
// Thread-safety: an object belongs to one check. Signal-safety: yes. Allocates: mmap only: 24 bytes a bucket.
#ifndef HEAPPROF_LEAK_REPORT_FINDINGS_H_
#define HEAPPROF_LEAK_REPORT_FINDINGS_H_

#include <stddef.h>
#include <stdint.h>

#include "leak/search/block_index.h"
#include "leak/search/marking.h"

namespace heapprof::leak {

class BlockClasses;

enum class FindingKind : uint8_t { kDirect, kIndirect, kLive };

// Blocks of one stack, or, before Group, of one bucket.
struct Finding {
  uint32_t stack;
  FindingKind kind;
  uint32_t bucket;  // one of them
  uint64_t blocks, bytes;
};

class Findings {
 public:
  Findings() = default;
  ~Findings();
  Findings(const Findings&) = delete;
  Findings& operator=(const Findings&) = delete;

  // The blocks of epoch `since` or later that are leaked, and the others that are alive, too, if `live` is
  // set. One finding for each bucket and kind. False: no memory.
  bool Collect(const BlockIndex& index, const Marking& marking, uint32_t since, bool live,
               const BlockClasses* classes);
  // The same before leaks are sorted: what was not reached stands as kDirect.
  bool CollectCandidates(const BlockIndex& index, const Marking& marking, uint32_t since, bool live) {
    return Collect(index, marking, since, live, nullptr);
  }
  // One finding for each stack and kind; the heaviest first, leaks before what is merely alive.
  void Group();

  size_t count() const { return count_; }
  const Finding& at(size_t index) const { return findings_[index]; }
  const Finding* begin() const { return findings_; }
  const Finding* end() const { return findings_ + count_; }
  uint64_t blocks() const { return blocks_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Finding* findings_ = nullptr;
  size_t capacity_ = 0, count_ = 0;
  uint64_t blocks_ = 0, bytes_ = 0;
};

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_FINDINGS_H_
