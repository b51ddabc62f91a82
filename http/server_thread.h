// SPDX-License-Identifier: Apache-2.0
// The thread of server.h, from its start to its end.
//
//   program's thread                              own thread
//   Start: maps a stack, clones             ->    takes a table of descriptors of its own, listens
//   waits for the outcome                   <-    kServing, or an error
//   End: a signal that it keeps blocked     ->    sees it by a signalfd, hands the listening socket back,
//   ends
//
// The signal needs no descriptor, of which the program may have none left, and no network that both threads
// are in.
//
// Thread-safety: Start and End by one at a time. Signal-safety: yes, with all signals blocked. Allocates:
// mmap only.
#ifndef HEAPPROF_HTTP_SERVER_THREAD_H_
#define HEAPPROF_HTTP_SERVER_THREAD_H_

#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "http/address.h"
#include "http/listener.h"
#include "http/server_loop.h"

namespace heapprof::http {

class ServerThread {
 public:
  // Begins to serve at `address`, or with the socket `listener`, which End has given. 0 or -errno; the socket
  // is the program's to close.
  int Start(const Address& address, int listener);
  // It has ended when this comes back. The listening socket, a descriptor of the program's now; -1: it was
  // lost; -2: the thread did not end, as it waits for something that the caller has.
  static constexpr int kLost = -1, kStuck = -2;
  int End();
  bool runs() const { return memory_ != nullptr; }
  // In a child of fork, whose parent's it was.
  void Forget();

  // Where it listens, with the port that it was given.
  const Address& address() const { return address_; }
  const FileId& file() const { return file_; }

 private:
  enum Phase : uint32_t { kStarting, kServing, kFailed };

  // In the thread.
  static void Run(void* self);
  // 0 or -errno.
  int StartThread(void* thread_pointer);
  int Prepare();
  bool LooksAtControl();
  bool BeginAnswer();
  void EndAnswer();

  // Set by the program's thread.
  std::atomic<uint32_t> phase_{kStarting};
  std::atomic<bool> ending_{false};
  int error_ = 0;
  bool has_own_table_ = false;  // of descriptors, from its start on
  char* memory_ = nullptr;      // its stack, its thread-local storage, and the loop
  size_t bytes_ = 0;
  int given_ = -1;      // the listening socket, as the program's table has it
  Address reply_ = {};  // where End waits for it; no size: nowhere
  Address address_ = {};
  FileId file_ = {0, 0};
  ServerLoop* loop_ = nullptr;

  // The thread's own descriptors.
  int listener_ = -1, control_ = -1, status_ = -1;
  uint64_t rights_ = 0;    // that the program had when the thread began
  bool outlived_ = false;  // it has others, by a call past libc
};

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_SERVER_THREAD_H_
