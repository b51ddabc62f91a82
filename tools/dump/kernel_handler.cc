// SPDX-License-Identifier: Apache-2.0
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <fstream>
#include <vector>

#include "base/older_libc.h"
#include "tools/base/failure.h"
#include "tools/dump/kernel_handler.h"
#include "tools/dump/thread_call.h"
#include "tools/process/process_memory.h"

namespace heapprof::tools {
namespace {

constexpr int kWaitSteps = 2000;  // of 0.1 ms and more
constexpr long kKernelSetBytes = 8;
constexpr int kSystemCallStop = SIGTRAP | 0x80;
constexpr int kMaxTries = 100;

// What `Ask` tells its parent.
struct Answer {
  int error;  // 0: `handler` is known
  uint64_t handler;
};

// One thread under ptrace. What is not undone when this process ends, the kernel undoes: the thread goes on.
class Tracee {
 public:
  explicit Tracee(pid_t thread) : thread_(thread) {}

  // Stops it between two instructions, outside of a restartable sequence, where a jump would break it.
  // Errors: an errno value.
  int Stop() {
    if (Request(PTRACE_SEIZE, PTRACE_O_TRACESYSGOOD) != 0) return errno;
    for (int i = 0; i < kMaxTries; ++i) {
      if (Request(PTRACE_INTERRUPT, 0) != 0) return errno;
      if (const int error = WaitFor(SIGTRAP, PTRACE_EVENT_STOP, PTRACE_CONT); error != 0) return error;
      if (!InSequence()) return 0;
      if (Request(PTRACE_CONT, 0) != 0) return errno;
    }
    return EBUSY;
  }

  // Has it make the call, which leaves no trace. Errors: an errno value.
  int Call(uint64_t instruction, long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    user_regs_struct saved;
    uint64_t mask = 0;
    const uint64_t all = ~uint64_t{0};
    if (!ReadRegisters(thread_, &saved)) return errno;
    if (ptrace(PTRACE_GETSIGMASK, thread_, kKernelSetBytes, &mask) != 0) return errno;
    const user_regs_struct call = WithCall(saved, instruction, number, {a, b, c, d});
    // No handler of the program may run on the registers of this call.
    if (ptrace(PTRACE_SETSIGMASK, thread_, kKernelSetBytes, &all) != 0) return errno;
    int error = WriteRegisters(thread_, call) ? 0 : errno;
    for (int stop = 0; stop < 2 && error == 0; ++stop) {  // at its begin, at its end
      error = Request(PTRACE_SYSCALL, 0) != 0 ? errno : WaitFor(kSystemCallStop, 0, PTRACE_SYSCALL);
    }
    if (error == 0) {
      user_regs_struct after;
      error = ReadRegisters(thread_, &after) ? static_cast<int>(-ResultOf(after)) : errno;
      // Only behind a stop between instructions the kernel restarts the call that `saved` was in.
      if (Request(PTRACE_INTERRUPT, 0) == 0 && Request(PTRACE_CONT, 0) == 0) {
        WaitFor(SIGTRAP, PTRACE_EVENT_STOP, PTRACE_CONT);
      }
    }
    WriteRegisters(thread_, saved);
    ptrace(PTRACE_SETSIGMASK, thread_, kKernelSetBytes, &mask);
    return error;
  }

  void Release() { Request(PTRACE_DETACH, 0); }

 private:
  long Request(__ptrace_request request, long data) { return ptrace(request, thread_, nullptr, data); }

  // Waits for the stop that is meant; the thread goes on from others by `resume`, with the signal that it
  // had.
  int WaitFor(int signal, int event, __ptrace_request resume) {
    for (int i = 0; i < kWaitSteps; ++i) {
      int status;
      const pid_t got = waitpid(thread_, &status, __WALL | WNOHANG);
      if (got < 0) return errno;
      if (got == 0) {
        const timespec step = {0, 100'000};
        nanosleep(&step, nullptr);
        continue;
      }
      if (!WIFSTOPPED(status)) return ESRCH;
      const int had = WSTOPSIG(status), had_event = status >> 16;
      if (had == signal && had_event == event) return 0;
      if (had_event == PTRACE_EVENT_STOP && had != SIGTRAP) return EAGAIN;  // it is being stopped
      if (Request(resume, had_event == 0 && had != kSystemCallStop ? had : 0) != 0) return errno;
    }
    return ETIMEDOUT;
  }

  bool InSequence() const {
    __ptrace_rseq_configuration area = {};
    uint64_t sequence = 0;
    constexpr uint64_t kSequenceOffset = 8;  // rseq(2): rseq_cs
    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, thread_, sizeof area, &area) <= 0) return false;
    if (area.rseq_abi_pointer == 0) return false;
    ReadMemory(thread_, area.rseq_abi_pointer + kSequenceOffset, &sequence, sizeof sequence);
    return sequence != 0;
  }

