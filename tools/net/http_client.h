// SPDX-License-Identifier: Apache-2.0
// HTTP requests, one at a time.
//
//     HttpClient client;
//     HttpRequest request;
//     request.url = "http://localhost:4040/ready";
//     const HttpAnswer answer = client.Do(request);
//
// No request is made twice, as libcurl by itself does when a connection that was kept ends without an answer.
// A connection is kept for the next request if that comes within two seconds.
// Thread-safety: an object belongs to one thread. Errors: Do: Failure where libcurl is missing; all else is
// in the answer.
#ifndef HEAPPROF_TOOLS_NET_HTTP_CLIENT_H_
#define HEAPPROF_TOOLS_NET_HTTP_CLIENT_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace heapprof::tools::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;        // http:// or https://, without user and password
  Headers headers;        // names and values without line feeds
  std::string_view body;  // sent with POST and PUT
  double timeout_seconds = 15;
  std::string user, password;  // Basic, where a user is named
  std::string bearer;          // Authorization: Bearer
  std::string unix_socket;     // a path, or "@NAME" for an abstract one; the URL's host is then only a name
  std::string ca_file;         // "": the system's
  size_t max_answer_bytes = size_t{1} << 20;
};

struct HttpAnswer {
  int status = 0;     // 0: there was none
  Headers headers;    // names in small letters
  std::string body;   // at most max_answer_bytes
  std::string error;  // "" where the whole answer came; one line otherwise
  // Without a status: the whole request went out, so that the server may have done what it asks for.
  bool may_be_done = false;

  // "" if there is none.
  std::string header(const std::string& name) const;
};

class HttpClient {
 public:
  HttpClient() = default;
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Failure: libcurl is missing. Do says so, too; here nothing has been done yet.
  static void Require();

  HttpAnswer Do(const HttpRequest& request);

 private:
  void* handle_ = nullptr;  // CURL
};

}  // namespace heapprof::tools::net

#endif  // HEAPPROF_TOOLS_NET_HTTP_CLIENT_H_
