// SPDX-License-Identifier: Apache-2.0
// Where a process serves its profiles over HTTP, and the way there.
//
// The kernel is asked, not the process: the library's thread has its own table of descriptors, /proc shows
// its sockets, and the tables of the process' network say where they listen. So a port of 0, patterns and
// sockets in other roots and networks are found, and nothing is believed that the process says. Whether who
// answers is the process that was meant is asked of the kernel, too: of a Unix socket who listens, of a port
// whether that thread still has the listening socket. Thread-safety: none is needed; Connect changes the
// network of the calling thread for a moment.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_ENDPOINT_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_ENDPOINT_H_

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {

struct Endpoint {
  std::string descriptor;  // "task/TID/fd/N" of the listening socket
  uint64_t inode = 0;      // of it
  // A path of the process' own, or "@" and an abstract name; "" for a port.
  std::string local;
  sockaddr_in6 port = {};  // or a sockaddr_in; the wild card is the loopback

  bool is_port() const { return local.empty(); }
  // "unix:/run/server.sock", "127.0.0.1:6060".
  std::string Text() const;
  bool operator==(const Endpoint& other) const {
    return descriptor == other.descriptor && inode == other.inode;
  }
};

// Sockets that listen, out of the text of /proc/PID/net/unix and of net/tcp or net/tcp6. The first with one
// of the inodes counts; a line may be forged by who names a socket.
std::optional<Endpoint> FindLocal(std::string_view table, uint64_t inode);
std::optional<Endpoint> FindPort(std::string_view table, uint64_t inode);

std::optional<Endpoint> FindEndpoint(const HeldProcess& process);

// A descriptor that is connected, or about to be, and does not wait. Errors: not good(); `why` says it.
OwnedFd Connect(const HeldProcess& process, const Endpoint& endpoint, std::string* why);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_ENDPOINT_H_
