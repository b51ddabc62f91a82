// SPDX-License-Identifier: Apache-2.0
// Labels: key/value pairs of a thread, which its samples carry.
//
// A thread has one label set at a time, named by a 32-bit id; 0 is the empty one. Sets are stored once and
// never freed, so that a sample is labelled by copying a word, in a signal handler too, and a dump reads them
// at any time. So are their texts, each once, which have numbers: a profile takes those for its table of
// strings and need not look a label up. Bounds: kMaxLabels pairs in a set, texts of kMaxKeySize and
// kMaxValueSize bytes, kMaxSets distinct sets, kMaxLabelTexts distinct texts, and metadata_limit; what is
// beyond is refused, and the labels stay as they were.
//
// Thread-safety: yes. Signal-safety: all but SetLabel. Allocates: mmap only, for a set
// that was not seen before. Lock: kLabels, for new sets.
#ifndef HEAPPROF_SAMPLING_THREAD_LABELS_H_
#define HEAPPROF_SAMPLING_THREAD_LABELS_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

inline constexpr size_t kMaxLabels = 16, kMaxKeySize = 63, kMaxValueSize = 255;
inline constexpr uint32_t kMaxSets = 1 << 16;
inline constexpr uint32_t kMaxLabelTexts = 1 << 18;

struct Label {
  const char* key;
  const char* value;
};

// In ascending order of keys, each key once.
struct LabelSetView {
  const Label* labels;
  size_t count;
};

// The calling thread's label set.
uint32_t CurrentLabels();
// Gives the calling thread a set that another has or had.
void InheritLabels(uint32_t set);

// Sets `key` to `value` in the calling thread, or removes it if `value` is nullptr. 0, or -EINVAL: the key is
// empty or reserved ("bytes" and "pprof::..."), or a text is no UTF-8; -ENAMETOOLONG; -ENOSPC: too many
// labels, sets or texts; -ENOMEM.
int SetLabel(const char* key, const char* value);
// The calling thread's value of `key`, good forever; nullptr: it has none.
const char* GetLabel(const char* key);

LabelSetView LabelSetAt(uint32_t set);

// The texts of all sets, numbered from 1 to the count. Those of a set are among them once the set has a
// number.
uint32_t LabelTextCount();
const char* LabelTextAt(uint32_t number);
// The number of a key or value that LabelSetAt gave.
uint32_t LabelTextNumber(const char* text);

// False: no thread has or had a set of that number.
bool IsLabelSet(uint32_t set);

bool LockLabelsForFork();
void UnlockLabelsAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_THREAD_LABELS_H_
