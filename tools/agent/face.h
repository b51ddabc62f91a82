// SPDX-License-Identifier: Apache-2.0
// The agent's own pages over HTTP: GET of a path, an answer, and the connection is closed.
//
// In steps that never wait, in the agent's one thread. A head of at most 8 KiB within five seconds, of at
// most 32 clients at a time; at a loopback address the field Host must be an address or localhost, as for the
// library's own server (docs/http.md). Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_AGENT_FACE_H_
#define HEAPPROF_TOOLS_AGENT_FACE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/agent/process/held_process.h"

struct pollfd;

namespace heapprof::tools::agent {

class Face {
 public:
  // The body for a path, with its type; "" type: there is no such page.
  using Pages = std::function<std::string(const std::string& path, std::string* type)>;

  // `address`: PORT (of the loopback), ADDRESS:PORT, unix:PATH. Errors: Failure.
  Face(const std::string& address, Pages pages);
  ~Face();
  Face(const Face&) = delete;
  Face& operator=(const Face&) = delete;

  // Where it listens: "127.0.0.1:9100".
  const std::string& address() const { return address_; }
  // What to wait for, and when to look again though nothing came; INT64_MAX: never.
  void AddTo(std::vector<pollfd>* waits) const;
  int64_t next_event() const;
  void Step(int64_t now);

 private:
  struct Client {
    OwnedFd fd;
    std::string in, out;
    size_t sent = 0;
    int64_t deadline = 0;
  };
  bool StepClient(Client* client, int64_t now);
  std::string AnswerTo(std::string_view head) const;

  Pages pages_;
  OwnedFd listener_;
  std::string address_, path_;  // the path of a socket that is ours to remove
  bool loopback_ = false;
  std::vector<Client> clients_;
};

// Whether a field Host names this machine for everybody.
bool IsLocalHost(std::string_view host);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_FACE_H_
