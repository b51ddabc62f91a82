// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/client.h"

#include <algorithm>
#include <cstdio>

#include "tools/base/failure.h"
#include "tools/net/url.h"

namespace heapprof::tools::clickhouse {
namespace {

constexpr int kGood = 200;

// A parameter's value as the server reads it: like a field of its format TSV.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\0':
        out += "\\0";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string ErrorOf(const net::HttpAnswer& answer) {
  if (answer.status == 0) return answer.error;
  constexpr size_t kMaxText = 300;
  std::string text = answer.body.substr(0, kMaxText);
  // Its own errors say "Code: 60. DB::Exception: ...", in one line or several.
  const size_t end = std::min(text.find('\n'), text.find("(version "));
  text = Printable(text.substr(0, end));
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return "status " + std::to_string(answer.status) + (text.empty() ? "" : ": " + text);
}

net::HttpRequest Client::Request(const std::vector<std::pair<std::string, std::string>>& parameters,
                                 net::HttpRequest options) const {
  options.method = "POST";
  options.url = address_.origin + "/?database=" + net::UrlEncoded(address_.database) + "&wait_end_of_query=1";
  for (const auto& [name, value] : parameters) {
    options.url += "&" + net::UrlEncoded(name) + "=" + net::UrlEncoded(value);
  }
  // Basic, with an empty name, is no login to the server.
  options.user = address_.user.empty() && !address_.password.empty() ? "default" : address_.user;
  options.password = address_.password;
  return options;
}

std::string Client::Ask(const Statement& statement, uint64_t max_bytes, double timeout_seconds) {
  std::vector<std::pair<std::string, std::string>> parameters = {{"readonly", "1"}};
  for (const auto& [name, value] : statement.parameters)
    parameters.emplace_back("param_" + name, Escaped(value));
  net::HttpRequest request = Request(parameters, {});
  request.body = statement.sql;
  request.timeout_seconds = timeout_seconds;
  request.max_answer_bytes = max_bytes;
  net::HttpAnswer answer = http_.Do(request);
  if (answer.status != kGood) throw Failure(ErrorOf(answer));
  if (!answer.error.empty()) throw Failure(answer.error);
  return std::move(answer.body);
}

net::HttpAnswer Client::Insert(std::string_view block, const std::string& token, bool gathered,
                               net::HttpRequest options) {
  options = Request({{"query", "INSERT INTO input FORMAT Native"},
                     {"insert_deduplication_token", token},
                     {"insert_deduplicate", "1"},
                     {"deduplicate_blocks_in_dependent_materialized_views", "1"},
                     {"async_insert", gathered ? "1" : "0"},
                     {"wait_for_async_insert", "1"},
                     {"distributed_foreground_insert", "1"}},
                    std::move(options));
  options.body = block;
  return http_.Do(options);
}

}  // namespace heapprof::tools::clickhouse
