// SPDX-License-Identifier: Apache-2.0
// `heapprof agent`: watches the processes of a machine that have the library, and sends their profiles.
//
//     every few seconds   which processes there are                      (/proc; held_process.h)
//     once an interval    a round with each: ask, take the difference,   (watched.h, baseline.h)
//                         name the places, hand over                     (binary_names.h, sending.h)
// One thread does all of that and waits in poll; each target has one of its own. Thread-safety: an object
// belongs to one thread. Errors: the constructor: Failure. Afterwards none: what fails is told once, counted
// (metrics.h), and tried again later.
#ifndef HEAPPROF_TOOLS_AGENT_AGENT_H_
#define HEAPPROF_TOOLS_AGENT_AGENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tools/agent/agent_options.h"
#include "tools/agent/face.h"
#include "tools/agent/names/binary_names.h"
#include "tools/agent/sending.h"
#include "tools/agent/state_file.h"
#include "tools/agent/watched.h"
#include "tools/base/expression.h"

namespace heapprof::tools::agent {

class Agent {
 public:
  explicit Agent(AgentOptions options);
  ~Agent();

  // Until SIGTERM or SIGINT, or as many rounds as the options say.
  void Run();

 private:
  struct Seen {
    int64_t made = 0;  // the folder of /proc, as its times say
    ProgramFile program;
    bool operator==(const Seen& other) const { return made == other.made && program == other.program; }
  };
  static Seen SeenOf(pid_t pid);

  void Scan();
  bool Wants(const HeldProcess& process) const;
  void Begin(std::unique_ptr<HeldProcess> process);
  void BeginRound(Watched* watched);
  void EndRound(Watched* watched, const std::string& error);
  void Go(Watched* watched);  // the next page, if there is room
  void StartCpu(Watched* watched);
  bool Start(Watched* watched, Page page, const std::string& target, double seconds,
             std::optional<Running>* running);
  void Finish(Watched* watched, std::optional<Running>* running);
  void StepLook(Watched* watched);
  void LimitHeld();
  void StepAll();
  void Take(Watched* watched, const char* kind, std::string bytes);
  void Send(const Watched& watched, const char* kind, const Profile& profile);
  void Complain(Watched* watched, const std::string& error);
  bool WaitForEvents();
  void TellLines();
  void SaveState();
  std::string Answer(const std::string& path, std::string* type);
  int64_t NextEvent() const;
  bool RoundsAreDone() const;

  AgentOptions options_;
  std::unique_ptr<Expression> match_;  // nullptr: all
  BinaryNames names_;
  AgentFigures figures_;
  std::vector<std::unique_ptr<Sending>> targets_;
  std::unique_ptr<Face> face_;
  AgentState state_;
  std::string boot_id_;
  int64_t began_nanos_;           // since 1970: processes that began later have told nobody anything
  std::map<pid_t, Seen> others_;  // without the library
  std::map<pid_t, std::unique_ptr<Watched>> watched_;
  std::mt19937_64 random_;
  OwnedFd signals_;
  int64_t next_scan_ = 0;
  bool face_ready_ = false;
  size_t quick_running_ = 0, looks_running_ = 0;
};

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_AGENT_H_
