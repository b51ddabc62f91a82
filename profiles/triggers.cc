#include "profiles/triggers.h"

#include <signal.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/text.h"
#include "profiles/cpu_profile.h"
#include "profiles/dump.h"
#include "profiles/dump_record.h"

namespace heapprof {
namespace {

void OnDumpSignal(int) { DumpOnSignal(); }

void DumpAtExit() {
  StopCpuProfileAtExit();
  if (GetOptions().dump_at_exit) DumpHeap(nullptr);
}

__attribute__((destructor)) void AtExit() { DumpAtExit(); }

}  // namespace

void InstallHandler(int number, void (*handler)(int)) {
  struct sigaction old_action = {};
  if (sigaction(number, nullptr, &old_action) != 0 || old_action.sa_handler != SIG_DFL) {
    if (GetOptions().verbose) {
      Text<128> line;
      Say(line.Str("signal ").Dec(number).Str(" is in use by the program: no dump on it"));
    }
    return;
  }
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  sigfillset(&action.sa_mask);  // a dump's stack is no place for the program's handlers
  sigaction(number, &action, nullptr);
}

void InstallTriggers() {
  const Options& options = GetOptions();
  MapDumpMemory();
  PublishDumpSignal(options.dump_signal, OnDumpSignal, options.output);
  if (options.dump_signal > 0) InstallHandler(options.dump_signal, OnDumpSignal);
  InstallCpuTriggers();
  at_quick_exit(DumpAtExit);
}

void TriggersAfterForkInChild(bool copied) {
  DumpsAfterForkInChild();
  CpuProfileAfterForkInChild(copied);
}

}  // namespace heapprof
