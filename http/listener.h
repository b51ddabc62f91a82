// SPDX-License-Identifier: Apache-2.0
// Sockets by system calls alone: the one that listens, and those that come of it. All are closed by exec and
// wait for nothing.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never. Functions return what the kernel does: >= 0 or
// -errno.
#ifndef HEAPPROF_HTTP_LISTENER_H_
#define HEAPPROF_HTTP_LISTENER_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "http/address.h"

namespace heapprof::http {

// Which file a socket in the file system is; {0, 0}: none.
struct FileId {
  uint64_t device, number;
};

// Listens at `address`, whose port, if it is 0, is then the one that was given. A socket in the file system
// is for its owner alone (0600); one that nobody listens at any more, of the same owner, is replaced.
// -EADDRINUSE: somebody else listens there.
int Listen(Address* address, FileId* file);
// Takes the file of a socket away, if it is still that one.
void RemoveFile(const Address& address, const FileId& file);
int Accept(int listener);
ssize_t Receive(int socket, void* to, size_t size);
ssize_t Send(int socket, const void* from, size_t size);
// No more is written; the other side sees the end.
void EndSending(int socket);

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_LISTENER_H_
