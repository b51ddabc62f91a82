// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watch.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <set>
#include <sstream>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/dump/dump_signal.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"
#include "tools/watch/full_screen.h"
#include "tools/watch/watch_history.h"
#include "tools/watch/watch_screen.h"
#include "tools/watch/watcher.h"

namespace heapprof::tools {
namespace {

struct WatchRequest {
  WatcherOptions watcher;
  double window = 60;  // seconds
  std::string order = "growth";
};

// What is said on stderr while the screen is up is said after it.
class HeldStderr {
 public:
  HeldStderr() : before_(dup(STDERR_FILENO)), held_(memfd_create("stderr", MFD_CLOEXEC)) {
    if (before_ >= 0 && held_ >= 0) dup2(held_, STDERR_FILENO);
  }
  ~HeldStderr() {
    if (before_ >= 0 && held_ >= 0) {
      std::fflush(stderr);
      dup2(before_, STDERR_FILENO);
      Tell();
    }
    if (before_ >= 0) close(before_);
    if (held_ >= 0) close(held_);
  }
  HeldStderr(const HeldStderr&) = delete;
  HeldStderr& operator=(const HeldStderr&) = delete;

 private:
  // Each look may say the same.
  void Tell() const {
    constexpr size_t kMost = 64 << 10;
    std::string text(kMost, '\0');
    const ssize_t size = pread(held_, text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<size_t>(size) : 0);
    std::istringstream lines(text);
    std::set<std::string> told;
    for (std::string line; std::getline(lines, line);) {
      if (told.insert(line).second) std::fprintf(stderr, "%s\n", line.c_str());
    }
  }

