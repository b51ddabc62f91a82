// SPDX-License-Identifier: Apache-2.0
// The tables that hold a fleet's profiles in ClickHouse, as statements of SQL.
//
// `input` takes rows (tools/clickhouse/rows.h) and keeps none: it hands the amounts to `samples` and the
// frames to `stacks`. docs/fleet/clickhouse.md describes the columns. Thread-safety: a function without
// state.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_SCHEMA_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_SCHEMA_H_

#include <string>

namespace heapprof::tools::clickhouse {

// With `cluster`, on each of its servers, with Distributed tables over all. Errors: Failure: a name that is
// no identifier, which is what both go into the text as.
std::string SchemaText(const std::string& database, const std::string& cluster);

// Errors: Failure.
void CheckIdentifier(const char* what, const std::string& name);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_SCHEMA_H_
