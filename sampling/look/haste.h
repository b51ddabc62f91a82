// SPDX-License-Identifier: Apache-2.0
// When processes of ours get a processor that others want, too.
//
// Thread-safety, signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_SAMPLING_LOOK_HASTE_H_
#define HEAPPROF_SAMPLING_LOOK_HASTE_H_

namespace heapprof {

// The calling process is to get one at once whenever it wakes: as a real-time process where the program may
// have such; else by the shortest slice, which newer kernels let anyone ask for. Whether it is a real-time
// process.
bool HurryUp();

// Without real time, a process that has worked more than its share waits until the others have had theirs,
// whatever its slice; and one that asks for long slices is let wait longer than its share asks for, which it
// is owed then. Processes that are started now inherit that, and hurry when they run first.
void TakeTime();

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_LOOK_HASTE_H_
