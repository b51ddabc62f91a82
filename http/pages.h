// SPDX-License-Identifier: Apache-2.0
// The pages that are no profiles.
//
// Thread-safety: yes, each has an answer of its own. Signal-safety: no. Allocates: mmap only.
#ifndef HEAPPROF_HTTP_PAGES_H_
#define HEAPPROF_HTTP_PAGES_H_

#include "http/answer.h"
#include "http/request.h"

namespace heapprof::http {

// The list of profiles, as HTML.
void WriteIndex(Answer* answer);
// The program's arguments, with a NUL between two of them.
void WriteCommandLine(Answer* answer);
// Names for addresses: "0xA+0xB" in the body or, of a GET, in the query.
void WriteSymbols(const Request& request, Answer* answer);
// The figures of the allocator, the profiler and the process, in OpenMetrics' text.
void WriteMetrics(Answer* answer);
// The options that may change while the program runs: GET shows them, POST sets them.
void WriteOptions(const Request& request, Answer* answer);

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_PAGES_H_
