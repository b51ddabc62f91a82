// SPDX-License-Identifier: Apache-2.0
#include "tools/dump/dump_signal.h"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <vector>

#include "base/older_libc.h"
#include "tools/base/failure.h"
#include "tools/dump/kernel_handler.h"

namespace heapprof::tools {
namespace {

// What to do instead of a signal that the process has taken for itself.
std::string OtherSignal(const Process& process) {
  constexpr int kFirst = 40, kLast = 64;  // the lower ones are where programs begin to count
  std::vector<int> signals = {SIGUSR1, SIGUSR2};
  for (int signal = kFirst; signal <= kLast; ++signal) signals.push_back(signal);
  for (const int signal : signals) {
    if (process.Catches(signal) || process.Ignores(signal) || process.WaitsFor(signal)) continue;
    const char* name = SignalAbbreviation(signal);
    return "; nothing is sent. Start it with another dump_signal (" +
           (name != nullptr ? name : std::to_string(signal)) + " is free there)";
  }
  return "; nothing is sent. It has taken all signals: call heapprof_dump_heap in it";
}

// Threads block signals for moments, too: ours all do while they write a dump.
bool StaysBlocked(const Process& process, int signal) {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries; ++i) {
    if (!process.Blocks(signal)) return false;
    const timespec pause = {0, 20'000'000};
    nanosleep(&pause, nullptr);
  }
  return process.Blocks(signal);
}

// Another command holds a thread for a moment, too: it asks what this one is about to ask.
bool StaysStopped(const Process& process) {
  constexpr int kTries = 50;
  for (int i = 0; i < kTries && process.IsTraced(); ++i) {
    if (!process.IsStopped()) return false;
    const timespec pause = {0, 10'000'000};
    nanosleep(&pause, nullptr);
  }
  return process.IsStopped();
}

// Asks by each record until one of the library's handlers is the kernel's.
KernelHandler AskWhoseHandler(const Process& process, int signal, const DumpRecords& records, bool* is_ours) {
  KernelHandler kernel;
  kernel.why_not = "its memory cannot be read";
  if (records.readable) kernel.why_not = "its libheapprof is of another version than this command";
  if (records.started.empty()) return kernel;
  const PublishedRecord& first = records.started.front();
  kernel = AskKernelHandler(process, signal, first.record.system_call,
                            first.address + offsetof(DumpRecord, answer));
  *is_ours =
      std::any_of(records.started.begin(), records.started.end(), [&](const PublishedRecord& published) {
        return published.record.signal == signal && published.record.handler == kernel.address;
      });
  return kernel;
}

}  // namespace

std::string ProcessName(const Process& process) { return "process " + std::to_string(process.pid()); }

std::string SignalName(int signal) {
  const char* name = SignalAbbreviation(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

void CheckDumpSignal(const Process& process, int signal, const DumpRecords& records, bool force) {
  const std::string who = ProcessName(process), name = SignalName(signal);
  if (process.IsStopped() && StaysStopped(process)) {
    throw Failure(who + " is stopped; nothing is sent. Let it go on first (kill -CONT " +
                  std::to_string(process.pid()) + ", or its debugger)");
  }
  if (process.Ignores(signal)) throw Failure(who + " ignores " + name + OtherSignal(process));
  if (!process.Catches(signal)) {
    throw Failure(who + " does not catch " + name + "; it is not sent, as it could end the process");
  }
  if (process.WaitsFor(signal)) {
    throw Failure(who + " takes " + name + " itself, by sigwait or signalfd" + OtherSignal(process));
  }
  if (StaysBlocked(process, signal)) {
    throw Failure("every thread of " + who + " blocks " + name + OtherSignal(process));
  }
  bool is_ours = false;
  const KernelHandler kernel = AskWhoseHandler(process, signal, records, &is_ours);
  if (kernel.known && !is_ours && !records.started.empty()) {
    throw Failure(who + " has a handler of its own for " + name + OtherSignal(process));
  }
  if (!kernel.known && !force) {
    throw Failure("whose handler for " + name + " " + who + " has cannot be told (" + kernel.why_not +
                  "); nothing is sent. If it has none of its own, say --force");
  }
}

}  // namespace heapprof::tools
