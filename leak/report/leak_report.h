// SPDX-License-Identifier: Apache-2.0
// The report of a check, in LeakSanitizer's words, which CTest and people already read.
//
// Thread-safety: one writer. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_LEAK_REPORT_LEAK_REPORT_H_
#define HEAPPROF_LEAK_REPORT_LEAK_REPORT_H_

#include "leak/report/findings.h"
#include "leak/report/frame_names.h"
#include "leak/report/suppressions.h"
#include "proto/text_stream.h"

namespace heapprof::leak {

// The findings, grouped, with their stacks and the summary; nothing if there is none.
void WriteReport(const Findings& findings, const FrameNames& names, TextStream* out);

// The findings alone, in the form of a message of a test.
void WriteFindings(const Findings& findings, const FrameNames& names, TextStream* out);

// What was suppressed by what; nothing if nothing was.
void WriteUsedSuppressions(Suppressions* suppressions, TextStream* out);

}  // namespace heapprof::leak

#endif  // HEAPPROF_LEAK_REPORT_LEAK_REPORT_H_
