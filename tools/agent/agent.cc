// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/agent.h"

#include <dirent.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tools/agent/metrics.h"
#include "tools/agent/process/monotonic.h"
#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/dump/dump_records.h"

namespace heapprof::tools::agent {
namespace {

std::string BaseNameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool HasLibraryByName(const std::vector<MapsLine>& maps) {
  return std::any_of(maps.begin(), maps.end(), [](const MapsLine& line) {
    constexpr char kName[] = "libheapprof.so";
    return line.inode != 0 && BaseNameOf(line.path).rfind(kName, 0) == 0;
  });
}

// Linked into the program: its note is in the memory of the process.
bool HasLibraryInside(const HeldProcess& process) try {
  const DumpRecords records = ReadDumpRecords(Process(process.pid()));
  return (!records.started.empty() || records.starting) && process.lives();
} catch (const Failure&) {
  return false;
}

// A folder for each target, whose name says which it is: to people by its letters, and by a hash where only
// signs differ.
std::string SpoolOf(const std::string& folder, const std::string& url) {
  if (folder.empty()) return "";
  std::string name = "spool-";
  for (const char c : url) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    name += plain ? c : '_';
  }
  // No password is in a name; two that differ in it are one target.
  const size_t at = url.find('@'), scheme = url.find("://");
  if (at != std::string::npos && scheme != std::string::npos && scheme < at)
    return SpoolOf(folder, url.substr(0, scheme + 3) + url.substr(at + 1));
  constexpr size_t kMaxName = 200;
  return folder + "/" + name.substr(0, kMaxName) + "-" + send::ContentId(url).substr(0, 8);
}

}  // namespace

Agent::Agent(AgentOptions options)
    : options_(std::move(options)),
      names_({options_.folder.empty() ? "" : options_.folder + "/names", options_.debug_paths,
              options_.debuginfod}),
      boot_id_(BootId()),
      began_nanos_(RealNanos()),
      random_(std::random_device()()) {
  if (!options_.match.empty()) match_ = std::make_unique<Expression>(options_.match, "--match");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  // Two descriptors for each process; shells give 1,024.
  rlimit descriptors = {};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  // zlib's states are mapped, filled with zeros and unmapped for each profile otherwise.
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  signals_ = OwnedFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  for (const std::string& url : options_.to) {
    targets_.push_back(
        std::make_unique<Sending>(url, options_.target, SpoolOf(options_.folder, url), options_.spool));
  }
  if (!options_.folder.empty()) state_ = TakeState(options_.folder + "/agent.state", boot_id_);
  if (state_.stopped_nanos != 0) began_nanos_ = std::min(began_nanos_, state_.stopped_nanos);
  if (!options_.listen.empty()) {
    face_ = std::make_unique<Face>(
        options_.listen, [this](const std::string& path, std::string* type) { return Answer(path, type); });
    Tell("agent: figures at " + Printable(face_->address()) + "/metrics");
  }
}

Agent::~Agent() = default;

bool Agent::Wants(const HeldProcess& process) const {
  if (process.pid() == getpid()) return false;
  if (!options_.pids.empty() &&
      std::find(options_.pids.begin(), options_.pids.end(), process.pid()) == options_.pids.end()) {
    return false;
  }
  if (match_ == nullptr) return true;
  constexpr size_t kMaxArguments = 4096;
  std::string arguments = process.Read("cmdline", kMaxArguments);
  std::replace(arguments.begin(), arguments.end(), '\0', ' ');
  return match_->FoundIn(process.Link("exe")) || match_->FoundIn(arguments);
}

// Two calls for each process of the machine: the kernel makes the folder's times when the process is looked
// at first, so that one that has got the same number has others.
Agent::Seen Agent::SeenOf(pid_t pid) {
  Seen seen;
  const std::string folder = "/proc/" + std::to_string(pid);
  struct stat status;
  if (stat(folder.c_str(), &status) == 0)
    seen.made = status.st_mtim.tv_sec * kNanosASecond + status.st_mtim.tv_nsec;
  if (stat((folder + "/exe").c_str(), &status) == 0) seen.program = {status.st_dev, status.st_ino};
  return seen;
}

