// SPDX-License-Identifier: Apache-2.0
// Labels: key/value pairs of a thread, which its samples carry. A thread has one label set at a time
// (label_table.h).
//
// Thread-safety: yes. Signal-safety: all but SetLabel. Allocates: mmap only, for a set that was not seen
// before. Lock: kLabels, for new sets.
#ifndef HEAPPROF_SAMPLING_THREAD_LABELS_H_
#define HEAPPROF_SAMPLING_THREAD_LABELS_H_

#include <stdint.h>

#include "sampling/thread/label_table.h"

namespace heapprof {

// The sets of this process.
LabelTable& LabelSets();

// The calling thread's label set.
uint32_t CurrentLabels();
// Where that is: at the same place in each thread's thread-local storage.
const uint32_t* CurrentLabelsPlace();
// Gives the calling thread a set that another has or had.
void InheritLabels(uint32_t set);

// Sets `key` to `value` in the calling thread, or removes it if `value` is nullptr. 0, or what
// LabelTable::With says; the labels stay as they were then.
int SetLabel(const char* key, const char* value);
// The calling thread's value of `key`, good forever; nullptr: it has none.
const char* GetLabel(const char* key);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_LABELS_H_
