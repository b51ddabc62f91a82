// SPDX-License-Identifier: Apache-2.0
// Statements and rows to a ClickHouse server, over its HTTP interface.
//
// Answers are asked for whole (wait_end_of_query), so that an error is a status and not the end of some rows.
// Thread-safety: an object belongs to one thread. Errors: Ask: Failure; Insert: in the answer.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_CLIENT_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_CLIENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/clickhouse/address.h"
#include "tools/clickhouse/question.h"
#include "tools/net/http_client.h"

namespace heapprof::tools::clickhouse {

class Client {
 public:
  explicit Client(Address address) : address_(std::move(address)) {}

  // The rows of the answer. Failure, also for more than `max_bytes` of them.
  std::string Ask(const Statement& statement, uint64_t max_bytes, double timeout_seconds);

  // `block` in the format Native into the table `input`. Of blocks with one token the server takes one,
  // unless it has `gathered` it with others' first. What `options` says of time, trust and headers counts;
  // the rest is set here.
  net::HttpAnswer Insert(std::string_view block, const std::string& token, bool gathered,
                         net::HttpRequest options);

  const Address& address() const { return address_; }

 private:
  net::HttpRequest Request(const std::vector<std::pair<std::string, std::string>>& parameters,
                           net::HttpRequest options) const;

  Address address_;
  net::HttpClient http_;
};

// What a server says went wrong, in one line.
std::string ErrorOf(const net::HttpAnswer& answer);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_CLIENT_H_
