// SPDX-License-Identifier: Apache-2.0
// URLs, and what is written into them.
//
// Thread-safety: functions without state. Errors: Failure, whose line shows no password.
#ifndef HEAPPROF_TOOLS_NET_URL_H_
#define HEAPPROF_TOOLS_NET_URL_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapprof::tools::net {

// SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/PATH][?QUERY]; what the parts of a user's name have in %XX is
// decoded.
struct Url {
  std::string scheme, user, password;
  std::string host;   // of an IPv6 address with its brackets
  int port = 0;       // 0: not named
  std::string path;   // "" or from its '/' on, without a '/' at the end, as it was written
  std::string query;  // behind the '?', as it was written
};

Url ParseUrl(const std::string& text);

// Without user and password.
std::string UrlText(const Url& url);

// `text` as a value in a query: all but letters, digits and -._~ in %XX.
std::string UrlEncoded(std::string_view text);
// NAME=VALUE&NAME=VALUE of a query, decoded; a NAME alone has the value "".
std::vector<std::pair<std::string, std::string>> QueryPairs(const std::string& query);
// The value of NAME=VALUE in a query, decoded; "" if there is none.
std::string QueryValue(const std::string& query, const std::string& name);

}  // namespace heapprof::tools::net

#endif  // HEAPPROF_TOOLS_NET_URL_H_
