// SPDX-License-Identifier: Apache-2.0
#include "tools/send/clickhouse_target.h"

#include <algorithm>
#include <unordered_set>

#include "tools/base/failure.h"
#include "tools/clickhouse/client.h"
#include "tools/clickhouse/rows.h"
#include "tools/profile/load.h"
#include "tools/send/append_fields.h"
#include "tools/send/clock.h"
#include "tools/send/http_target.h"

namespace heapprof::tools::send {
namespace {

// Of stacks that the server has: 64 MB.
constexpr size_t kMaxKnown = 1'000'000;

clickhouse::Address AddressOf(const std::string& url) {
  clickhouse::Address address = clickhouse::ParseAddress(url);
  for (const auto& [name, value] : address.parameters) {
    if (name == "async_insert" && (value == "0" || value == "1")) continue;
    throw Failure("profiles are sent to " + address.shown +
                  " with async_insert=1 or without: " + Printable(name) + " is for reading");
  }
  return address;
}

bool IsGathered(const clickhouse::Address& address) {
  return !address.parameters.empty() && address.parameters.back().second == "1";
}

class ClickHouseTarget : public Target {
 public:
  ClickHouseTarget(const std::string& url, const TargetOptions& options)
      : client_(AddressOf(url)), options_(options), gathered_(IsGathered(client_.address())) {}

  std::string name() const override { return client_.address().shown; }
  bool is_idempotent() const override { return !gathered_; }

  // Failure: it is no profile.
  std::vector<Item> Prepare(Item item) const override {
    LoadItem(&item);
    return {std::move(item)};
  }

  Outcome Send(const Item& item) override try {
    constexpr int64_t kDay = 86400 * kSecond;
    if (item.start_ns / kDay != day_ || known_.size() > kMaxKnown) known_.clear();
    day_ = item.start_ns / kDay;
    clickhouse::RowWriter writer(&known_);
    writer.Add(ProfileOf(item), OriginOf(item));
    net::HttpRequest request = RequestOptions(options_);
    request.headers.emplace_back("Content-Encoding", "gzip");
    const std::string block = Gzipped(writer.TakeBlock());
    const net::HttpAnswer answer = client_.Insert(block, item.id, gathered_, std::move(request));
    Outcome outcome = OutcomeOf(answer, name());
    if (outcome.kind == Outcome::Kind::kDelivered) {
      known_.insert(writer.new_stacks().begin(), writer.new_stacks().end());
    } else if (answer.status != 0) {
      outcome.why = name() + ": " + clickhouse::ErrorOf(answer);
    }
    return outcome;
  } catch (const Failure& failure) {
    return {Outcome::Kind::kRetry, -1, name() + ": " + failure.what()};
  }

 private:
  static Profile ProfileOf(const Item& item) {
    ProfileSource source(FileBytes{item.bytes});
    return LoadProfile(&source, {});
  }

  static clickhouse::Origin OriginOf(const Item& item) {
    clickhouse::Origin origin;
    origin.kind = item.kind;
    for (const ItemLabel& label : item.labels) origin.labels.emplace_back(label.name, label.value);
    std::sort(origin.labels.begin(), origin.labels.end());
    origin.time_ns = item.start_ns;
    origin.duration_ns = item.duration_ns;
    origin.is_delta = item.delta;
    return origin;
  }

  clickhouse::Client client_;
  TargetOptions options_;
  bool gathered_;
  std::unordered_set<uint64_t> known_;
  int64_t day_ = 0;  // since 1970, on which those were sent
};

}  // namespace

std::unique_ptr<Target> MakeClickHouseTarget(const std::string& url, const TargetOptions& options) {
  return std::make_unique<ClickHouseTarget>(url, options);
}

}  // namespace heapprof::tools::send
