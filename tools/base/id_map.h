// SPDX-License-Identifier: Apache-2.0
// Indices for the ids of a profile: 0, 1, 2... in the order in which the ids are first seen.
//
// Thread-safety: an object belongs to one thread.
// Invariant: an id that was seen while it was below the array's room is in the array, every other in the hash
// map; the room grows only as fast as the number of ids, so that no id of a hostile file makes it large.
#ifndef HEAPPROF_TOOLS_BASE_ID_MAP_H_
#define HEAPPROF_TOOLS_BASE_ID_MAP_H_

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace heapprof::tools {

class IdMap {
 public:
  uint32_t IndexOf(uint64_t id) {
    if (id >= dense_.size()) {
      const auto found = sparse_.find(id);
      if (found != sparse_.end()) return found->second;
      if (id >= 4 * static_cast<uint64_t>(count_) + kRoom) {
        sparse_.emplace(id, count_);
        return count_++;
      }
      Grow(id);
    }
    uint32_t& index = dense_[id];
    if (index == kFree) index = count_++;
    return index;
  }
  uint32_t size() const { return count_; }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  static constexpr uint64_t kRoom = 4096;

  void Grow(uint64_t id) {
    const uint64_t old_size = dense_.size();
    dense_.resize(id + id / 2 + kRoom, kFree);
    // Ids that came while they were too large for the array are in it from now on.
    for (auto it = sparse_.begin(); it != sparse_.end();) {
      if (it->first < old_size || it->first >= dense_.size()) {
        ++it;
        continue;
      }
      dense_[it->first] = it->second;
      it = sparse_.erase(it);
    }
  }

  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t> sparse_;
  uint32_t count_ = 0;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_ID_MAP_H_
