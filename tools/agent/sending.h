// SPDX-License-Identifier: Apache-2.0
// Hands profiles to a target, in a thread of its own: an engine that does not answer stops no collecting.
//
// What is handed over is in the spool within a third of a second, unless the thread waits for the engine's
// answer to another. Thread-safety: yes. Errors: the constructor's are those of MakeTarget and
// Spool; later ones are in the figures.
#ifndef HEAPPROF_TOOLS_AGENT_SENDING_H_
#define HEAPPROF_TOOLS_AGENT_SENDING_H_

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "tools/send/sender.h"

namespace heapprof::tools::agent {

class Sending {
 public:
  // `folder`: of the spool; "": in memory.
  Sending(const std::string& url, const send::TargetOptions& target, const std::string& folder,
          const send::SpoolLimits& limits);
  ~Sending() { Stop(0); }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  // Waits where much has been handed over that the thread has not come to.
  void Add(send::Item item);
  // Sends what can be sent within that time; the rest is in the spool. BeginStop does not wait for that.
  void BeginStop(double seconds);
  void Stop(double seconds);

  struct Figures {
    std::string target;
    send::SenderFigures sender;
    size_t waiting = 0, uncertain = 0, refused = 0;
    uint64_t spool_bytes = 0, dropped_old = 0, dropped_full = 0;
  };
  Figures figures() const;
  // What it has to say since it was last asked: a line each.
  std::deque<std::string> TakeLines();

 private:
  void Run();
  void Note();

  mutable std::mutex mutex_;
  std::condition_variable wake_, taken_;
  std::deque<send::Item> queue_;  // under mutex_, as all that follows
  size_t queued_bytes_ = 0;
  bool stopping_ = false;
  double stop_seconds_ = 0;
  Figures figures_;
  std::deque<std::string> lines_;
  std::string last_line_;  // told once a minute
  std::chrono::steady_clock::time_point told_;

  std::unique_ptr<send::Sender> sender_;  // the thread's, once it runs
  std::thread thread_;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_SENDING_H_
