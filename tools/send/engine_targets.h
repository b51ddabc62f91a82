// SPDX-License-Identifier: Apache-2.0
// Pyroscope, Parca, and the OpenTelemetry collector's pprof receiver.
//
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_SEND_ENGINE_TARGETS_H_
#define HEAPPROF_TOOLS_SEND_ENGINE_TARGETS_H_

#include <memory>

#include "tools/net/url.h"
#include "tools/send/target.h"

namespace heapprof::tools::send {

// POST /ingest. Types of other profiles than heap's get names that tell them apart there.
std::unique_ptr<Target> MakePyroscopeTarget(const net::Url& url, const TargetOptions& options);
// POST /api/profiles/writeraw; the address' path, if it has one, stands in place of /api.
std::unique_ptr<Target> MakeParcaTarget(const net::Url& url, const TargetOptions& options);
// POST /v1/pprof. Labels of the item become labels of its samples, by OpenTelemetry's names.
std::unique_ptr<Target> MakeOtlpTarget(const net::Url& url, const TargetOptions& options);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_ENGINE_TARGETS_H_
