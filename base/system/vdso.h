// SPDX-License-Identifier: Apache-2.0
// Functions of the vDSO, the code that the kernel maps into each process: the clock without a system call and
// without a name that a preloaded library could have taken.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_VDSO_H_
#define HEAPPROF_BASE_SYSTEM_VDSO_H_

#include <stdint.h>

namespace heapprof {

// The address of a function of the image at `image` (AT_SYSINFO_EHDR; 0: there is none), or nullptr.
void* FindInVdso(uintptr_t image, const char* name);

// What it calls its clock_gettime.
#if defined(__aarch64__)
inline constexpr char kVdsoClock[] = "__kernel_clock_gettime";
#else
inline constexpr char kVdsoClock[] = "__vdso_clock_gettime";
#endif

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_VDSO_H_
