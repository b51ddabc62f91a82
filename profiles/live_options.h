// SPDX-License-Identifier: Apache-2.0
// Options while the program runs: what is in force, and changes of those that can change.
//
// Thread-safety: yes. Signal-safety: reading. Allocates: never.
#ifndef HEAPPROF_PROFILES_LIVE_OPTIONS_H_
#define HEAPPROF_PROFILES_LIVE_OPTIONS_H_

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

namespace heapprof {

// The value in force of the option `name`, as text. False: there is no such option.
bool PutLiveOption(const char* name, TextWriter* text);

// 0, or -ENOENT: there is no such option; -EPERM: it holds from the start to the end; -EINVAL: a bad value;
// -ENOTSUP: contention_interval in a program that is linked with -static.
int SetLiveOption(const char* name, const char* value);

// What it would answer, but for -ENOTSUP; nothing changes.
int CheckLiveOption(const char* name, const char* value);

// How the interval of the profiles of waits is set, which is above this folder.
void SetContentionSwitch(int (*set)(uint64_t nanos));

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_LIVE_OPTIONS_H_
