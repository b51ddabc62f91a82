// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/face.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "tools/agent/process/endpoint.h"
#include "tools/base/failure.h"

namespace heapprof::tools::agent {
namespace {

constexpr size_t kMaxHead = 8 << 10, kMaxClients = 32;
constexpr int64_t kNanos = 1'000'000'000, kHeadTime = 5 * kNanos, kAnswerTime = 30 * kNanos;

int OpenLocal(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return errno = ENAMETOOLONG, -1;
  std::memcpy(address.sun_path, path.data(), path.size());
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // What an agent that was killed has left behind nobody answers at; at other files neither.
  struct stat status;
  const bool is_socket = lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  if (is_socket && connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED)
    unlink(path.c_str());
  const mode_t before = umask(0177);
  const int error = bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ? errno : 0;
  umask(before);
  if (error != 0) return errno = error, -1;
  return fd.Release();
}

int OpenPort(const std::string& text, bool* loopback) {
  const size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
  const std::string port = colon == std::string::npos ? text : text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  // getaddrinfo takes any number, and of 99999 what is left of it in 16 bits.
  uint16_t number = 0;
  const char* const end = port.data() + port.size();
  const auto [stop, error_code] = std::from_chars(port.data(), end, number);
  const bool is_port = error_code == std::errc() && stop == end && !port.empty();
  addrinfo wanted = {};
  wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (!is_port || getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0 || found == nullptr)
    throw Failure("no address to listen at: " + Printable(text) +
                  " (--listen: PORT, ADDRESS:PORT or unix:PATH)");
  OwnedFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  *loopback = host.compare(0, 4, "127.") == 0 || host == "::1";
  const int error = bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ? errno : 0;
  freeaddrinfo(found);
  if (error != 0) return errno = error, -1;
  return fd.Release();
}

std::string_view FieldValue(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        strncasecmp(line.data(), name.data(), name.size()) == 0) {
      std::string_view value = line.substr(name.size() + 1);
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      return value;
    }
    head.remove_prefix(std::min(head.size(), end + 2));
  }
  return {};
}

std::string AnswerOf(const char* status, const std::string& type, const std::string& body, bool with_body) {
  return std::string("HTTP/1.1 ") + status + "\r\nContent-Type: " + type +
         "\r\nX-Content-Type-Options: nosniff\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + (with_body ? body : "");
}

}  // namespace

bool IsLocalHost(std::string_view host) {
  if (host.empty() || host.front() == '[') return true;
  const std::string name(host.substr(0, host.find(':')));
  in_addr four;
  return name == "localhost" || inet_pton(AF_INET, name.c_str(), &four) == 1;
}

Face::Face(const std::string& address, Pages pages) : pages_(std::move(pages)), address_(address) {
  constexpr std::string_view kLocal = "unix:";
  const bool is_local = address.compare(0, kLocal.size(), kLocal) == 0;
  if (is_local) {
    listener_ = OwnedFd(OpenLocal(address.substr(kLocal.size())));
    if (listener_.good()) path_ = address.substr(kLocal.size());
  } else {
    listener_ = OwnedFd(OpenPort(address, &loopback_));
  }
  if (!listener_.good() || listen(listener_.get(), SOMAXCONN) != 0)
    throw Failure("cannot listen at " + Printable(address) + ": " + ErrorText(errno));
  if (is_local) return;
  Endpoint endpoint;
  socklen_t size = sizeof endpoint.port;
  if (getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&endpoint.port), &size) == 0)
    address_ = endpoint.Text();
}

Face::~Face() {
  if (!path_.empty()) unlink(path_.c_str());
}

void Face::AddTo(std::vector<pollfd>* waits) const {
  if (clients_.size() < kMaxClients) waits->push_back({listener_.get(), POLLIN, 0});
  for (const Client& client : clients_) {
    const short events = client.out.empty() ? POLLIN : POLLOUT;
    waits->push_back({client.fd.get(), events, 0});
  }
}

int64_t Face::next_event() const {
  int64_t next = INT64_MAX;
  for (const Client& client : clients_) next = std::min(next, client.deadline);
  return next;
}

std::string Face::AnswerTo(std::string_view head) const {
  const std::string plain = "text/plain; charset=utf-8";
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const size_t first = line.find(' '), second = line.rfind(' ');
  if (first == std::string_view::npos || second == first || line.substr(second + 1, 7) != "HTTP/1.")
    return AnswerOf("400 Bad Request", plain, "no request of HTTP\n", true);
  const std::string_view method = line.substr(0, first);
  if (method != "GET" && method != "HEAD")
    return AnswerOf("405 Method Not Allowed", plain, "GET and HEAD only\n", true);
  if (loopback_ && !IsLocalHost(FieldValue(head.substr(line_end + 2), "Host")))
    return AnswerOf("403 Forbidden", plain, "not by that name\n", true);
  std::string path(line.substr(first + 1, second - first - 1));
  path.resize(std::min(path.find('?'), path.size()));
  std::string type;
  const std::string body = pages_(path, &type);
  if (type.empty()) return AnswerOf("404 Not Found", plain, "no such page\n", method == "GET");
  return AnswerOf("200 OK", type, body, method == "GET");
}

// False: it is to be closed.
bool Face::StepClient(Client* client, int64_t now) {
  if (now >= client->deadline) return false;
  while (client->out.empty()) {
    char piece[4 << 10];
    const ssize_t got = recv(client->fd.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    client->in.append(piece, static_cast<size_t>(got));
    const size_t end = client->in.find("\r\n\r\n");
    if (end != std::string::npos) {
      client->out = AnswerTo(std::string_view(client->in).substr(0, end + 2));
      client->deadline = now + kAnswerTime;
    } else if (client->in.size() > kMaxHead) {
      return false;
    }
  }
  while (client->sent < client->out.size()) {
    const ssize_t put = send(client->fd.get(), client->out.data() + client->sent,
                             client->out.size() - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    client->sent += static_cast<size_t>(put);
  }
  return false;
}

void Face::Step(int64_t now) {
  while (clients_.size() < kMaxClients) {
    OwnedFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd.good()) break;
    clients_.push_back({std::move(fd), "", "", 0, now + kHeadTime});
  }
  clients_.erase(std::remove_if(clients_.begin(), clients_.end(),
                                [&](Client& client) { return !StepClient(&client, now); }),
                 clients_.end());
}

}  // namespace heapprof::tools::agent
