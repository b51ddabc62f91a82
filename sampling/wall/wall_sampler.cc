// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/wall_sampler.h"

#include <errno.h>
#include <sys/syscall.h>

#include "base/constinit.h"
#include "base/limits.h"
#include "base/lock/owner_lock.h"
#include "base/lock/shown.h"
#include "base/options.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "sampling/heap/sampler.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/thread/labels.h"
#include "sampling/thread/thread_state.h"
#include "sampling/wall/wall_session.h"
#include "sampling/wall/watcher.h"

namespace heapprof::wall {

// For syscall_<arch>.S: there is a watcher, or was one in this profile.
extern std::atomic<bool> g_watched __asm__("hp_watched");
std::atomic<bool> g_watched{false};

namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// The session, while its profile runs.
Shown<WallSession> g_active;

OwnerLock<LockRank::kWallWatcher> g_lock;  // taken with all signals blocked
HP_CONSTINIT Watcher g_watcher;            // guarded by it
// Calls under way that no watcher may outlive, also while there is no profile: one that begins meanwhile has
// to wait for its watcher. Who calls counts itself before it looks for a session, and Start shows its session
// before it looks at the count (both sequentially consistent). The last of them to end sees to the next
// watcher: one that began earlier would have the rights that another thread is just giving up.
std::atomic<int> g_pausers{0};

// False: that was of a parent of this process.
bool EndPause(bool* was_last) {
  int pausers = g_pausers.load(std::memory_order_relaxed);
  do {
    if (pausers <= 0) return false;
  } while (!g_pausers.compare_exchange_weak(pausers, pausers - 1, std::memory_order_acq_rel));
  *was_last = pausers == 1;
  return true;
}

class InUse : public Shown<WallSession>::User {
 public:
  InUse() : User(&g_active) {}
  WallSession* session() const { return get(); }
};

bool IsOwn(const WallSession* session) {
  return session != nullptr && session->pid == RawGetPid() && !IsCopy();
}

size_t MostThreads() {
  constexpr uint64_t kMin = 256, kMax = 65535, kBytesPerThread = 4096;
  const uint64_t wanted = GetOptions().metadata_limit / kBytesPerThread;
  return wanted < kMin ? kMin : wanted > kMax ? kMax : wanted;
}

// All threads have the library's variables at the same distance from their control blocks.
ThreadLayout LayoutOfThreads() {
  const uintptr_t block = ControlBlock();
  const auto distance = [block](const void* variable) {
    return static_cast<intptr_t>(reinterpret_cast<uintptr_t>(variable) - block);
  };
  return {distance(&CurrentTags()->labels), distance(&CurrentThread().stack), RobustListDistance()};
}

void AnswerWatcher(size_t slot, const ucontext_t& context) {
  InUse in_use;
  WallSession* session = in_use.session();
  if (session == nullptr) return;
  session->self_walks.Answer(slot, context, session->max_frames,
                             session->watcher.load(std::memory_order_relaxed));
}

// A child of vfork runs in the memory of its parent, and with a thread's storage there.
bool IsOwnThread() { return ThreadIdAt(ControlBlock()) == RawGetTid(); }

// Under the lock.
int StartWatcher(WallSession* session) {
  session->paused = g_pausers.load(std::memory_order_seq_cst) != 0;
  if (session->paused) return 0;
  const int error = g_watcher.Start(session);
  if (error == 0 && session->by_signal.load(std::memory_order_relaxed)) InstallSelfWalks(AnswerWatcher);
  if (error == 0) g_watched.store(true, std::memory_order_relaxed);
  return error;
}

}  // namespace

int Start(int hz) {
  if (hz < kMinCpuHz || hz > kMaxCpuHz) return -EINVAL;
  if (g_active.Peek() != nullptr) return -EBUSY;
  WallSession* session = WallSession::Make(MostThreads(), GetOptions().max_frames);
  if (session == nullptr) return -ENOMEM;
  session->hz = hz;
  session->pid = RawGetPid();
  session->nonce = TrueRandom() | 1;
  session->start = RawRealtimeNanos();
  session->start_monotonic = RawMonotonicNanos();
  session->ticks = TickTimes(session->start_monotonic, kNanosPerSecond / hz, TrueRandom());
  session->layout = LayoutOfThreads();
  g_lock.Lock();
  // The watcher's first list finds who was born before this.
  g_active.Show(session);
  const int error = StartWatcher(session);
  if (error != 0) g_active.TakeAway();
  g_lock.Unlock();
  if (error == 0) return 0;
  g_active.WaitForUsers();
  session->Free();
  return error;
}

