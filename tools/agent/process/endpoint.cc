// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <vector>

#include "tools/base/failure.h"

namespace heapprof::tools::agent {
namespace {

constexpr size_t kMaxTable = 32 << 20;
constexpr size_t kMaxThreads = 4096, kMaxDescriptors = 256;

std::vector<std::string_view> Words(std::string_view line, size_t max) {
  std::vector<std::string_view> words;
  while (words.size() < max) {
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    const size_t end = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

template <typename Take>
void ForEachLine(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (take(text.substr(0, end))) return;
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

// "socket:[12]".
uint64_t SocketInode(const std::string& link) {
  constexpr std::string_view kStart = "socket:[";
  uint64_t inode = 0;
  if (link.compare(0, kStart.size(), kStart) != 0) return 0;
  std::from_chars(link.data() + kStart.size(), link.data() + link.size(), inode);
  return inode;
}

// Groups of four bytes, each as a number of this machine's; then ":PORT".
bool ParsePort(std::string_view text, sockaddr_in6* address) {
  constexpr size_t kFour = 8, kSix = 32;
  const size_t colon = text.find(':');
  if (colon != kFour && colon != kSix) return false;
  uint32_t words[4] = {};
  for (size_t i = 0; i < colon / 8; ++i) {
    const char* at = text.data() + i * 8;
    if (std::from_chars(at, at + 8, words[i], 16).ptr != at + 8) return false;
  }
  uint16_t port = 0;
  const char* const end = text.data() + text.size();
  if (std::from_chars(text.data() + colon + 1, end, port, 16).ptr != end || port == 0) return false;
  if (colon == kFour) {
    sockaddr_in four = {};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    four.sin_addr.s_addr = words[0] == 0 ? htonl(INADDR_LOOPBACK) : words[0];
    std::memcpy(address, &four, sizeof four);
    return true;
  }
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(port);
  std::memcpy(&address->sin6_addr, words, sizeof words);
  if (IN6_IS_ADDR_UNSPECIFIED(&address->sin6_addr)) address->sin6_addr = in6addr_loopback;
  return true;
}

// While it exists, sockets that are made are of the network of the process.
class NetworkOf {
 public:
  explicit NetworkOf(const HeldProcess& process) {
    struct stat a, b;
    if (fstatat(process.folder(), "ns/net", &a, 0) != 0 || stat(kOwn, &b) != 0) {
      good_ = false;
      return;
    }
    if (a.st_ino == b.st_ino && a.st_dev == b.st_dev) return;
    OwnedFd own(open(kOwn, O_RDONLY | O_CLOEXEC));
    const OwnedFd theirs(openat(process.folder(), "ns/net", O_RDONLY | O_CLOEXEC));
    good_ = own.good() && setns(theirs.get(), CLONE_NEWNET) == 0;
    if (good_) own_ = std::move(own);
  }
  ~NetworkOf() {
    // What it came from it may go back to.
    if (own_.good() && setns(own_.get(), CLONE_NEWNET) != 0) std::terminate();
  }
  NetworkOf(const NetworkOf&) = delete;
  NetworkOf& operator=(const NetworkOf&) = delete;
  bool good() const { return good_; }

 private:
  static constexpr char kOwn[] = "/proc/thread-self/ns/net";
  OwnedFd own_;
  bool good_ = true;
};

// Who listens must be the process itself, as the kernel knows it: the socket may be one that it was given, or
// a path where another one listens.
bool IsListener(int fd, const HeldProcess& process) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == process.pid() &&
         process.exists();
}

// Fills in the address of a local socket. `held` is kept open until it was used.
bool LocalAddress(const HeldProcess& process, const std::string& local, sockaddr_un* address, socklen_t* size,
                  OwnedFd* held, std::string* why) {
  address->sun_family = AF_UNIX;
  std::string name = local;
  if (local[0] != '@') {
    *held = OwnedFd(process.OpenThere(local, O_PATH | O_NOFOLLOW));
    struct stat status;
    if (!held->good() || fstat(held->get(), &status) != 0) {
      *why = "its socket cannot be opened: " + ErrorText(errno);
      return false;
    }
    if (!S_ISSOCK(status.st_mode)) {
      *why = "where its socket was there is none";
      return false;
    }
    name = "/proc/self/fd/" + std::to_string(held->get());
  }
  if (name.size() >= sizeof address->sun_path) {
    *why = "the name of its socket is too long";
    return false;
  }
  std::memcpy(address->sun_path, name.data(), name.size());
  if (local[0] == '@') address->sun_path[0] = '\0';
  *size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (local[0] == '@' ? 0 : 1));
  return true;
}

}  // namespace

std::string Endpoint::Text() const {
  if (!is_port()) return "unix:" + local;
  char text[INET6_ADDRSTRLEN] = "";
  if (port.sin6_family == AF_INET6) {
    inet_ntop(AF_INET6, &port.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(port.sin6_port));
  }
  sockaddr_in four;
  std::memcpy(&four, &port, sizeof four);
  inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(four.sin_port));
}

//   Num: RefCount Protocol Flags Type St Inode Path
std::optional<Endpoint> FindLocal(std::string_view table, uint64_t inode) {
  std::optional<Endpoint> found;
  const std::string number = std::to_string(inode);
  ForEachLine(table, [&](std::string_view line) {
    constexpr size_t kWords = 8, kFlags = 3, kInode = 6, kPath = 7;
    const auto words = Words(line, kWords);
    if (words.size() < kWords || words[kInode] != number || words[kFlags] != "00010000") return false;
    // A path may have blanks.
    const size_t begin = static_cast<size_t>(words[kPath].data() - line.data());
    found.emplace();
    found->inode = inode;
    found->local = line.substr(begin);
    return true;
  });
  return found;
}

//   sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
std::optional<Endpoint> FindPort(std::string_view table, uint64_t inode) {
  std::optional<Endpoint> found;
  const std::string number = std::to_string(inode);
  ForEachLine(table, [&](std::string_view line) {
    constexpr size_t kWords = 10, kLocal = 1, kState = 3, kInode = 9;
    const auto words = Words(line, kWords);
    if (words.size() < kWords || words[kInode] != number || words[kState] != "0A") return false;
    Endpoint endpoint;
    endpoint.inode = inode;
    if (!ParsePort(words[kLocal], &endpoint.port)) return false;
    found = endpoint;
    return true;
  });
  return found;
}

std::optional<Endpoint> FindEndpoint(const HeldProcess& process) {
  for (const std::string& thread : process.List("task", kMaxThreads)) {
    std::string folder = "task/" + thread;
    if (process.Read(folder + "/comm", 32) != "heapprof-http\n") continue;
    folder += "/fd/";
    for (const std::string& descriptor : process.List(folder, kMaxDescriptors)) {
      const uint64_t inode = SocketInode(process.Link(folder + descriptor));
      if (inode == 0) continue;
      auto found = FindLocal(process.Read("net/unix", kMaxTable), inode);
      if (!found) found = FindPort(process.Read("net/tcp", kMaxTable), inode);
      if (!found) found = FindPort(process.Read("net/tcp6", kMaxTable), inode);
      if (!found) continue;
      found->descriptor = folder + descriptor;
      return found;
    }
  }
  return std::nullopt;
}

OwnedFd Connect(const HeldProcess& process, const Endpoint& endpoint, std::string* why) {
  sockaddr_storage address = {};
  socklen_t size = 0;
  OwnedFd held;
  if (!endpoint.is_port()) {
    sockaddr_un local = {};
    if (!LocalAddress(process, endpoint.local, &local, &size, &held, why)) return OwnedFd();
    std::memcpy(&address, &local, sizeof local);
  } else {
    std::memcpy(&address, &endpoint.port, sizeof endpoint.port);
    size = endpoint.port.sin6_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  }
  OwnedFd fd;
  {
    const NetworkOf network(process);
    if (!network.good()) {
      *why = "its network cannot be entered: " + ErrorText(errno);
      return OwnedFd();
    }
    fd = OwnedFd(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.good() ||
        (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 && errno != EINPROGRESS)) {
      *why = "no connection to " + Printable(endpoint.Text()) + ": " + ErrorText(errno);
      return OwnedFd();
    }
  }
  const bool is_theirs = endpoint.is_port() ? SocketInode(process.Link(endpoint.descriptor)) == endpoint.inode
                                            : IsListener(fd.get(), process);
  if (is_theirs) return fd;
  *why = "not it listens at " + Printable(endpoint.Text());
  return OwnedFd();
}

}  // namespace heapprof::tools::agent
