// SPDX-License-Identifier: Apache-2.0
// What a process publishes of its dump signal, so that `heapprof dump` need not guess.
//
// A note in the module that carries the library (owner "heapprof", kDumpRecordNote) holds one word: the
// distance from that word to the record. Another process finds the note in the memory of this one, in a
// stripped program and in a library that was replaced on the disk, too.
//
// Written by InstallTriggers, before the handler is installed. Thread-safety: read-only afterwards, but for
// `answer` and `failure`. Read by other processes at any time: fields are added at the end only, and `size`
// says which are there.
#ifndef HEAPPROF_BASE_DUMP_RECORD_H_
#define HEAPPROF_BASE_DUMP_RECORD_H_

#include <stdint.h>

namespace heapprof {

#define HEAPPROF_DUMP_RECORD_OWNER "heapprof"
inline constexpr uint32_t kDumpRecordNote = 1;

struct DumpRecord {
  uint32_t size;         // of this structure
  int32_t signal;        // the option dump_signal; 0: none, -1: the library has not started yet
  uint64_t handler;      // the address of the library's handler, whether it is installed or not
  uint64_t output;       // the address of the option `output`, a text
  uint64_t system_call;  // the address of a function that begins with a system call
  uint64_t answer[4];    // room for the kernel's answer to rt_sigaction, which nothing else uses
  uint64_t failure;      // of the dumps on the signal: how many failed << 32 | the errno value of the last
  uint64_t requests;     // what else the signal may ask for: a bit for each DumpSignalRequest
  uint64_t place;        // the address of kPlaceSize bytes: for kLookRequest, written by who asks
};

// The value that a dump signal is queued with (sigqueue) to ask for something else than a heap profile.
enum DumpSignalRequest : int32_t {
  kThreadsRequest = 0x68707401,
  kMemoryRequest = 0x68707402,
  kPeakRequest = 0x68707403,
  kGrowthRequest = 0x68707404,
  kLifetimesRequest = 0x68707405,
  // The profiles `memory` and `heap`, in this order, as PLACE.memory.pb.gz and PLACE.heap.pb.gz: for who
  // looks again and again, whose files are nothing to those that gather the process' own. PLACE is a text
  // that has been written to `place`.
  kLookRequest = 0x68707406,
};
inline constexpr uint64_t kPlaceSize = 256;
inline constexpr uint64_t kThreadsRequestBit = 1, kMemoryRequestBit = 2, kPeakRequestBit = 4,
                          kGrowthRequestBit = 8, kLifetimesRequestBit = 16, kLookRequestBit = 32;

}  // namespace heapprof

#endif  // HEAPPROF_BASE_DUMP_RECORD_H_