  int before_, held_;
};

// Signals as something that can be waited for beside keys. Blocked in all threads that come after it.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT})
      sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    fd_ = signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() {
    close(fd_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_; }
  // 0: there is none.
  int Take() const {
    signalfd_siginfo info;
    return read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  sigset_t set_, before_;
  int fd_;
};

WatchOrder OrderOf(const std::string& name) {
  return name == "live"        ? WatchOrder::kLive
         : name == "allocated" ? WatchOrder::kAllocated
                               : WatchOrder::kGrowth;
}

class Watch {
 public:
  explicit Watch(const WatchRequest& request) : watcher_(request.watcher), history_(request.window) {
    state_.interval = request.watcher.interval;
    state_.order = OrderOf(request.order);
    // The kernel's name for it: words are written over by daemons that show titles.
    std::string name;
    std::getline(std::ifstream("/proc/" + std::to_string(watcher_.process().pid()) + "/comm"), name);
    state_.process = ProcessName(watcher_.process()) + (name.empty() ? "" : " (" + name + ")");
  }

  // Returns the signal that ended it, or 0.
  int Run() {
    std::string failure;
    {
      const HeldStderr held;
      screen_.Enter();
      watcher_.Start();
      state_.note = "the first look ...";
      while (goes_on_) {
        Draw();
        Await();
      }
      screen_.Leave();
      failure = failure_;
      if (!watcher_.End()) is_busy_ = true;
    }
    if (has_ended_ && history_.looks() != 0) PrintLast();
    // The thread that looks names up cannot be stopped, and nothing of it is needed any more.
    if (is_busy_) {
      std::fflush(stdout);
      _exit(ended_by_ != 0 ? 128 + ended_by_ : kStatusGood);
    }
    if (!failure.empty()) throw Failure(failure);
    return ended_by_;
  }

 private:
  void Draw() {
    const FullScreen::Size size = screen_.AskSize();
    std::vector<std::string> lines;
    for (const WatchLine& line : WatchScreen(history_, state_, size.rows, size.columns))
      lines.push_back(WatchLineText(line, UseColours(), size.columns));
    if (!screen_.Draw(lines)) goes_on_ = false;
  }

  void Await() {
    pollfd waits[3] = {{STDIN_FILENO, POLLIN, 0}, {signals_.fd(), POLLIN, 0}, {watcher_.fd(), POLLIN, 0}};
    poll(waits, 3, -1);
    while (const int signal = signals_.Take()) OnSignal(signal);
    if ((waits[0].revents & POLLIN) != 0) OnKeys();
    if ((waits[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) goes_on_ = false;  // the terminal is gone
    if (waits[2].revents != 0) OnNews(watcher_.Take());
  }

  void OnSignal(int signal) {
    switch (signal) {
      case SIGWINCH:
        screen_.Wipe();
        break;
      case SIGTSTP:
        screen_.Leave();
        raise(SIGSTOP);
        [[fallthrough]];
      case SIGCONT:  // the shell has set the terminal for itself meanwhile
        screen_.Leave();
        // A terminal that hangs up sends this, too.
        if (goes_on_) screen_.Enter();
        break;
      case SIGINT:
        goes_on_ = false;
        break;
      default:
        goes_on_ = false;
        ended_by_ = signal;
    }
  }

  void OnKeys() {
    char keys[64];
    const ssize_t got = read(STDIN_FILENO, keys, sizeof keys);
    for (ssize_t i = 0; i < got; ++i) {
      switch (keys[i]) {
        case 'q':
        case 'Q':
          goes_on_ = false;
          break;
        case 'g':
          state_.order = WatchOrder::kGrowth;
          break;
        case 'l':
          state_.order = WatchOrder::kLive;
          break;
        case 'a':
          state_.order = WatchOrder::kAllocated;
          break;
        case '\033':  // the rest is the key's
          return;
        default:
          break;
      }
    }
  }

  void OnNews(Watcher::News news) {
    if (news.look) {
      history_.Add(std::move(*news.look));
      state_.note.clear();
    }
    if (!news.failure.empty()) state_.note = news.failure;
    has_ended_ = has_ended_ || news.ended;
    if (news.ended) state_.note = ProcessName(watcher_.process()) + " has ended   q quit";
    if (history_.looks() != 0 || (news.failure.empty() && !news.ended)) return;
    goes_on_ = false;
    failure_ = news.ended ? ProcessName(watcher_.process()) + " has ended" : news.failure;
  }

  // The page that was there last goes to where the shell's lines are.
  void PrintLast() {
    const FullScreen::Size size = screen_.AskSize();
    state_.note = ProcessName(watcher_.process()) + " has ended";
    for (const WatchLine& line : WatchScreen(history_, state_, size.rows, size.columns)) {
      std::string text = WatchLineText(line, false, 0);
      text.erase(text.find_last_not_of(' ') + 1);
      if (!text.empty()) std::printf("%s\n", text.c_str());
    }
  }

  const Signals signals_;  // before there is a thread
  Watcher watcher_;
  WatchHistory history_;
  WatchState state_;
  FullScreen screen_;
  bool goes_on_ = true, has_ended_ = false, is_busy_ = false;
  int ended_by_ = 0;
  std::string failure_;
};

void RunWatch(const WatchRequest& request) {
  FullScreen::Check();
  int signal = 0;
  {
    Watch watch(request);
    signal = watch.Run();
  }
  if (signal == 0) return;
  std::fflush(stdout);
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void AddWatchCommand(Command app) {
  constexpr double kMaxSeconds = 1e6, kLeastInterval = 0.05;
  auto request = std::make_shared<WatchRequest>();
  Command command =
      app->add_subcommand("watch", "The memory of a running program, live, on the whole terminal");
  command->add_option("PID", request->watcher.pid, "The process")->required()->check(CheckPid);
  command->add_option("--interval", request->watcher.interval, "Seconds from one look to the next; 2 without")
      ->check(DecimalNumber(kLeastInterval, kMaxSeconds))
      ->option_text("SECONDS");
  command->add_option("--window", request->window, "Seconds that growth and rates are of; 60 without")
      ->check(DecimalNumber(1, kMaxSeconds))
      ->option_text("SECONDS");
  command->add_option("--sort", request->order, "By growth, as without; live; or allocated")
      ->check(OneOf({"growth", "live", "allocated"}))
      ->option_text("WHAT");
  AddTimeoutOption(command, &request->watcher.timeout);
  AddNamingOptions(command, &request->watcher.load);
  AddMaxSizeOption(command, &request->watcher.load);
  command->callback([request] { RunWatch(*request); });
}

}  // namespace heapprof::tools
