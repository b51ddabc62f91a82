// SPDX-License-Identifier: Apache-2.0
// gperftools' form of a CPU profile, which its own pprof and today's read.
//
// Words of eight bytes: 0, 3, 0, the period in microseconds, 0; for each stack its count, its depth, and its
// addresses, the leaf first; 0, 1, 0; then the text of /proc/self/maps. Of the addresses all but the first
// are return addresses, from which readers take one. What has no stack (lost samples, the kernel's work at
// threads' ends) stands under the address 1, which is no code.
//
// Thread-safety: one writer at a time per workspace. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_PROFILES_PEERS_CPU_WORDS_H_
#define HEAPPROF_PROFILES_PEERS_CPU_WORDS_H_

#include "proto/byte_sink.h"
#include "sampling/cpu/cpu_sampler.h"

namespace heapprof {

// `buffer` has TextStream::kBufferSize bytes. 0 or -errno.
int WriteCpuWords(const cpu::CpuProfile& profile, ByteSink* sink, char* buffer);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_PEERS_CPU_WORDS_H_
