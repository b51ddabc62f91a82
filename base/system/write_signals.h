// SPDX-License-Identifier: Apache-2.0
// The signals of a failed write, SIGPIPE and SIGXFSZ, which would end a program that has nothing to do with
// the write.
//
//   WriteSignalsHeld held;
//   ssize_t done = RawWrite(fd, data, size);
//   held.TakeBack(done);
//
// Thread-safety: an object belongs to one thread. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_BASE_SYSTEM_WRITE_SIGNALS_H_
#define HEAPPROF_BASE_SYSTEM_WRITE_SIGNALS_H_

#include <stdint.h>
#include <sys/types.h>

namespace heapprof {

// Blocks them for its lifetime.
class WriteSignalsHeld {
 public:
  WriteSignalsHeld();
  ~WriteSignalsHeld();
  WriteSignalsHeld(const WriteSignalsHeld&) = delete;
  WriteSignalsHeld& operator=(const WriteSignalsHeld&) = delete;

  // Takes back the signal that came with the result of RawWrite, if one did; not one that was pending before.
  void TakeBack(ssize_t result);

 private:
  uint64_t saved_ = 0;
  uint64_t pending_before_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SYSTEM_WRITE_SIGNALS_H_
