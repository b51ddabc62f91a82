// SPDX-License-Identifier: Apache-2.0
// One request to the server of a process, in steps that never wait: many are under way at a time.
//
// Who answers may be an enemy: the head has a bound, the body that of the caller, and the whole a deadline.
// Written by hand, as the socket is one that was checked before (endpoint.h), and so that `heapprof agent`
// needs no library to collect. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_EXCHANGE_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {

class Exchange {
 public:
  static constexpr size_t kMaxHead = 16 << 10;
  enum class State { kRunning, kDone, kFailed };

  // Takes a GET of `target` to the socket `fd`. `max_body`: of bytes of the answer.
  Exchange(OwnedFd fd, const std::string& target, size_t max_body);

  int fd() const { return fd_.get(); }
  // POLLIN or POLLOUT.
  short events() const;
  // The socket is ready: goes on as far as that goes.
  State Step();
  State state() const { return state_; }

  // When it is done.
  int status() const { return status_; }
  std::string TakeBody() { return std::move(body_); }
  // When it has failed: a line.
  const std::string& why() const { return why_; }
  size_t bytes_held() const { return head_.size() + body_.size(); }

 private:
  State Fail(const std::string& why);
  bool ParseHead();
  State TakeBytes(const char* bytes, size_t size);

  OwnedFd fd_;
  std::string request_;
  size_t sent_ = 0, max_body_;
  std::string head_, body_, why_;
  bool in_body_ = false;
  int64_t length_ = -1;  // of the body; -1: up to the end of the connection
  int status_ = 0;
  State state_ = State::kRunning;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_EXCHANGE_H_
