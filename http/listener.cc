// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof::http {
namespace {

constexpr int kBacklog = 128;

long Pointer(const void* pointer) { return reinterpret_cast<long>(pointer); }

long MakeSocket(int family) {
  return RawSyscall(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

bool StatusOf(const char* path, struct stat* status) {
  return RawSyscall(SYS_newfstatat, AT_FDCWD, Pointer(path), Pointer(status), AT_SYMLINK_NOFOLLOW) == 0;
}

// A socket of ours at which nobody listens any more: its process ended without a chance to remove it.
bool IsLeftBehind(const Address& address) {
  struct stat file = {};
  if (!StatusOf(address.local.sun_path, &file) || !S_ISSOCK(file.st_mode)) return false;
  if (file.st_uid != static_cast<uid_t>(RawSyscall(SYS_geteuid))) return false;
  const long probe = MakeSocket(AF_UNIX);
  if (probe < 0) return false;
  const long error = RawSyscall(SYS_connect, probe, Pointer(&address.any), address.size);
  RawClose(static_cast<int>(probe));
  return error == -ECONNREFUSED;
}

int Bind(int socket, const Address& address) {
  if (!address.IsFile()) {
    return static_cast<int>(RawSyscall(SYS_bind, socket, Pointer(&address.any), address.size));
  }
  // Before it has a name: there is no moment at which others may connect.
  constexpr int kOwnersOnly = 0600;
  RawSyscall(SYS_fchmod, socket, kOwnersOnly);
  long error = RawSyscall(SYS_bind, socket, Pointer(&address.any), address.size);
  if (error == -EADDRINUSE && IsLeftBehind(address) && RawUnlink(address.local.sun_path) == 0) {
    error = RawSyscall(SYS_bind, socket, Pointer(&address.any), address.size);
  }
  return static_cast<int>(error);
}

}  // namespace

int Listen(Address* address, FileId* file) {
  *file = {0, 0};
  const auto socket = static_cast<int>(MakeSocket(address->any.sa_family));
  if (socket < 0) return socket;
  const int on = 1;
  if (!address->IsLocal()) {
    RawSyscall(SYS_setsockopt, socket, SOL_SOCKET, SO_REUSEADDR, Pointer(&on), sizeof(on));
  }
  int error = Bind(socket, *address);
  if (error == 0) error = static_cast<int>(RawSyscall(SYS_listen, socket, kBacklog));
  if (error != 0) {
    RawClose(socket);
    return error;
  }
  struct stat status = {};
  if (address->IsFile() && StatusOf(address->local.sun_path, &status)) *file = {status.st_dev, status.st_ino};
  if (!address->IsLocal())
    RawSyscall(SYS_getsockname, socket, Pointer(&address->any), Pointer(&address->size));
  return socket;
}

void RemoveFile(const Address& address, const FileId& file) {
  struct stat status = {};
  if (!address.IsFile() || file.number == 0 || !StatusOf(address.local.sun_path, &status)) return;
  if (status.st_dev == file.device && status.st_ino == file.number) RawUnlink(address.local.sun_path);
}

int Accept(int listener) {
  const auto socket = static_cast<int>(RawSyscall(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // What a client does not read waits in our memory, and not for megabytes in the kernel's.
  const int kept = 128 << 10;
  if (socket >= 0) RawSyscall(SYS_setsockopt, socket, SOL_SOCKET, SO_SNDBUF, Pointer(&kept), sizeof(kept));
  return socket;
}

ssize_t Receive(int socket, void* to, size_t size) {
  return RawSyscall(SYS_recvfrom, socket, Pointer(to), static_cast<long>(size), MSG_DONTWAIT);
}

ssize_t Send(int socket, const void* from, size_t size) {
  return RawSyscall(SYS_sendto, socket, Pointer(from), static_cast<long>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void EndSending(int socket) { RawSyscall(SYS_shutdown, socket, SHUT_WR); }

}  // namespace heapprof::http
