// SPDX-License-Identifier: Apache-2.0
// A server of Boost.Beast that answers for its profiles at its own port (docs/http.md): a thread for each
// client, as a request with seconds=N comes back after N seconds.
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <heapprof/heapprof.hpp>

#include <cstdio>
#include <string>
#include <thread>

namespace {

namespace http = boost::beast::http;
using Tcp = boost::asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

// False: it is none of heapprof's.
bool AnswerForProfiles(const Request& request, Response* response) {
  const std::string method(request.method_string()), target(request.target());
  const std::string type(request[http::field::content_type]), origin(request[http::field::origin]);
  heapprof_http_request asked = {};
  asked.size = sizeof asked;
  asked.method = method.c_str();
  asked.target = target.c_str();
  asked.body = request.body().data();
  asked.body_size = request.body().size();
  asked.content_type = type.c_str();
  asked.origin = origin.c_str();
  return !heapprof::Http(asked, [&](const heapprof_http_response& answer) {
    response->result(static_cast<unsigned>(answer.status));
    for (std::size_t i = 0; i < answer.header_count; ++i) {
      response->set(answer.headers[i].name, answer.headers[i].value);
    }
    response->body().assign(static_cast<const char*>(answer.body), answer.body_size);
  });
}

void Serve(Tcp::socket socket) {
  boost::system::error_code error;
  boost::beast::flat_buffer buffer;
  Request request;
  http::read(socket, buffer, request, error);
  if (error) return;
  Response response(http::status::ok, request.version());
  if (!AnswerForProfiles(request, &response)) {
    response.set(http::field::content_type, "text/plain");
    response.body() = "the server's own page\n";
  }
  response.prepare_payload();
  http::write(socket, response, error);
  socket.shutdown(Tcp::socket::shutdown_both, error);
}

}  // namespace

int main() {
  boost::asio::io_context context;
  Tcp::acceptor acceptor(context, {boost::asio::ip::address_v4::loopback(), 0});
  std::fprintf(stderr, "HTTP at http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::thread([&] {
    for (;;) std::thread(Serve, acceptor.accept()).detach();
  }).detach();
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  std::quick_exit(0);
}
