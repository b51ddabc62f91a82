// SPDX-License-Identifier: Apache-2.0
// A set of ids out of a profile, small for the ids 1..N that writers use, bounded for any others.
//
// Thread-safety: an object belongs to one thread. Errors: Failure when a hostile file would make it grow
// without bound.
// Invariant: an id below kDense is in the bitmap, every other in the hash set.
#ifndef HEAPPROF_TOOLS_BASE_ID_SET_H_
#define HEAPPROF_TOOLS_BASE_ID_SET_H_

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "tools/base/failure.h"

namespace heapprof::tools {

class IdSet {
 public:
  // False if `id` is already there.
  bool Insert(uint64_t id) {
    if (id < kDense) {
      const size_t word = id / 64;
      if (word >= bits_.size()) bits_.resize(word + word / 2 + 1);
      const uint64_t bit = uint64_t{1} << (id % 64);
      if ((bits_[word] & bit) != 0) return false;
      bits_[word] |= bit;
      return true;
    }
    if (sparse_.size() >= kMaxSparse) throw Failure("more than 4194304 scattered ids");
    return sparse_.insert(id).second;
  }

  bool Contains(uint64_t id) const {
    if (id >= kDense) return sparse_.count(id) != 0;
    return id / 64 < bits_.size() && (bits_[id / 64] >> (id % 64) & 1) != 0;
  }

  // An id that is here but not in `other`; 0 if there is none (0 is no id).
  uint64_t MissingFrom(const IdSet& other) const {
    for (size_t word = 0; word < bits_.size(); ++word) {
      const uint64_t theirs = word < other.bits_.size() ? other.bits_[word] : 0;
      const uint64_t missing = bits_[word] & ~theirs;
      if (missing != 0) return word * 64 + static_cast<uint64_t>(__builtin_ctzll(missing));
    }
    for (const uint64_t id : sparse_) {
      if (!other.Contains(id)) return id;
    }
    return 0;
  }

 private:
  static constexpr uint64_t kDense = uint64_t{1} << 27;  // 16 MiB of bitmap
  static constexpr size_t kMaxSparse = size_t{1} << 22;
  std::vector<uint64_t> bits_;
  std::unordered_set<uint64_t> sparse_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_ID_SET_H_
