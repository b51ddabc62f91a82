// SPDX-License-Identifier: Apache-2.0
// `heapprof merge`: the sum of many profiles of one kind.
//
// Equal stacks with equal labels become one sample, also where processes had a binary at different addresses:
// a location is known by its place in the file. One profile at a time is in memory beside the sum, which
// grows with the number of distinct stacks and not with that of files. Thread-safety: an object belongs to
// one thread. Errors: Failure; from a profile of another kind, one that starts like "has the sample types
// ...", and nothing of it is in the sum then.
//
// How sure a sum is follows from it as from a profile: variances add up as the numbers of samples do, which
// readers find from values and sizes (tools/estimate/estimate.h). Numbers of objects need care. Each file has
// them rounded to a whole, up or down by chance, and where a sample stands for one block and a half that
// chance is as large as that of sampling. The bytes have no such loss: so the sum's objects are its bytes
// divided by the size, where the two belong together.
#ifndef HEAPPROF_TOOLS_PROFILE_MERGE_H_
#define HEAPPROF_TOOLS_PROFILE_MERGE_H_

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tools/profile/interner.h"
#include "tools/profile/load.h"
#include "tools/profile/profile.h"

namespace heapprof::tools {

class Merger {
 public:
  Merger() : strings_(&sum_.header.strings), slots_(1 << 10) {}
  void Add(const Profile& profile);
  size_t files() const { return files_; }
  // The sum. Comments that all profiles share stay, but for those that tell of one process, and
  // `merged-files` says how many there were.
  Profile Finish();

 private:
  uint32_t Text(const Profile& from, int64_t string) { return strings_.Intern(from.text(string)); }
  ValueType Type(const Profile& from, const ValueType& type);
  void AddHeader(const Profile& from);
  void CheckKind(const Profile& from) const;
  void KeepCommonComments(const Profile& from);
  void MergeMappings(const Profile& from);
  void MergeFunctions(const Profile& from);
  void MergeLocations(const Profile& from);
  void MergeSample(const Profile& from, size_t index);
  size_t Slot(const ProfileSample& sample) const;
  bool SameSample(const ProfileSample& a, const ProfileSample& b) const;
  void GrowSlots();
  void FindPairs();
  double BlockSize(const ProfileSample& sample) const;
  bool FitsSize(const ProfileSample& sample, const int64_t* values) const;
  void CorrectObjects();

  Profile sum_;
  Interner strings_;
  size_t files_ = 0;
  // Of the profile at hand: its indices in the sum.
  std::vector<uint32_t> mapping_at_, function_at_, location_at_;
  std::vector<uint64_t> shift_;  // what is added to the addresses of a mapping
  std::map<std::tuple<uint64_t, uint64_t, uint32_t, uint32_t>, uint32_t> mappings_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, int64_t>, uint32_t> functions_;
  std::map<std::vector<uint64_t>, uint32_t> locations_;
  std::vector<std::pair<size_t, size_t>> pairs_;  // types of objects and of their bytes
  uint32_t bytes_ = 0;                            // string "bytes"
  std::vector<bool> fits_size_;                   // of each sample of the sum: in all files
  std::vector<uint32_t> slots_;                   // index + 1 of samples by their hash, at most half full
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_MERGE_H_