// All processes once; of those that are known only whether they are still what they were.
void Agent::Scan() {
  ++figures_.scans;
  std::set<pid_t> there;
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid > 0) there.insert(pid);
  }
  closedir(folder);
  for (auto at = watched_.begin(); at != watched_.end();) {
    Watched* watched = at->second.get();
    // One that has ended has no program any more; what an exec has made of it is looked at as if it were new.
    if (watched->process->Program() == watched->program) {
      there.erase(at->first);
      ++at;
      continue;
    }
    if (watched->quick) --quick_running_;
    if (watched->look) --looks_running_;
    ++figures_.ended;
    at = watched_.erase(at);
  }
  for (auto at = others_.begin(); at != others_.end();)
    at = there.count(at->first) == 0 ? others_.erase(at) : std::next(at);
  for (const pid_t pid : there) {
    Seen* seen = &others_[pid];
    const Seen now = SeenOf(pid);
    if (now == *seen) continue;
    *seen = now;
    // A kernel thread, or one that may not be looked into.
    if (now.program.inode == 0) continue;
    std::unique_ptr<HeldProcess> process = HeldProcess::Open(pid);
    if (process == nullptr || !Wants(*process)) continue;
    const std::vector<MapsLine> maps = process->Maps();
    const bool by_name = HasLibraryByName(maps);
    if (!by_name && !HasLibraryInside(*process)) {
      // The loader has not come to the library yet, in a process that has just begun.
      constexpr int64_t kYoung = 2 * kNanosASecond;
      if (RealNanos() - process->start_nanos() < kYoung) *seen = {};
      continue;
    }
    others_.erase(pid);
    Begin(std::move(process));
  }
}

void Agent::Begin(std::unique_ptr<HeldProcess> process) {
  auto watched = std::make_unique<Watched>();
  watched->program = process->Program();
  watched->labels = LabelsOf(*process);
  for (const auto& [name, value] : ParseLabels(options_.labels)) SetLabel(&watched->labels, name, value);
  const int64_t start = process->start_nanos();
  if (start > began_nanos_) watched->since_nanos = start;
  const auto left = state_.processes.find({process->pid(), process->start_ticks(), watched->program.inode});
  if (left != state_.processes.end()) {
    watched->baselines = std::move(left->second);
    state_.processes.erase(left);
  }
  // All at different times from the first round on.
  watched->next_round =
      MonotonicNanos() + static_cast<int64_t>(std::uniform_real_distribution<double>(
                             0, std::min(options_.interval, 15.0) * kNanosASecond)(random_));
  if (options_.rounds != 0) watched->next_round = MonotonicNanos();
  ++figures_.begun;
  if (options_.verbose) {
    Tell("agent: process " + std::to_string(process->pid()) + " (" +
         Printable(LabelOf(watched->labels, "service")) + ")");
  }
  const pid_t pid = process->pid();
  watched->process = std::move(process);
  watched_[pid] = std::move(watched);
}

int64_t Agent::NextEvent() const {
  int64_t next = next_scan_;
  const int64_t now = MonotonicNanos();
  for (const auto& [pid, watched] : watched_) {
    const bool busy = watched->quick || watched->look || !watched->pages.empty();
    const bool wants_more = options_.rounds == 0 || watched->rounds < options_.rounds;
    if (!busy && wants_more) next = std::min(next, watched->next_round);
    if (watched->quick) next = std::min(next, watched->quick->deadline);
    if (watched->cpu) {
      const Running& cpu = *watched->cpu;
      next = std::min(next, now < cpu.not_before ? cpu.not_before : cpu.deadline);
    }
    if (watched->look) next = std::min(next, watched->look_deadline);
  }
  return face_ == nullptr ? next : std::min(next, face_->next_event());
}

