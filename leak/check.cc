#include "leak/check.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/system/call_on_stack.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "leak/report/classes.h"
#include "leak/report/frame_names.h"
#include "leak/report/leak_profile.h"
#include "leak/report/leak_report.h"
#include "leak/search/block_index.h"
#include "leak/search/marking.h"
#include "leak/search/memory_map.h"
#include "leak/search/roots.h"
#include "profiles/dump_file.h"
#include "sampling/heap/live_table.h"
#include "sampling/recorder.h"
#include "sampling/stop/stop_world.h"

namespace heapprof::leak {
namespace {

std::atomic<uint32_t> g_busy{0};
Suppressions g_suppressions;

constexpr size_t kStackBytes = 512 << 10;
constexpr int64_t kStopNanos = 5'000'000'000;

class OneCheck {
 public:
  OneCheck() {
    uint64_t all = ~uint64_t{0};
    RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all),
               reinterpret_cast<long>(&old_mask_), sizeof(all));
    while (g_busy.exchange(1, std::memory_order_acquire) != 0) {
      // The one who checks must be able to stop this thread.
      RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&old_mask_), 0, sizeof(all));
      timespec limit = {0, 10'000'000};
      RawSyscall(SYS_futex, reinterpret_cast<long>(&g_busy), FUTEX_WAIT_PRIVATE, 1,
                 reinterpret_cast<long>(&limit));
      RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all), 0, sizeof(all));
    }
  }
  ~OneCheck() {
    g_busy.store(0, std::memory_order_release);
    RawSyscall(SYS_futex, reinterpret_cast<long>(&g_busy), FUTEX_WAKE_PRIVATE, 1);
    RawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&old_mask_), 0, sizeof(old_mask_));
  }
  OneCheck(const OneCheck&) = delete;
  OneCheck& operator=(const OneCheck&) = delete;

 private:
  uint64_t old_mask_ = 0;
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
    result_->running_threads = world.running();
    NameRunning(world);
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
    return findings->Collect(index, marking, request_.since, request_.list_live, &classes) ? 0 : -ENOMEM;
  }

  static void NameRunning(const StoppedWorld& world) {
    for (size_t i = 0; i < world.count(); ++i) {
      if (world.at(i).stopped) continue;
      Text<128> line;
      Say(line.Str("leak check: thread ")
              .Dec(world.at(i).tid)
              .Str(" could not be stopped: leaks may be missed, as all stacks count whole"));
    }
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
  const SavedRegisters* caller;

  static void Run(void* self) {
    auto* call = static_cast<StackCall*>(self);
    call->function(call->argument, *call->caller);
  }
  static void WithRegisters(void* self, const SavedRegisters* registers) {
    auto* call = static_cast<StackCall*>(self);
    call->caller = registers;
    auto* stack = static_cast<char*>(RawMap(kStackBytes));
    if (stack == nullptr) {
      Say("no leak check: no memory");
      return;
    }
    CallOnStack(Run, call, stack + kStackBytes);
    RawUnmap(stack, kStackBytes);
  }
};

}  // namespace

void OnCheckStack(void (*function)(void* argument, const SavedRegisters& caller), void* argument) {
  StackCall call = {function, argument, nullptr};
  CallWithRegisters(StackCall::WithRegisters, &call);
}

int RunCheck(const CheckRequest& request, const SavedRegisters& caller, CheckResult* result) {
  if (!recorder::RecordsEverything()) return -ENODATA;
  OneCheck one;
  return Check(request, caller, result).Run();
}

Suppressions& ProcessSuppressions() { return g_suppressions; }

void CheckAfterForkInChild() {
  g_busy.store(0, std::memory_order_relaxed);
  ForgetStoppedWorldAfterFork();
}

}  // namespace heapprof::leak
