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
// Gives the calling thread a set that another has or had.
void InheritLabels(uint32_t set);

// What others may read of a thread that they hold: at the same place in each thread's thread-local storage.
struct ThreadTags {
  uint32_t labels;   // its label set
  uint32_t creator;  // the entry of the profile "threadcreate" whose stack made it; 0: not known
};
const ThreadTags* CurrentTags();
// The calling thread is new.
void NoteCreator(uint32_t entry);

// Sets `key` to `value` in the calling thread, or removes it if `value` is nullptr. 0, or what
// LabelTable::With says; the labels stay as they were then.
int SetLabel(const char* key, const char* value);
// The calling thread's value of `key`, good forever; nullptr: it has none.
const char* GetLabel(const char* key);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_LABELS_H_
