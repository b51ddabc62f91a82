// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/address.h"

#include <cstdlib>

#include "tools/base/failure.h"
#include "tools/clickhouse/schema.h"
#include "tools/net/url.h"

namespace heapprof::tools::clickhouse {
namespace {

constexpr char kPlain[] = "clickhouse", kTls[] = "clickhouse+https";
constexpr int kPlainPort = 8123, kTlsPort = 8443;

}  // namespace

bool IsAddress(std::string_view text) {
  const std::string_view scheme = text.substr(0, text.find("://"));
  return scheme.size() < text.size() && (scheme == kPlain || scheme == kTls);
}

Address ParseAddress(const std::string& text) {
  net::Url url = net::ParseUrl(text);
  const bool tls = url.scheme == kTls;
  Address address;
  address.user = url.user;
  address.password = url.password;
  address.has_password = !url.password.empty();
  const char* environment = std::getenv("HEAPPROF_CLICKHOUSE_PASSWORD");
  if (!address.has_password && environment != nullptr) address.password = environment;
  address.database = url.path.empty() ? "heapprof" : url.path.substr(1);
  CheckIdentifier("the database", address.database);
  address.parameters = net::QueryPairs(url.query);
  if (url.port == 0) url.port = tls ? kTlsPort : kPlainPort;
  url.path.clear();
  url.query.clear();
  url.scheme = tls ? "https" : "http";
  address.origin = net::UrlText(url);
  address.shown =
      std::string(tls ? kTls : kPlain) + address.origin.substr(url.scheme.size()) + "/" + address.database;
  return address;
}

}  // namespace heapprof::tools::clickhouse
