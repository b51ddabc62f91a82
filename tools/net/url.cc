// SPDX-License-Identifier: Apache-2.0
#include "tools/net/url.h"

#include <cctype>
#include <cstdlib>

#include "tools/base/failure.h"

namespace heapprof::tools::net {
namespace {

bool IsPlain(char c) {
  return isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string Decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The address alone may be shown: what stands before an @ may be a password.
[[noreturn]] void Fail(std::string_view address, const char* why) {
  const size_t at = address.rfind('@');
  throw Failure(Printable(at == std::string_view::npos ? address : address.substr(at + 1)) +
                " is no address: " + why);
}

int Port(std::string_view text, std::string_view address) {
  constexpr long kMaxPort = 65535;
  constexpr size_t kDigits = 5;
  if (text.empty() || text.size() > kDigits ||
      text.find_first_not_of("0123456789") != std::string_view::npos) {
    Fail(address, "its port is no number");
  }
  const long port = std::strtol(std::string(text).c_str(), nullptr, 10);
  if (port < 1 || port > kMaxPort) Fail(address, "there is no such port");
  return static_cast<int>(port);
}

// A name, an IPv4 address, or an IPv6 address in brackets.
bool IsHost(std::string_view host) {
  if (!host.empty() && host.front() == '[') {
    constexpr std::string_view kDigits = "0123456789abcdefABCDEF:.";
    const std::string_view inside = host.substr(1, host.size() - 2);
    // Behind a '%' the name of an interface.
    const std::string_view number = inside.substr(0, inside.find('%'));
    return host.size() > 2 && host.back() == ']' && number.size() > 1 &&
           number.find(':') != std::string_view::npos &&
           number.find_first_not_of(kDigits) == std::string_view::npos &&
           inside.find_first_of("[]") == std::string_view::npos;
  }
  return !host.empty() && host.find_first_of("[]:@\\%\"<>^`{|}") == std::string_view::npos;
}

}  // namespace

Url ParseUrl(const std::string& text) {
  constexpr std::string_view kMark = "://";
  const std::string_view whole = text;
  const size_t mark = whole.find(kMark);
  if (mark == std::string_view::npos || mark == 0) Fail(whole, "it is not SCHEME://HOST");
  for (const char c : whole) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) Fail(whole, "it has blanks or control characters");
  }
  if (whole.find('#') != std::string_view::npos) Fail(whole, "a # is written %23 there");
  Url url;
  url.scheme = whole.substr(0, mark);
  std::string_view rest = whole.substr(mark + kMark.size());
  if (const size_t query = rest.find('?'); query != std::string_view::npos) {
    url.query = rest.substr(query + 1);
    // A password may be what has this sign: what came before it would be the host then.
    const bool after_path = rest.substr(0, query).find('/') != std::string_view::npos;
    if (!after_path && url.query.find('@') != std::string::npos)
      Fail(whole, "a ? of a password is written %3F, an @ behind the host %40");
    rest = rest.substr(0, query);
  }
  if (const size_t path = rest.find('/'); path != std::string_view::npos) {
    url.path = rest.substr(path);
    if (url.path.find('@') != std::string::npos)
      Fail(whole, "a / of a password is written %2F, an @ behind the host %40");
    while (!url.path.empty() && url.path.back() == '/') url.path.pop_back();
    rest = rest.substr(0, path);
  }
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = rest.substr(0, at);
    const size_t colon = login.find(':');
    url.user = Decoded(login.substr(0, colon));
    if (colon != std::string_view::npos) url.password = Decoded(login.substr(colon + 1));
    rest = rest.substr(at + 1);
  }
  const size_t bracket = rest.rfind(']');
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    url.port = Port(rest.substr(colon + 1), whole);
    rest = rest.substr(0, colon);
  }
  if (rest.empty()) Fail(whole, "it names no host");
  if (!IsHost(rest)) Fail(whole, "its host is none (of IPv6 it is [ADDRESS])");
  url.host = rest;
  return url;
}

std::string UrlText(const Url& url) {
  return url.scheme + "://" + url.host + (url.port != 0 ? ":" + std::to_string(url.port) : "") + url.path +
         (url.query.empty() ? "" : "?" + url.query);
}

std::string UrlEncoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsPlain(c)) {
      out += c;
    } else {
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> QueryPairs(const std::string& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::string_view rest = query; !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest = pair.size() == rest.size() ? std::string_view() : rest.substr(pair.size() + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    pairs.emplace_back(Decoded(pair.substr(0, equals)),
                       equals == std::string_view::npos ? "" : Decoded(pair.substr(equals + 1)));
  }
  return pairs;
}

std::string QueryValue(const std::string& query, const std::string& name) {
  for (const auto& [key, value] : QueryPairs(query)) {
    if (key == name) return value;
  }
  return "";
}

}  // namespace heapprof::tools::net
