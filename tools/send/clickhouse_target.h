// SPDX-License-Identifier: Apache-2.0
// clickhouse://HOST: profiles as rows of ClickHouse (tools/clickhouse/), one INSERT each.
//
// With ?async_insert=1 the server gathers what comes for a moment, and makes no promise then that twice is
// once. An item's id is the token by which the server takes it once; frames go with it until the server has
// said that it has them, and anew on each day. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_SEND_CLICKHOUSE_TARGET_H_
#define HEAPPROF_TOOLS_SEND_CLICKHOUSE_TARGET_H_

#include <memory>
#include <string>

#include "tools/send/target.h"

namespace heapprof::tools::send {

// Errors: Failure: no such address.
std::unique_ptr<Target> MakeClickHouseTarget(const std::string& url, const TargetOptions& options);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_CLICKHOUSE_TARGET_H_
