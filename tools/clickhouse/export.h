// SPDX-License-Identifier: Apache-2.0
// `heapprof export --clickhouse`: profiles as rows that ClickHouse loads, and the tables for them.
//
// Thread-safety: none is needed. Errors: Failure.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_EXPORT_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_EXPORT_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/profile/load.h"

namespace heapprof::tools::clickhouse {

struct ExportRequest {
  bool clickhouse = false, schema = false, delta = false;
  std::string database = "heapprof", cluster;  // of the schema
  std::vector<std::string> files;
  std::string out = "-";
  std::string kind;
  std::vector<std::string>
      labels;  // NAME=VALUE; those of the profile's comments "label.NAME: VALUE" count less
  LoadOptions load;
};

void Export(const ExportRequest& request);

void AddExportCommand(Command app);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_EXPORT_H_
