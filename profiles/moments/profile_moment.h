// SPDX-License-Identifier: Apache-2.0
// What a profile counts at a moment, kept until a later one, so that the difference of the two can be
// written: what happened meanwhile.
//
//   ProfileMoment before, after;
//   before.Take(profile, caller);  ...  after.Take(profile, caller);
//   WriteDifference(profile, before, &after, false, &sink, workspace);
//
// Thread-safety: an object belongs to one user; taking and writing are for the holder of the dump lock.
// Signal-safety: yes. Allocates: mmap only, 16 bytes a bucket or an entry. Zeroed memory is a moment at which
// there was nothing. Its owner frees it: there are some that live as long as the process.
#ifndef HEAPPROF_PROFILES_MOMENTS_PROFILE_MOMENT_H_
#define HEAPPROF_PROFILES_MOMENTS_PROFILE_MOMENT_H_

#include <stddef.h>
#include <stdint.h>

#include "profiles/threads/thread_list.h"
#include "profiles/write/heap_source.h"
#include "profiles/write/named_profile.h"
#include "proto/byte_sink.h"

namespace heapprof {

// Whether there are differences of such a profile: of what grows with time, and of threads.
bool HasDifference(ProfileKind kind);

class ProfileMoment {
 public:
  constexpr ProfileMoment() = default;
  ProfileMoment(const ProfileMoment&) = delete;
  ProfileMoment& operator=(const ProfileMoment&) = delete;

  // 0, -ENOMEM, or the error of listing threads. What it had before is gone.
  int Take(const NamedProfile& profile, const OwnStack& caller);
  void Free();
  void Swap(ProfileMoment* other);

 private:
  friend int WriteDifference(const NamedProfile& profile, const ProfileMoment& before, ProfileMoment* after,
                             bool in_use_as_it_is, ByteSink* sink, void* workspace);
  int TakeThreads(const OwnStack& caller);

  void* values_ = nullptr;  // SampleCounts, StackValues, or the ThreadList
  size_t bytes_ = 0;
  uint32_t count_ = 0;
  bool of_threads_ = false;
  int64_t time_nanos_ = 0;
};

// gzip'd profile.proto. `in_use_as_it_is`: of heap profiles, what is in use at the later moment in place of
// the difference. `workspace` is zeroed memory, of any kind of profile. 0 or -errno.
int WriteDifference(const NamedProfile& profile, const ProfileMoment& before, ProfileMoment* after,
                    bool in_use_as_it_is, ByteSink* sink, void* workspace);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_MOMENTS_PROFILE_MOMENT_H_
