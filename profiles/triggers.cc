// SPDX-License-Identifier: Apache-2.0
#include "profiles/triggers.h"

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/dump_record.h"
#include "base/options.h"
#include "base/signal/signal_front.h"
#include "base/text.h"
#include "profiles/cpu_profile.h"
#include "profiles/dump.h"
#include "profiles/dump_record.h"
#include "profiles/dump_triggers.h"
#include "profiles/fatal_signals.h"
#include "profiles/output/dump_file.h"
#include "profiles/wall_profile.h"

namespace heapprof {
namespace {

void OnDumpSignal(int, siginfo_t* info, void* context) {
  const int request = info->si_code == SI_QUEUE ? info->si_value.sival_int : 0;
  DumpOnSignal(request == kThreadsRequest     ? SignalDump::kThreadFile
               : request == kMemoryRequest    ? SignalDump::kMemory
               : request == kPeakRequest      ? SignalDump::kPeak
               : request == kGrowthRequest    ? SignalDump::kGrowth
               : request == kLifetimesRequest ? SignalDump::kLifetimes
               : request == kLookRequest      ? SignalDump::kLook
                                              : SignalDump::kHeap,
               context);
}
void OnThreadDumpSignal(int, siginfo_t*, void* context) { DumpOnSignal(SignalDump::kThreadText, context); }

void DumpAtExit() {
  StopWallProfileAtExit();
  StopCpuProfileAtExit();
  if (!GetOptions().dump_at_exit) return;
  DumpHeap(nullptr);
  if (GetOptions().lifetimes) DumpLifetimes();
}

__attribute__((destructor)) void AtExit() { WriteAtExit(DumpAtExit); }
void AtQuickExit() { WriteAtExit(DumpAtExit); }

void SaySetUp(const Options& options) {
  Text<sizeof options.output + 128> line;
  line.Str("sample_interval=").UDec(options.sample_interval).Str(", dump_signal=").Dec(options.dump_signal);
  if (const uint64_t threshold = ProcessDumpTriggers().MemoryThreshold(); threshold != 0) {
    line.Str(", dump_at_memory=").UDec(threshold);
  }
  Say(line.Str(", output=").Str(options.output));
}

}  // namespace

void InstallHandler(int number, FrontHandler handler) {
  if (InstallFront(number, FrontKind::kGivesWay, handler) == 0 || !GetOptions().verbose) return;
  Text<128> line;
  Say(line.Str("signal ").Dec(number).Str(" is in use by the program: no dump on it"));
}

void InstallTriggers() {
  const Options& options = GetOptions();
  KeepProgramName();
  MapDumpMemory();
  PublishDumpSignal(options.dump_signal, reinterpret_cast<uintptr_t>(OnDumpSignal), options.output);
  if (options.dump_signal > 0) InstallHandler(options.dump_signal, OnDumpSignal);
  if (options.thread_dump_signal > 0) InstallHandler(options.thread_dump_signal, OnThreadDumpSignal);
  KeepDumps(options.keep_dumps);
  ProcessDumpTriggers().SetAll(options);
  InstallCpuTriggers();
  StartWallProfileAtStart();
  if (options.dump_at_exit || options.cpu_at_start || options.wall_at_start) InstallFatalSignals(DumpAtExit);
  at_quick_exit(AtQuickExit);
  if (options.verbose) SaySetUp(options);
}

void TriggersAfterForkInChild(bool copied) {
  FrontsAfterForkInChild();
  DumpsAfterForkInChild();
  ProcessDumpTriggers().Restart();
  FatalSignalsAfterForkInChild();
  CpuProfileAfterForkInChild(copied);
  WallProfileAfterForkInChild(copied);
}

}  // namespace heapprof
