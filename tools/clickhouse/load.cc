// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/load.h"

#include <chrono>

#include "tools/base/failure.h"
#include "tools/clickhouse/client.h"
#include "tools/clickhouse/question.h"
#include "tools/clickhouse/stored_profile.h"

namespace heapprof::tools::clickhouse {
namespace {

// Of one statement: a fleet's day may take a while.
constexpr double kTimeoutSeconds = 300;

std::string Listed(const std::vector<std::string_view>& texts) {
  std::string list;
  for (const std::string_view text : texts) list += (list.empty() ? "" : ", ") + Printable(text);
  return list;
}

// Why there is nothing, and what there is.
[[noreturn]] void FailWithoutRows(Client* client, const Question& question, uint64_t max_bytes) {
  const std::string rows = client->Ask(question.Choices(), max_bytes, kTimeoutSeconds);
  RowReader row(rows);
  const std::string kinds = Listed(row.Texts()), services = Listed(row.Texts());
  throw Failure("has no " + question.Text() +
                (kinds.empty()
                     ? "; there are no profiles of that time at all"
                     : "; of that time there are profiles " + kinds + " of the services " + services));
}

}  // namespace

Profile LoadAddress(const std::string& text, uint64_t max_bytes) {
  const Address address = ParseAddress(text);
  if (address.has_password) {
    throw Failure(
        "a password in an address is seen by all who list processes: HEAPPROF_CLICKHOUSE_PASSWORD holds it");
  }
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const Question question(address, std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  Client client(address);
  const auto ask = [&](const Statement& statement) {
    return client.Ask(statement, max_bytes, kTimeoutSeconds);
  };
  StoredProfile stored;
  const std::string amounts = ask(question.Amounts());
  stored.AddAmounts(amounts);
  if (stored.empty()) FailWithoutRows(&client, question, max_bytes);
  stored.AddStacks(ask(question.Stacks()));
  stored.AddExtent(ask(question.Extent()));
  return stored.Finish();
}

}  // namespace heapprof::tools::clickhouse