  pid_t thread_;
};

// The address of the first system call's instruction in the function at `code`, 0 if there is none.
uint64_t FindSystemCall(pid_t thread, uint64_t code) {
  unsigned char bytes[64];
  const size_t got = ReadMemory(thread, code, bytes, sizeof bytes);
  const size_t at = OffsetOfSystemCall(bytes, got);
  return at < got ? code + at : 0;
}

// `code` is looked at while the thread stands: an exec may have put another program there before.
Answer Ask(pid_t thread, int signal, uint64_t code, uint64_t answer) {
  Tracee tracee(thread);
  int error = tracee.Stop();
  if (error != 0) return {error, 0};
  const uint64_t instruction = FindSystemCall(thread, code);
  if (instruction == 0) return {ENOEXEC, 0};
  error =
      tracee.Call(instruction, SYS_rt_sigaction, static_cast<uint64_t>(signal), 0, answer, kKernelSetBytes);
  uint64_t handler = 0;
  if (error == 0 && ReadMemory(thread, answer, &handler, sizeof handler) != sizeof handler) error = EFAULT;
  tracee.Release();
  return {error, handler};
}

// In a process of its own: whatever happens to it, the thread goes on when it ends.
Answer AskInChild(pid_t thread, int signal, uint64_t code, uint64_t answer) {
  int ends[2];
  if (pipe(ends) != 0) return {errno, 0};
  // The terminal's Ctrl-C shall not end it in the middle.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  const pid_t child = fork();
  if (child == 0) {
    const Answer told = Ask(thread, signal, code, answer);
    _exit(write(ends[1], &told, sizeof told) == sizeof told ? 0 : 1);
  }
  Answer told = {errno, 0};
  close(ends[1]);
  if (child > 0) {
    told.error = ECHILD;
    Answer read_answer;
    if (read(ends[0], &read_answer, sizeof read_answer) == sizeof read_answer) told = read_answer;
    waitpid(child, nullptr, 0);
  }
  close(ends[0]);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return told;
}

// Threads in a call that the kernel restarts come first, then running ones.
std::vector<pid_t> ThreadsToAsk(const Process& process) {
  const long kInterrupted[] = {kEpollWait,          SYS_epoll_pwait,  SYS_semop,   SYS_semtimedop,
                               SYS_recvfrom,        SYS_recvmsg,      SYS_accept,  SYS_accept4,
                               SYS_rt_sigtimedwait, SYS_io_getevents, SYS_connect, SYS_recvmmsg};
  std::vector<std::pair<int, pid_t>> order;
  for (const pid_t thread : process.Threads()) {
    const std::string state = process.ThreadStatus(thread, "State");
    if (state.empty() || (state[0] != 'S' && state[0] != 'R')) continue;
    std::ifstream file("/proc/" + std::to_string(process.pid()) + "/task/" + std::to_string(thread) +
                       "/syscall");
    long number = -1;
    file >> number;  // "running" is no number
    const bool interrupted =
        std::find(std::begin(kInterrupted), std::end(kInterrupted), number) != std::end(kInterrupted);
    order.emplace_back(interrupted ? 2 : file.fail() || number < 0 ? 1 : 0, thread);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<pid_t> threads;
  threads.reserve(order.size());
  for (const auto& [rank, thread] : order) threads.push_back(thread);
  return threads;
}

// `busy`: somebody else has hold of it, who may be about to let go.
KernelHandler AskOnce(const Process& process, int signal, uint64_t system_call, uint64_t answer, bool* busy) {
  KernelHandler result;
  // A filter may end a program for a call that it never makes itself.
  if (process.HasOwnSeccompFilter()) result.why_not = "it has a seccomp filter of its own";
  *busy = process.IsTraced();
  if (*busy) result.why_not = "a debugger holds it";
  if (!result.why_not.empty()) return result;
  result.why_not = "no thread of it can be asked";
  constexpr size_t kMaxThreads = 8;
  const std::vector<pid_t> threads = ThreadsToAsk(process);
  *busy = threads.empty();
  for (size_t i = 0; i < std::min(threads.size(), kMaxThreads); ++i) {
    const Answer told = AskInChild(threads[i], signal, system_call, answer);
    if (told.error == 0) return {true, told.handler, ""};
    result.why_not = told.error == ENOEXEC ? "another program begins in it: try again in a moment"
                                           : "ptrace: " + ErrorText(told.error);
    *busy = *busy || told.error == EPERM;
  }
  return result;
}

}  // namespace

KernelHandler AskKernelHandler(const Process& process, int signal, uint64_t system_call, uint64_t answer) {
  // Another command asks for well under a millisecond, a debugger stays.
  constexpr int kTries = 50;
  for (int i = 1;; ++i) {
    bool busy = false;
    KernelHandler result = AskOnce(process, signal, system_call, answer, &busy);
    if (!busy || i == kTries) return result;
    const timespec pause = {0, 10'000'000};
    nanosleep(&pause, nullptr);
  }
}

}  // namespace heapprof::tools
