// SPDX-License-Identifier: Apache-2.0
#include "tools/net/http_client.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <memory>

#include "tools/base/failure.h"
#include "tools/net/curl_library.h"

namespace heapprof::tools::net {
namespace {

constexpr double kMaxConnectSeconds = 10;
// Servers close what is idle after five seconds at the earliest.
constexpr long kKeepSeconds = 2;

struct Exchange {
  const HttpRequest* request;
  HttpAnswer answer;
  size_t sent = 0;
  bool too_long = false, again = false;
};

size_t OnRead(char* to, size_t size, size_t count, void* pointer) {
  auto* exchange = static_cast<Exchange*>(pointer);
  const size_t copied = exchange->request->body.copy(to, size * count, exchange->sent);
  exchange->sent += copied;
  return copied;
}

// A second time it is not to be had: where a kept connection has ended, libcurl would send it over another.
int OnSeek(void* pointer, curl_off_t offset, int origin) {
  auto* exchange = static_cast<Exchange*>(pointer);
  if (exchange->sent == 0 && offset == 0 && origin == SEEK_SET) return CURL_SEEKFUNC_OK;
  exchange->again = true;
  return CURL_SEEKFUNC_FAIL;
}

size_t OnBody(char* bytes, size_t size, size_t count, void* pointer) {
  auto* exchange = static_cast<Exchange*>(pointer);
  const size_t room = exchange->request->max_answer_bytes - exchange->answer.body.size();
  exchange->answer.body.append(bytes, std::min(room, size * count));
  exchange->too_long = size * count > room;
  return exchange->too_long ? 0 : size * count;
}

size_t OnHeader(char* bytes, size_t size, size_t count, void* pointer) {
  constexpr size_t kMaxHeaders = 200;
  auto* exchange = static_cast<Exchange*>(pointer);
  const std::string_view line(bytes, size * count);
  const size_t colon = line.find(':');
  if (line.rfind("HTTP/", 0) == 0) exchange->answer.headers.clear();  // of the last answer: 100 is none
  if (colon == std::string_view::npos || exchange->answer.headers.size() >= kMaxHeaders) return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return tolower(c); });
  const size_t first = line.find_first_not_of(" \t\r\n", colon + 1);
  const size_t last = line.find_last_not_of(" \t\r\n");
  exchange->answer.headers.emplace_back(
      std::move(name), first == std::string_view::npos ? "" : line.substr(first, last - first + 1));
  return line.size();
}

class HeaderList {
 public:
  ~HeaderList() { Curl().slist_free_all(list_); }
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;

  void Add(const std::string& line) {
    curl_slist* longer = Curl().slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

void CheckLine(const std::string& text) {
  if (text.find_first_of(std::string("\r\n\0", 3)) != std::string::npos) {
    throw Failure("a header has line feeds in it");
  }
}

long Milliseconds(double seconds) { return std::max(1L, static_cast<long>(std::min(seconds, 1e6) * 1000)); }

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

HttpClient::~HttpClient() {
  if (handle_ != nullptr) Curl().easy_cleanup(static_cast<CURL*>(handle_));
}

void HttpClient::Require() { Curl(); }

HttpAnswer HttpClient::Do(const HttpRequest& request) {
  const CurlLibrary& curl = Curl();
  if (handle_ == nullptr) handle_ = curl.easy_init();
  if (handle_ == nullptr) throw std::bad_alloc();
  auto* handle = static_cast<CURL*>(handle_);
  curl.easy_reset(handle);  // connections stay

  Exchange exchange;
  exchange.request = &request;
  HeaderList headers;
  headers.Add("Expect:");
  for (const auto& [name, value] : request.headers) {
    CheckLine(name + value);
    std::string line = name;
    line += value.empty() ? ";" : ": ";
    headers.Add(line += value);
  }
  if (!request.bearer.empty()) {
    CheckLine(request.bearer);
    headers.Add("Authorization: Bearer " + request.bearer);
  }
  char error[CURL_ERROR_SIZE] = "";
  curl.setopt(handle, CURLOPT_ERRORBUFFER, error);
  curl.setopt(handle, CURLOPT_URL, request.url.c_str());
  curl.setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl.setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl.setopt(handle, CURLOPT_MAXAGE_CONN, kKeepSeconds);
  curl.setopt(handle, CURLOPT_TIMEOUT_MS, Milliseconds(request.timeout_seconds));
  curl.setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
              Milliseconds(std::min(request.timeout_seconds, kMaxConnectSeconds)));
  curl.setopt(handle, CURLOPT_USERAGENT, "heapprof");
  if (!request.unix_socket.empty()) {
    curl.setopt(handle, CURLOPT_PROXY, "");
    if (request.unix_socket[0] == '@') {
      curl.setopt(handle, CURLOPT_ABSTRACT_UNIX_SOCKET, request.unix_socket.c_str() + 1);
    } else {
      curl.setopt(handle, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
    }
  }
  if (!request.user.empty()) {
    curl.setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl.setopt(handle, CURLOPT_USERNAME, request.user.c_str());
    curl.setopt(handle, CURLOPT_PASSWORD, request.password.c_str());
  }
  if (!request.ca_file.empty()) curl.setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
  if (request.method == "POST" || request.method == "PUT") {
    curl.setopt(handle, CURLOPT_POST, 1L);
    curl.setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl.setopt(handle, CURLOPT_READFUNCTION, OnRead);
    curl.setopt(handle, CURLOPT_READDATA, &exchange);
    curl.setopt(handle, CURLOPT_SEEKFUNCTION, OnSeek);
    curl.setopt(handle, CURLOPT_SEEKDATA, &exchange);
  }
  if (request.method != "GET" && request.method != "POST") {
    curl.setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  curl.setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl.setopt(handle, CURLOPT_WRITEFUNCTION, OnBody);
  curl.setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl.setopt(handle, CURLOPT_HEADERFUNCTION, OnHeader);
  curl.setopt(handle, CURLOPT_HEADERDATA, &exchange);

  const CURLcode code = curl.perform(handle);
  HttpAnswer answer = std::move(exchange.answer);
  long status = 0;
  curl_off_t uploaded = 0, connected = 0;
  curl.getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl.getinfo(handle, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  curl.getinfo(handle, CURLINFO_PRETRANSFER_TIME_T, &connected);
  constexpr long kFirstFinal = 200;  // those below are followed by another
  answer.status = status >= kFirstFinal ? static_cast<int>(status) : 0;
  if (code != CURLE_OK) {
    answer.error = *error != '\0' ? Printable(error) : curl.strerror(code);
    if (exchange.again) answer.error = "the connection ended without an answer";
    if (exchange.too_long) {
      answer.error = "the answer has more than " + std::to_string(request.max_answer_bytes) + " bytes";
    }
    // What has not gone out whole cannot have been understood.
    const size_t sent = exchange.again ? exchange.sent : static_cast<size_t>(uploaded);
    answer.may_be_done = answer.status == 0 && connected > 0 && sent >= request.body.size();
  }
  curl.setopt(handle, CURLOPT_ERRORBUFFER, nullptr);
  return answer;
}

}  // namespace heapprof::tools::net
