// SPDX-License-Identifier: Apache-2.0
#include "tools/send/http_target.h"

#include <unistd.h>

#include <ctime>
#include <fstream>

#include "tools/base/failure.h"
#include "tools/profile/load.h"
#include "tools/send/append_fields.h"

namespace heapprof::tools::send {
namespace {

constexpr size_t kMaxAnswer = 64 << 10;
constexpr size_t kMaxWhy = 200;

enum Status { kOk = 200, kMultipleChoices = 300, kTimeout = 408, kTooMany = 429, kServerError = 500 };

// An HTTP date (RFC 9110, 5.6.7) in seconds; -1 if it is none.
time_t HttpDate(const std::string& text) {
  tm parts{};
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return end == nullptr || *end != '\0' ? -1 : timegm(&parts);
}

// What an engine says of a refusal, in one line.
std::string Said(const net::HttpAnswer& answer) {
  const std::string line = Printable(answer.body.substr(0, answer.body.find_first_of("\r\n")));
  if (line.empty()) return "";
  return ": " + (line.size() <= kMaxWhy ? line : line.substr(0, kMaxWhy) + "...");
}

// A token is one line.
std::string ReadToken(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token)) {
    throw Failure("the token file " + Printable(path) + " cannot be read or is empty (--token-file)");
  }
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) throw Failure("the token file " + Printable(path) + " is empty (--token-file)");
  return token;
}

}  // namespace

double RetryAfter(const net::HttpAnswer& answer) {
  const std::string text = answer.header("retry-after");
  constexpr size_t kMaxDigits = 9;
  if (text.empty()) return -1;
  if (text.size() <= kMaxDigits && text.find_first_not_of("0123456789") == std::string::npos) {
    return static_cast<double>(std::stol(text));
  }
  const time_t then = HttpDate(text);
  time_t now = HttpDate(answer.header("date"));
  if (now < 0) now = time(nullptr);
  return then < 0 || then < now ? -1 : static_cast<double>(then - now);
}

Outcome OutcomeOf(const net::HttpAnswer& answer, const std::string& name) {
  const int status = answer.status;
  if (status >= kOk && status < kMultipleChoices) return {};
  if (status == 0) {
    return {answer.may_be_done ? Outcome::Kind::kUncertain : Outcome::Kind::kRetry, -1,
            name + ": " + answer.error};
  }
  const std::string why = name + " answers " + std::to_string(status) + Said(answer);
  if (status == kTimeout || status == kTooMany || status >= kServerError) {
    return {Outcome::Kind::kRetry, RetryAfter(answer), why};
  }
  return {Outcome::Kind::kRefused, -1, why};
}

HttpTarget::HttpTarget(const net::Url& url, const TargetOptions& options, int default_port)
    : url_(url), options_(options) {
  net::HttpClient::Require();  // rather than try again and again
  if (url_.port == 0) url_.port = default_port;
  net::Url shown = url_;
  shown.query.clear();
  name_ = net::UrlText(shown);
  const bool is_https = url_.scheme.size() > 6 && url_.scheme.substr(url_.scheme.size() - 6) == "+https";
  shown.scheme = is_https ? "https" : "http";
  base_ = net::UrlText(shown);
}

net::HttpRequest RequestOptions(const TargetOptions& options) {
  net::HttpRequest request;
  request.headers = options.headers;
  if (!options.tenant.empty()) request.headers.emplace_back("X-Scope-OrgID", options.tenant);
  request.timeout_seconds = options.timeout_seconds;
  request.bearer = options.token_file.empty() ? options.token : ReadToken(options.token_file);
  if (!options.ca_file.empty() && access(options.ca_file.c_str(), R_OK) != 0) {
    throw Failure("the certificates' file " + Printable(options.ca_file) + " cannot be read (--ca-file)");
  }
  request.ca_file = options.ca_file;
  request.max_answer_bytes = kMaxAnswer;
  return request;
}

Outcome HttpTarget::Post(const std::string& path, const net::Headers& headers, std::string_view body) try {
  net::HttpRequest request = RequestOptions(options_);
  request.method = "POST";
  request.url = base_ + path;
  request.headers.insert(request.headers.end(), headers.begin(), headers.end());
  request.body = body;
  request.user = url_.user;
  request.password = url_.password;
  return OutcomeOf(client_.Do(request), name_);
} catch (const Failure& failure) {
  return {Outcome::Kind::kRetry, -1, name_ + ": " + failure.what()};
}

Profile LoadItem(Item* item) {
  LoadOptions options;
  options.apply_drop_frames = false;
  ProfileSource source(FileBytes{item->bytes}, options.max_bytes);
  Profile profile = LoadProfile(&source, options);
  if (item->start_ns == 0) item->start_ns = profile.header.time_nanos;
  profile.header.time_nanos = item->start_ns;
  return profile;
}

std::vector<Item> PiecesOf(const Item& item, const Profile& profile, const FitLimits& limits) {
  std::vector<Item> items;
  const std::vector<std::string> pieces = Fit(profile, limits);
  for (const std::string& piece : pieces) {
    Item part = item;
    if (pieces.size() > 1) {
      const std::string number = std::to_string(items.size() + 1);
      part.id += "-" + number;
      part.labels.push_back({"part", number});
    }
    part.bytes = Gzipped(piece);
    items.push_back(std::move(part));
  }
  return items;
}

}  // namespace heapprof::tools::send
