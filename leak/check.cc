// SPDX-License-Identifier: Apache-2.0
#include "leak/check.h"

#include <errno.h>

#include "base/system/call_on_stack.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "leak/report/classes.h"
#include "leak/report/frame_names.h"
#include "leak/report/leak_profile.h"
#include "leak/report/leak_report.h"
#include "leak/search/block_index.h"
#include "leak/search/marking.h"
#include "leak/search/memory_map.h"
#include "leak/search/roots.h"
#include "leak/turns.h"
#include "profiles/output/dump_file.h"
#include "sampling/heap/live_table.h"
#include "sampling/recorder.h"
#include "sampling/stop/stop_world.h"

namespace heapprof::leak {
namespace {

Turns g_turns;
bool g_own_malloc;  // set at start
Suppressions g_suppressions;

constexpr size_t kStackBytes = 512 << 10;
constexpr int64_t kStopNanos = 5'000'000'000;

class OneCheck {
 public:
  OneCheck() : blocked_(g_turns.Begin(Turns::kCheck)) {}
  ~OneCheck() { g_turns.End(); }
  OneCheck(const OneCheck&) = delete;
  OneCheck& operator=(const OneCheck&) = delete;

 private:
  SignalsBlocked blocked_;  // until the turn has ended
};

class Check {
 public:
  Check(const CheckRequest& request, const SavedRegisters& caller, CheckResult* result)
      : request_(request), caller_(caller), result_(result) {}

  int Run() {
    Findings findings;
    FrameNames names;
    if (int failure = Find(&findings)) return failure;
    for (const Finding& finding : findings) {
      bool leak = finding.kind != FindingKind::kLive;
      (leak ? result_->leaked_blocks : result_->live_blocks) += finding.blocks;
      (leak ? result_->leaked_bytes : result_->live_bytes) += finding.bytes;
    }
    if (request_.profile != nullptr && findings.count() > 0) WriteProfile(findings);
    return request_.text != nullptr ? WriteText(&findings, &names) : 0;
  }

 private:
  // With the world stopped: what is leaked.
  int Find(Findings* findings) {
    StoppedWorld world;
    if (int failure = world.Stop(kStopNanos)) return failure;
    // It may allocate, free and unmap while we look: any verdict could be wrong.
    if (world.running() > 0) {
      for (size_t i = 0; i < world.count(); ++i) {
        if (!world.at(i).stopped) result_->running_thread = world.at(i).tid;
      }
      result_->running_threads = world.running();
      return -EBUSY;
    }
    MemoryMap map;
    BlockIndex index;
    if (int failure = map.Read()) return failure;
    if (!index.Build()) return -ENOMEM;
    index.NoteUnreadable(map);
    Marking marking(&index, &map);
    if (!marking.Init()) return -ENOMEM;
    marking.Start(BlockState::kReached);
    if (!AddRoots(map, world, caller_, &marking)) return -ENOMEM;
    for (uint32_t block = 0; block < index.count(); ++block) {
      if ((index.tag(block) & live::kIgnoredTag) != 0) marking.AddBlock(block);
    }
    marking.Flood();
    BlockClasses classes(&index, &map, &g_suppressions);
    if (!classes.Init()) return -ENOMEM;
    classes.KeepLoadersBlocks(&marking);
    if (int failure = classes.Suppress(request_.since, request_.list_live, &marking)) return failure;
    marking.SortLeaks();
    if (!world.holds()) return -EINTR;
    return findings->Collect(index, marking, request_.since, request_.list_live, &classes) ? 0 : -ENOMEM;
  }

  void WriteProfile(const Findings& findings) {
    DumpFile file;
    result_->profile_error = file.Open(request_.profile);
    if (result_->profile_error == 0)
      result_->profile_error = file.Close(WriteLeakProfile(findings, file.fd()));
  }

  int WriteText(Findings* findings, FrameNames* names) {
    findings->Group();
    auto* buffer = static_cast<char*>(RawMap(TextStream::kBufferSize));
    if (buffer == nullptr) return -ENOMEM;
    int failure = 0;
    if (findings->count() > 0) failure = names->Resolve(*findings);
    if (failure == 0) {
      TextStream out(request_.text, buffer);
      if (request_.whole_report) {
        WriteReport(*findings, *names, &out);
        WriteUsedSuppressions(&g_suppressions, &out);
      } else {
        WriteFindings(*findings, *names, &out);
      }
      failure = out.Flush();
    }
    RawUnmap(buffer, TextStream::kBufferSize);
    return failure;
  }

  const CheckRequest& request_;
  const SavedRegisters& caller_;
  CheckResult* result_;
};

struct StackCall {
  void (*function)(void* argument, const SavedRegisters& caller);
  void* argument;
  const SavedRegisters& caller;

  static void Run(void* self) {
    auto* call = static_cast<StackCall*>(self);
    call->function(call->argument, call->caller);
  }
};

}  // namespace

void OnCheckStack(void (*function)(void* argument, const SavedRegisters& caller), void* argument,
                  const SavedRegisters& caller) {
  StackCall call = {function, argument, caller};
  auto* stack = static_cast<char*>(RawMap(kStackBytes));
  if (stack == nullptr) {
    Say("no leak check: no memory");
    return;
  }
  CallOnStack(StackCall::Run, &call, stack + kStackBytes);
  RawUnmap(stack, kStackBytes);
}

int RunCheck(const CheckRequest& request, const SavedRegisters& caller, CheckResult* result) {
  AdoptIfCopy();
  if (g_own_malloc) return -EOPNOTSUPP;
  if (!recorder::RecordsEverything()) return -ENODATA;
  OneCheck one;
  return Check(request, caller, result).Run();
}

void ProgramHasOwnMalloc() { g_own_malloc = true; }

uint64_t HoldChecksOff() { return g_turns.Begin(Turns::kFork); }
void LetChecksRun() { g_turns.End(); }

Suppressions& ProcessSuppressions() { return g_suppressions; }

void CheckAfterForkInChild() {
  g_turns.ForgetAfterFork();
  ForgetStoppedWorldAfterFork();
}

}  // namespace heapprof::leak
