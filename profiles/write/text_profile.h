// SPDX-License-Identifier: Apache-2.0
// The text form of a heap profile, which older readers take and people read.
//
//     heap profile: 3: 3072 [4: 4096] @ heap/1048576
//     3: 3072 [4: 4096] @ 0x55d0c3 0x55d0f8
//     #   0x55d0c3    main+0x23   /bin/program
//     ...
//     # MaxRSS = 8388608
//
//     MAPPED_LIBRARIES:
//     (the lines of /proc/self/maps)
//
// Counts are samples, not estimates: readers scale them by the mean interval R that the header gives as 2R.
// As buckets may have been taken at different intervals, R is the smallest of them, and the counts of the
// others are converted, so that the reader arrives at our estimates; a smaller R never makes counts smaller.
// Records stand in descending order of bytes in use. `#` lines are for people; readers pass over them.
//
// Peers have forms of their own, which their readers insist on (TextForm).
//
// Thread-safety: one writer at a time per workspace. Signal-safety: yes, with `in_handler`. Allocates: never
// from the heap; the order of the records and the names of the frames are kept in memory mapped for the call,
// in proportion to buckets (32 bytes each) and locations.
#ifndef HEAPPROF_PROFILES_WRITE_TEXT_PROFILE_H_
#define HEAPPROF_PROFILES_WRITE_TEXT_PROFILE_H_

#include "profiles/write/frame_symbols.h"
#include "profiles/write/heap_profile.h"
#include "profiles/write/heap_source.h"
#include "proto/text_stream.h"
#include "sampling/modules/modules.h"

namespace heapprof {

struct HeapTextWorkspace {
  char text[TextStream::kBufferSize];
  char scratch[64 << 10];
  ModuleTable::Workspace modules;
};

// kPeople: as above. kJemalloc: "heap_v2/R", for each record its stack and "t*: " with its counts; without
// `accumulated` what is not in use is left out, as jemalloc does. kGperftools: the records alone under a
// header that ends in "heap_v2/R", or in "heapprofile" where the counts are exact.
enum class TextForm { kPeople, kJemalloc, kGperftools };
struct TextStyle {
  TextForm form = TextForm::kPeople;
  bool in_handler = false;  // leave out the allocator's statistics
  bool accumulated = true;  // of kJemalloc: what was allocated, too
};

// Returns 0 when the profile is complete, or -errno.
int WriteHeapTextFrom(const HeapSource& source, ByteSink* sink, HeapTextWorkspace* workspace,
                      const TextStyle& style);

// The last part of all of them: the mappings, after a headline. Returns out->Flush().
int WriteMappedLibraries(TextStream* out);
// The lines alone.
void WriteMappings(TextStream* out);

// One line of a stack: "#", the return address, and as far as they are known the function and the file. With
// `exact` it is of an address that is executed itself: return_address is one more.
void WriteTextFrame(const ModuleTable& modules, const FrameSymbols& symbols, uint64_t return_address,
                    TextStream* out, bool exact = false);

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_TEXT_PROFILE_H_
