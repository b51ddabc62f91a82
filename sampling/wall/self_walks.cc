// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/self_walks.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/system/call_on_stack.h"
#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"

namespace heapprof::wall {
namespace {

constexpr int kSignal = 33;      // libc's SIGSETXID, which programs do not block
constexpr int kOwnCode = -4712;  // si_code of our signals; negative ones are for programs

std::atomic<void (*)(size_t, const ucontext_t&)> g_answer{nullptr};
std::atomic<void (*)(int, siginfo_t*, void*)> g_next{nullptr};

void OnSignal(int number, siginfo_t* info, void* context) {
  if (info->si_code == kOwnCode) {
    auto* answer = g_answer.load(std::memory_order_acquire);
    const auto slot = static_cast<size_t>(info->si_value.sival_int);
    if (answer != nullptr && slot < SelfWalks::kSlots) answer(slot, *static_cast<ucontext_t*>(context));
    return;
  }
  auto* next = g_next.load(std::memory_order_acquire);
  if (reinterpret_cast<uintptr_t>(next) > 1) next(number, info, context);  // neither SIG_DFL nor SIG_IGN
}

struct Walk {
  SelfWalk* slot;
  const ucontext_t* context;
  uint32_t max;
};

void RunWalk(void* argument) {
  auto* walk = static_cast<Walk*>(argument);
  walk->slot->walk = WalkStackFromContext(*walk->context, CurrentThread().stack, walk->slot->pcs, walk->max);
}

}  // namespace

size_t SelfWalks::Ask(int pid, int tid) {
  for (size_t slot = 0; slot < kSlots; ++slot) {
    SelfWalk& walk = slots_[slot];
    // acquire: its last user is done with it.
    if (walk.state.load(std::memory_order_acquire) != SelfWalk::kFree) continue;
    walk.tid.store(tid, std::memory_order_relaxed);
    walk.state.store(SelfWalk::kAsked, std::memory_order_release);
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = kSignal;
    info.si_code = kOwnCode;
    info.si_pid = pid;
    info.si_value.sival_int = static_cast<int>(slot);
    if (RawSyscall(SYS_rt_tgsigqueueinfo, pid, tid, kSignal, reinterpret_cast<long>(&info)) == 0) return slot;
    Free(slot);
    return kSlots;
  }
  return kSlots;
}

void SelfWalks::GiveUp(size_t slot) {
  uint32_t asked = SelfWalk::kAsked;
  // A thread that is walking frees it by ending its walk, which nobody takes: it stays taken for this
  // profile.
  slots_[slot].state.compare_exchange_strong(asked, SelfWalk::kFree, std::memory_order_acq_rel);
}

void SelfWalks::Answer(size_t slot, const ucontext_t& context, uint32_t max_frames, int watcher) {
  SelfWalk& own = slots_[slot];
  uint32_t asked = SelfWalk::kAsked;
  // A signal may come so late that the slot is another's.
  if (own.tid.load(std::memory_order_relaxed) != RawGetTid() ||
      !own.state.compare_exchange_strong(asked, SelfWalk::kWalking, std::memory_order_acq_rel)) {
    return;
  }
  Walk walk = {&own, &context, max_frames < SelfWalk::kMaxFrames ? max_frames : SelfWalk::kMaxFrames};
  CallOnStack(RunWalk, &walk, own.stack + SelfWalk::kStack);
  own.labels = CurrentLabels();
  // release: the walk before the word that it is there.
  own.state.store(SelfWalk::kDone, std::memory_order_release);
  if (watcher > 0) RawSyscall(SYS_kill, watcher, SIGCHLD);
}

void InstallSelfWalks(void (*answer)(size_t, const ucontext_t&)) {
  g_answer.store(answer, std::memory_order_release);
  KernelSigaction now = {};
  RawSyscall(SYS_rt_sigaction, kSignal, 0, reinterpret_cast<long>(&now), sizeof(now.mask));
  if (now.handler == OnSignal) return;
  g_next.store(now.handler, std::memory_order_release);
  KernelSigaction ours = StopAction(OnSignal);
  RawSyscall(SYS_rt_sigaction, kSignal, reinterpret_cast<long>(&ours), 0, sizeof(ours.mask));
}

void EnsureSelfWalksInstalled() { InstallSelfWalks(g_answer.load(std::memory_order_relaxed)); }

}  // namespace heapprof::wall
