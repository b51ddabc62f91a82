// SPDX-License-Identifier: Apache-2.0
// Profiles out of ClickHouse, for every command that reads profiles: an address stands where a file would.
//
// Thread-safety: a function without state. Errors: Failure.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_LOAD_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_LOAD_H_

#include <cstdint>
#include <string>

#include "tools/profile/profile.h"

namespace heapprof::tools::clickhouse {

// What tools/clickhouse/question.h says of the address, as one profile. `max_bytes` bounds each answer.
Profile LoadAddress(const std::string& address, uint64_t max_bytes);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_LOAD_H_
