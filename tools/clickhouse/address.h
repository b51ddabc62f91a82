// SPDX-License-Identifier: Apache-2.0
// The address of a ClickHouse server, and what is wanted of its profiles:
//
//     clickhouse://[USER[:PASSWORD]@]HOST[:8123][/DATABASE][?NAME=VALUE&...]
//     clickhouse+https://...[:8443]
//
// %XX stands for a byte. The database is `heapprof`, the user ClickHouse's own, the password what
// HEAPPROF_CLICKHOUSE_PASSWORD says, if they are not there. Thread-safety: values. Errors: Failure.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_ADDRESS_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_ADDRESS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapprof::tools::clickhouse {

struct Address {
  std::string origin;  // "http://HOST:PORT"
  std::string user, password, database;
  bool has_password = false;  // in the address itself
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string shown;  // without user, password and parameters
};

// "clickhouse://" or "clickhouse+https://" in front.
bool IsAddress(std::string_view text);
Address ParseAddress(const std::string& text);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_ADDRESS_H_
