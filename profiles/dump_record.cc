// SPDX-License-Identifier: Apache-2.0
#include "profiles/dump_record.h"

#include <stdint.h>

#include "base/dump_record.h"
#include "base/system/raw_syscall.h"

namespace {
char g_place[heapprof::kPlaceSize];
}

extern "C" {
// Named by the note. Hidden, so that the distance is known when the module is linked.
__attribute__((visibility("hidden"), used)) heapprof::DumpRecord hp_dump_record = {
    sizeof(heapprof::DumpRecord),
    -1,
    0,
    0,
    0,
    {},
    0,
    heapprof::kThreadsRequestBit | heapprof::kMemoryRequestBit | heapprof::kPeakRequestBit |
        heapprof::kGrowthRequestBit | heapprof::kLifetimesRequestBit | heapprof::kLookRequestBit,
    0};
}

// Sizes of the owner's name and of the word, the type, the name padded to words, the word.
asm(".pushsection .note.heapprof, \"a\", %note\n"
    "  .balign 4\n"
    "  .long 9, 8, 1\n"
    "  .asciz \"" HEAPPROF_DUMP_RECORD_OWNER
    "\"\n"
    "  .balign 4\n"
    "  .quad hp_dump_record - .\n"
    "  .popsection\n");

namespace heapprof {

static_assert(kDumpRecordNote == 1, "the type in the note above");
static_assert(sizeof(HEAPPROF_DUMP_RECORD_OWNER) == 9, "the size in the note above");

void PublishDumpSignal(int signal, uintptr_t handler, const char* output) {
  hp_dump_record.handler = handler;
  hp_dump_record.output = reinterpret_cast<uint64_t>(output);
  hp_dump_record.place = reinterpret_cast<uint64_t>(g_place);
  hp_dump_record.system_call = reinterpret_cast<uint64_t>(&RawSyscall);
  // release: whoever reads the signal in another process finds the fields before it.
  __atomic_store_n(&hp_dump_record.signal, signal, __ATOMIC_RELEASE);
}

bool ReadPlace(char (&place)[kPlaceSize]) {
  // Another process may write there now.
  const volatile char* from = g_place;
  for (char& c : place) {
    c = *from++;
    if (c == '\0') return place[0] == '/';
  }
  return false;
}

void PublishDumpFailure(int error) {
  const uint64_t count = (hp_dump_record.failure >> 32) + 1;
  __atomic_store_n(&hp_dump_record.failure, count << 32 | static_cast<uint32_t>(-error), __ATOMIC_RELAXED);
}

}  // namespace heapprof
