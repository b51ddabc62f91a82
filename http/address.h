// SPDX-License-Identifier: Apache-2.0
// Where to listen: the option http as a socket's address.
//
//   6060  127.0.0.1:6060  0.0.0.0:6060  [::1]:6060  unix:/run/server.sock  unix:@name
//
// Addresses are numbers: nobody is asked for names. Thread-safety: yes, pure. Signal-safety: yes. Allocates:
// never.
#ifndef HEAPPROF_HTTP_ADDRESS_H_
#define HEAPPROF_HTTP_ADDRESS_H_

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"

namespace heapprof::http {

struct Address {
  union {
    sockaddr any;
    sockaddr_in four;
    sockaddr_in6 six;
    sockaddr_un local;
  };
  socklen_t size;

  bool IsLocal() const { return any.sa_family == AF_UNIX; }
  // A socket in the file system, which is left behind when its process ends.
  bool IsFile() const { return IsLocal() && local.sun_path[0] != '\0'; }
  // Reached from this machine alone.
  bool IsLoopback() const {
    constexpr uint8_t kNetwork = 127;
    constexpr in6_addr kLoopback = IN6ADDR_LOOPBACK_INIT;
    if (any.sa_family == AF_INET) return *reinterpret_cast<const uint8_t*>(&four.sin_addr) == kNetwork;
    return any.sa_family == AF_INET6 && memcmp(&six.sin6_addr, &kLoopback, sizeof(in6_addr)) == 0;
  }
};

// False: it is none, or a path that is too long.
bool ParseAddress(const char* text, Address* address);
// As a client is told it: "http://127.0.0.1:6060", "unix:/run/server.sock".
void PutAddress(const Address& address, TextWriter* text);

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_ADDRESS_H_
