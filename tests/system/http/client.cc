// SPDX-License-Identifier: Apache-2.0
#include "tests/system/http/client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

namespace heapprof::test {
namespace {

int Connect(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) {
    sockaddr_un local = {};
    local.sun_family = AF_UNIX;
    const std::string path = address.substr(5);
    memcpy(local.sun_path, path.data(), std::min(path.size(), sizeof(local.sun_path)));
    const bool is_abstract = path[0] == '@';
    if (is_abstract) local.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));
    if (connect(fd, reinterpret_cast<sockaddr*>(&local), size) == 0) return fd;
    close(fd);
    return -1;
  }
  sockaddr_in four = {};
  four.sin_family = AF_INET;
  four.sin_port = htons(static_cast<uint16_t>(atoi(address.substr(address.rfind(':') + 1).c_str())));
  inet_pton(AF_INET, "127.0.0.1", &four.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&four), sizeof(four)) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

Connection::Connection(const std::string& address) : fd_(Connect(address)) {}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

bool Connection::Send(const std::string& bytes) const {
  return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void Connection::EndSending() const { shutdown(fd_, SHUT_WR); }

std::string Connection::ReadAll(int seconds) const {
  std::string all;
  char piece[16384];
  for (;;) {
    pollfd entry = {fd_, POLLIN, 0};
    if (poll(&entry, 1, seconds * 1000) <= 0) return all;
    const ssize_t got = recv(fd_, piece, sizeof(piece), 0);
    if (got <= 0) return all;
    all.append(piece, static_cast<size_t>(got));
  }
}

Reply ParseReply(const std::string& bytes, bool is_head) {
  Reply reply;
  const size_t end = bytes.find("\r\n\r\n");
  if (bytes.rfind("HTTP/1.1 ", 0) != 0 || end == std::string::npos) return reply;
  for (size_t at = bytes.find("\r\n") + 2; at < end + 2;) {
    const size_t line_end = bytes.find("\r\n", at), colon = bytes.find(": ", at);
    std::string name = bytes.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return static_cast<char>(tolower(c)); });
    reply.fields[name] = bytes.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  reply.body = bytes.substr(end + 4);
  const std::string length = reply.Field("content-length");
  // Torn answers are none.
  if (!is_head && !length.empty() && std::stoul(length) != reply.body.size()) return {};
  reply.status = atoi(bytes.c_str() + strlen("HTTP/1.1 "));
  return reply;
}

std::string MakeRequest(const std::string& method, const std::string& target, const std::string& body,
                        const std::string& fields) {
  std::string request =
      method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields;
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return request + "\r\n" + body;
}

Reply Ask(const std::string& address, const std::string& method, const std::string& target,
          const std::string& body, const std::string& fields) {
  const Connection connection(address);
  if (!connection.connected() || !connection.Send(MakeRequest(method, target, body, fields))) return {};
  return ParseReply(connection.ReadAll(), method == "HEAD");
}

}  // namespace heapprof::test
