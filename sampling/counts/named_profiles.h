// SPDX-License-Identifier: Apache-2.0
// Named profiles: the built-in ones, and those that programs make of their own things (files, connections).
//
// A custom profile holds keys, each with the stack that added it; its counts by stack are a StackCounts. The
// profile "threadcreate" counts the stacks that made threads. Profiles are never deleted, so that a dump
// reads them at any time: the registry is append-only, and counts are read without the lock.
//
// Thread-safety: yes. Signal-safety: Lookup, List, Count and reading `counts`; the others take the lock,
// which interrupted code may hold. Allocates: mmap only, within metadata_limit. Lock: kNamed, one for all.
#ifndef HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_
#define HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "sampling/counts/stack_counts.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {

enum class ProfileKind { kHeap, kAllocs, kThreadCreate, kCustom };

struct NamedProfile {
  static constexpr size_t kMaxNameSize = 63;

  char name[kMaxNameSize + 1];
  ProfileKind kind;
  std::atomic<uint64_t> count;  // of keys; of threads made
  // Of kThreadCreate and kCustom; nullptr before the first entry.
  std::atomic<StackCounts*> counts;

  // Keys and their entries, an open-addressed table; guarded by the lock. Entry 0: free.
  struct Slot {
    const void* key;
    uint64_t entry;
  };
  Slot* slots;
  size_t capacity;  // a power of two
};

inline constexpr size_t kMaxProfiles = 256;

// nullptr: there is none of that name.
NamedProfile* LookupProfile(const char* name);
// Makes a custom profile. 0, or -EINVAL: the name is empty, longer than kMaxNameSize or no UTF-8, -EEXIST: it
// is taken, -ENOSPC: there are kMaxProfiles, -ENOMEM.
int NewProfile(const char* name, NamedProfile** profile);
// Fills `out` with up to `capacity` profiles in the order of their names; returns how many there are.
size_t ListProfiles(NamedProfile** out, size_t capacity);
// Keys, threads made, or, of heap and allocs, stacks with their sizes.
uint64_t ProfileCount(const NamedProfile& profile);

// Adds `key` with the stack of `caller`, whose first `skip` frames are left out. 0, or -EEXIST: the key is in
// the profile; -EPERM: the profile is built in; -ENOMEM.
int AddToProfile(NamedProfile* profile, const void* key, size_t skip, const CallerFrame& caller);
// 0, also when the key is not there; -EPERM.
int RemoveFromProfile(NamedProfile* profile, const void* key);

// The caller is about to make a thread.
void RecordThreadCreation(const CallerFrame& caller);

// Of modules that dlclose unmaps; see sampling/module_watch.h. The first: whether any profile has a stack.
bool AnyProfileHasStacks();
bool NamedProfilesHaveLocationIn(uint64_t start, uint64_t limit);
void MoveProfileLocations(uint64_t start, uint64_t limit, uint64_t to);

bool LockNamedProfilesForFork();
void UnlockNamedProfilesAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_COUNTS_NAMED_PROFILES_H_