bool Running() { return g_active.IsAny(); }

bool HasProfile() { return IsOwn(g_active.Peek()); }

int Stop(void (*use)(const WallProfile& profile, void* argument), void* argument) {
  WallSession* session = g_active.Peek();
  if (!IsOwn(session)) return -ENOENT;
  g_active.TakeAway();
  g_lock.Lock();
  const int64_t now = RawMonotonicNanos();
  const bool killed = !g_watcher.alive() && !session->paused;
  g_watcher.End();
  g_watched.store(false, std::memory_order_relaxed);
  g_lock.Unlock();
  g_active.WaitForUsers();
  const bool rights_changed = session->rights_changed.load(std::memory_order_relaxed);
  session->duration = now - session->start_monotonic;
  session->Finish(killed ? session->last_tick : session->ticks.Due(now));
  use({&session->counts, session->hz, session->ticks.period(), session->start, session->duration,
       session->samples, session->lost, session->stacks, session->truncated, session->in_bare_code,
       session->stops, session->refused, session->unwatched, session->late, rights_changed, session->given_up,
       session->not_resumed,
       killed && !rights_changed && session->given_up == GivenUp::kNo && session->not_resumed == 0},
      argument);
  session->Free();
  return 0;
}

void ThreadBegins() {
  if (g_active.Peek() == nullptr) return;
  SignalsBlocked blocked;
  InUse in_use;
  WallSession* session = in_use.session();
  if (session == nullptr) return;
  if (session->by_signal.load(std::memory_order_relaxed)) EnsureSelfWalksInstalled();
  session->born.Add(RawGetTid());
}

bool Pause() {
  const bool counts = IsOwnThread();
  if (!counts && g_active.Peek() == nullptr) return false;
  SignalsBlocked blocked;
  if (counts) g_pausers.fetch_add(1, std::memory_order_seq_cst);
  InUse in_use;
  if (!IsOwn(in_use.session())) return counts;
  g_lock.Lock();
  if (!counts) g_pausers.fetch_add(1, std::memory_order_seq_cst);
  // Under the lock it is the one that the watcher works for.
  WallSession* session = g_active.Peek();
  if (session != nullptr && g_watcher.alive()) {
    g_watcher.End();
    session->paused = true;
  }
  g_lock.Unlock();
  return true;
}

void Resume() {
  if (IsCopy()) return;
  SignalsBlocked blocked;
  g_lock.Lock();
  bool was_last = false;
  // Stop takes the profile away before it takes the lock: what it has ended does not begin again.
  WallSession* session = g_active.Peek();
  const bool goes_on = EndPause(&was_last) && was_last && IsOwn(session);
  if (goes_on && session->paused && session->given_up == GivenUp::kNo)
    session->not_resumed = StartWatcher(session);
  g_lock.Unlock();
}

// Makes no system call: seccomp's strict mode would kill for it.
void GiveUp(GivenUp reason) {
  WallSession* session = g_active.Peek();
  if (session != nullptr && session->given_up == GivenUp::kNo) session->given_up = reason;
  bool was_last;
  EndPause(&was_last);
}

bool HasLocationIn(uint64_t start, uint64_t limit) {
  InUse in_use;
  return in_use.session() != nullptr && in_use.session()->counts.HasLocationIn(start, limit);
}

void MoveLocations(uint64_t start, uint64_t limit, uint64_t to) {
  InUse in_use;
  WallSession* session = in_use.session();
  if (session == nullptr) return;
  session->gate.Close();
  while (session->gate.IsInside() && g_watcher.alive()) RawSyscall(SYS_sched_yield);
  session->counts.MoveLocations(start, limit, to);
  session->gate.Open();
}

bool ChildAfterFork() {
  WallSession* session = g_active.ForgetAfterFork();
  g_watched.store(false, std::memory_order_relaxed);
  g_pausers.store(0, std::memory_order_relaxed);
  g_lock.ResetAfterFork();
  g_watcher.Forget();
  if (session == nullptr) return false;
  session->Free();
  return true;
}

}  // namespace heapprof::wall
