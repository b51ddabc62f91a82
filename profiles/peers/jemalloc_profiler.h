// SPDX-License-Identifier: Apache-2.0
// What jemalloc's profiler does, done by heapprof, for a program whose settings turn it on (prof:true).
//
// The private jemalloc has no profiler at work. alloc reads the settings out of it and hands them over here,
// and asks here where a program uses the controls prof.* and thread.prof.*; docs/migrating.md lists them.
//
// Thread-safety: yes, but for Configure and Install, which are called once each. Signal-safety: as mallctl,
// no. Allocates: never.
#ifndef HEAPPROF_PROFILES_PEERS_JEMALLOC_PROFILER_H_
#define HEAPPROF_PROFILES_PEERS_JEMALLOC_PROFILER_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof::jemalloc_profiler {

// As jemalloc names and defaults them.
struct Settings {
  bool prof = false;
  bool prof_active = true, prof_thread_active_init = true;
  bool prof_gdump = false, prof_final = false, prof_accum = false;
  bool prof_leak = false, prof_leak_error = false;
  size_t lg_prof_sample = 19;
  long lg_prof_interval = -1;
  const char* prof_prefix = "jeprof";  // good forever
};

// Before the recorder starts.
void Configure(const Settings& settings);
// When libc can be called: what comes by itself, and at exit, when `end` ends the process with a status.
void Install(void (*end)(int status));
// False: jemalloc's own answers are the right ones.
bool IsOn();
const Settings& Given();

bool Active();
void SetActive(bool on);
bool DumpsOnGrowth();
void SetDumpsOnGrowth(bool on);
// Bytes between dumps that come by themselves; 0: none do.
uint64_t DumpInterval();
size_t LgSample();
void SetPrefix(const char* prefix);
// The profile begins anew, with this interval. False: no memory, all stays.
bool Reset(size_t lg_sample);
// To `path`, or, if it is nullptr, to the next of jemalloc's names. 0 or -errno.
int Dump(const char* path);
// The calling thread's name: its label "thread". 0, EFAULT or EAGAIN, as jemalloc has it.
int SetThreadName(const char* name);
const char* ThreadName();
// A new thread has its creator's labels, but not its name.
void ForgetInheritedName();

// After a block was recorded.
void LookAtTriggers(size_t size, uint64_t interval);
// The child's part of fork: bytes count from its own start.
void AfterForkInChild();

}  // namespace heapprof::jemalloc_profiler

#endif  // HEAPPROF_PROFILES_PEERS_JEMALLOC_PROFILER_H_
