// SPDX-License-Identifier: Apache-2.0
// What /proc says of the threads of a process that shares this one's memory, without disturbing them.
//
//   schedstat   how long a thread has run, how long it waited for a processor, how often it was given one:
//               the last two change the moment that it runs again, so that a thread which waits and whose
//               count is as before has not run
//   syscall     of a thread that waits: in which system call, with which stack pointer, and where it will go
//   on
//
// Files of /proc are opened by the numbers that /proc has for threads. Thread-safety: yes. Signal-safety:
// yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_LOOK_THREAD_FILES_H_
#define HEAPPROF_SAMPLING_LOOK_THREAD_FILES_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

struct RunStamp {
  uint64_t cpu, delay;  // ns
  uint64_t runs;
};

struct Place {
  enum Where { kUnknown, kRunning, kWaits };
  Where where;
  long call;  // -1: it waits in none
  uintptr_t stack_pointer, pc;
  uint64_t argument;  // the call's first
};

// A descriptor or -errno. `folder` is the process' task folder, `name` a file of the thread's.
int OpenThreadFile(int folder, int listed, const char* name);

// False: the thread has ended, or the file does not say. `fd` is that of its schedstat.
bool ReadRunStamp(int fd, RunStamp* stamp);
bool ParseRunStamp(const char* text, RunStamp* stamp);

// By opening its file `syscall`. kRunning: it runs, or could.
Place ReadPlace(int folder, int listed);
Place ParsePlace(const char* text);

// How many threads there are: the links of the task folder, less two.
size_t CountThreads(int folder);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_THREAD_FILES_H_