// False: it is time to end. Marks whose socket is ready.
bool Agent::WaitForEvents() {
  std::vector<pollfd> waits = {{signals_.get(), POLLIN, 0}};
  std::vector<Running*> running;
  const int64_t now = MonotonicNanos();
  for (const auto& [pid, watched] : watched_) {
    for (auto* one : {&watched->quick, &watched->cpu}) {
      if (!*one || now < (*one)->not_before) continue;
      running.push_back(&**one);
      waits.push_back({(*one)->exchange->fd(), (*one)->exchange->events(), 0});
    }
  }
  for (const auto& [pid, watched] : watched_) {
    if (watched->look) waits.push_back({watched->look->fd(), POLLIN, 0});
  }
  const size_t face_from = waits.size();
  if (face_ != nullptr) face_->AddTo(&waits);
  const int64_t left = std::max<int64_t>(NextEvent() - now, 0);
  constexpr int64_t kMillis = 1'000'000, kLongest = 3'600'000;
  const int millis = static_cast<int>(std::min((left + kMillis - 1) / kMillis, kLongest));
  if (poll(waits.data(), waits.size(), millis) < 0 && errno != EINTR)
    throw Failure("poll: " + ErrorText(errno));
  face_ready_ = std::any_of(waits.begin() + static_cast<ptrdiff_t>(face_from), waits.end(),
                            [](const pollfd& wait) { return wait.revents != 0; });
  for (size_t i = 0; i < running.size(); ++i) running[i]->ready = waits[i + 1].revents != 0;
  return waits[0].revents == 0;
}

void Agent::Run() {
  while (true) {
    const int64_t now = MonotonicNanos();
    if (now >= next_scan_) {
      Scan();
      next_scan_ = MonotonicNanos() + static_cast<int64_t>(options_.scan * kNanosASecond);
    }
    StepAll();
    if (face_ != nullptr && (face_ready_ || now >= face_->next_event())) face_->Step(now);
    TellLines();
    if (options_.rounds != 0 && RoundsAreDone()) break;
    // Answers of some milliseconds together: what comes is in no hurry.
    constexpr int64_t kTick = 20'000'000;
    const int64_t rest = now + kTick - MonotonicNanos();
    const timespec pause = {0, std::max<int64_t>(rest, 0)};
    if (options_.rounds == 0 && rest > 0) nanosleep(&pause, nullptr);
    if (!WaitForEvents()) break;
  }
  // What was begun is not waited for: its part comes with the next agent's first round.
  constexpr double kStopSeconds = 5;
  for (const auto& target : targets_) target->BeginStop(kStopSeconds);
  for (const auto& target : targets_) target->Stop(kStopSeconds);
  TellLines();
  SaveState();
}

bool Agent::RoundsAreDone() const {
  return std::all_of(watched_.begin(), watched_.end(), [this](const auto& entry) {
    const Watched& watched = *entry.second;
    return watched.rounds >= options_.rounds && !watched.quick && !watched.cpu && !watched.look &&
           watched.pages.empty();
  });
}

void Agent::TellLines() {
  for (const auto& target : targets_) {
    for (const std::string& line : target->TakeLines()) Tell("agent: " + line);
  }
}

void Agent::SaveState() {
  if (options_.folder.empty()) return;
  AgentState state;
  state.stopped_nanos = RealNanos();
  for (auto& [pid, watched] : watched_) {
    if (watched->baselines.empty()) continue;
    state.processes[{pid, watched->process->start_ticks(), watched->program.inode}] =
        std::move(watched->baselines);
  }
  WriteState(options_.folder + "/agent.state", boot_id_, state);
}

std::string Agent::Answer(const std::string& path, std::string* type) {
  if (path == "/metrics") {
    *type = "text/plain; version=0.0.4; charset=utf-8";
    std::vector<Sending::Figures> sending;
    for (const auto& target : targets_) sending.push_back(target->figures());
    size_t with_server = 0, bytes = 0;
    for (const auto& [pid, watched] : watched_) {
      with_server += watched->endpoint ? 1 : 0;
      for (const auto& [kind, baseline] : watched->baselines) bytes += baseline.bytes();
    }
    return MetricsText(
        {figures_, names_.figures(), names_.file_count(), sending, watched_.size(), with_server, bytes});
  }
  if (path == "/targets") {
    *type = "application/json";
    return TargetsText(watched_);
  }
  return "";
}

}  // namespace heapprof::tools::agent
