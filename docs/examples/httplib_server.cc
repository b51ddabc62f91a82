// SPDX-License-Identifier: Apache-2.0
// A server of cpp-httplib that answers for its profiles at its own port (docs/http.md).
#include <httplib.h>
#include <heapprof/heapprof.hpp>

#include <cstdio>
#include <string>
#include <thread>

namespace {

void AnswerForProfiles(const httplib::Request& request, httplib::Response& response) {
  const std::string type = request.get_header_value("Content-Type");
  const std::string origin = request.get_header_value("Origin");
  heapprof_http_request asked = {};
  asked.size = sizeof asked;
  asked.method = request.method.c_str();
  asked.target = request.target.c_str();
  asked.body = request.body.data();
  asked.body_size = request.body.size();
  asked.content_type = type.c_str();
  asked.origin = origin.c_str();
  const std::error_code error = heapprof::Http(asked, [&](const heapprof_http_response& answer) {
    response.status = answer.status;
    // The first is Content-Type, which goes with the body.
    for (std::size_t i = 1; i < answer.header_count; ++i) {
      response.set_header(answer.headers[i].name, answer.headers[i].value);
    }
    response.set_content(static_cast<const char*>(answer.body), answer.body_size, answer.headers[0].value);
  });
  if (error) response.status = 404;
}

}  // namespace

int main() {
  httplib::Server server;
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("the server's own page\n", "text/plain");
  });
  for (const char* path : {R"(/debug/pprof(/.*)?)", R"(/debug/heapprof/.*)", "/metrics"}) {
    server.Get(path, AnswerForProfiles);
    server.Post(path, AnswerForProfiles);
  }
  std::fprintf(stderr, "HTTP at http://127.0.0.1:%d\n", server.bind_to_any_port("127.0.0.1"));
  std::thread serving([&] { server.listen_after_bind(); });
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server.stop();
  serving.join();
  return 0;
}
