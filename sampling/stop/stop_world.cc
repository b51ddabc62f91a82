#include "sampling/stop/stop_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "sampling/stop/stop_signal.h"

namespace heapprof {
namespace {

constexpr int kStopSignal = 33;            // libc's SIGSETXID
constexpr int kOwnCode = -4711;            // si_code of our signals; negative ones are for programs
constexpr int64_t kLookAgain = 2'000'000;  // ns between two looks at the list of threads

// One thread of the world that is being stopped. Found by tid, with linear probing.
struct Record {
  std::atomic<int> tid;         // 0: free
  std::atomic<uint32_t> state;  // kAsked .. kGone
  InterruptedCode code;
};
constexpr uint32_t kAsked = 0, kParked = 1, kGone = 2;
constexpr uint32_t kRecordBits = 14, kRecords = 1u << kRecordBits;

// Odd while a world is stopped. Threads wait on it.
std::atomic<uint32_t> g_generation{0};
std::atomic<uint32_t> g_parked{0};  // the stopper waits on it
std::atomic<Record*> g_records{nullptr};
KernelSigaction g_old_action;
bool g_installed;

Record* FindRecord(Record* records, int tid, bool add) {
  uint32_t at = static_cast<uint32_t>(tid) * 0x9e3779b1u >> (32 - kRecordBits);
  for (uint32_t probes = 0; probes < kRecords; ++probes, at = (at + 1) % kRecords) {
    int there = records[at].tid.load(std::memory_order_acquire);
    if (there == tid) return &records[at];
    if (there == 0) {
      if (!add) return nullptr;
      records[at].tid.store(tid, std::memory_order_release);
      return &records[at];
    }
  }
  return nullptr;
}

long FutexWait(std::atomic<uint32_t>* word, uint32_t value, int64_t nanos) {
  timespec limit = {0, nanos};
  return RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAIT_PRIVATE, value,
                    nanos > 0 ? reinterpret_cast<long>(&limit) : 0);
}

void FutexWake(std::atomic<uint32_t>* word) {
  RawSyscall(SYS_futex, reinterpret_cast<long>(word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

// True: the signal was ours, and the world it was sent for is over or was waited for.
bool Park(const siginfo_t* info, void* context) {
  const bool ours = info->si_code == kOwnCode;
  uint32_t generation = g_generation.load(std::memory_order_acquire);
  Record* records = g_records.load(std::memory_order_acquire);
  if (!ours || (generation & 1) == 0 || records == nullptr) return ours;
  Record* record = FindRecord(records, RawGetTid(), false);
  if (record == nullptr || record->state.load(std::memory_order_relaxed) != kAsked) return true;
  record->code = ReadInterruptedCode(context);
  // release: the registers before the word of them.
  record->state.store(kParked, std::memory_order_release);
  g_parked.fetch_add(1, std::memory_order_release);
  FutexWake(&g_parked);
  while (g_generation.load(std::memory_order_acquire) == generation) FutexWait(&g_generation, generation, 0);
  return true;
}

void OnStopSignal(int number, siginfo_t* info, void* context) {
  if (Park(info, context)) return;
  auto next = g_old_action.handler;
  auto value = reinterpret_cast<uintptr_t>(next);
  if (value > 1) next(number, info, context);  // neither SIG_DFL nor SIG_IGN
}

void InstallHandler() {
  KernelSigaction now = {};
  RawSyscall(SYS_rt_sigaction, kStopSignal, 0, reinterpret_cast<long>(&now), sizeof(now.mask));
  if (now.handler == OnStopSignal) return;
  g_old_action = now;
  KernelSigaction ours = StopAction(OnStopSignal);
  RawSyscall(SYS_rt_sigaction, kStopSignal, reinterpret_cast<long>(&ours), 0, sizeof(ours.mask));
  g_installed = true;
}

// The default action would end the process on an answer that comes late: a handler stays where there was
// none.
void RestoreHandler() {
  if (!g_installed || reinterpret_cast<uintptr_t>(g_old_action.handler) <= 1) return;
  RawSyscall(SYS_rt_sigaction, kStopSignal, reinterpret_cast<long>(&g_old_action), 0,
             sizeof(g_old_action.mask));
  g_installed = false;
}

bool SendStop(int tid) {
  siginfo_t info;
  memset(&info, 0, sizeof(info));
  info.si_signo = kStopSignal;
  info.si_code = kOwnCode;
  info.si_pid = RawGetPid();
  return RawSyscall(SYS_rt_tgsigqueueinfo, RawGetPid(), tid, kStopSignal, reinterpret_cast<long>(&info)) == 0;
}

// The letter of a thread's state in /proc; 'X' if there is no such thread.
char StateOf(int tid) {
  Text<64> path;
  path.Str("/proc/thread-self/../").Dec(tid).Str("/stat");
  int fd = RawOpen(path.data(), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 'X';
  char line[256];
  ssize_t got = RawRead(fd, line, sizeof(line) - 1);
  RawClose(fd);
  if (got <= 0) return 'X';
  line[got] = '\0';
  const char* name_end = strrchr(line, ')');
  return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : 'X';
}

struct Census {
  size_t threads = 0;  // other than the caller
  size_t running = 0;  // of those, not parked when they were looked at
};

// Looks at every thread once, and asks those that are new.
Census LookAtThreads(Record* records, int self, char* buffer, size_t size) {
  Census census;
  int folder = RawOpen("/proc/thread-self/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder < 0) return census;
  for (;;) {
    long got = RawSyscall(SYS_getdents64, folder, reinterpret_cast<long>(buffer), static_cast<long>(size));
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      auto* entry = reinterpret_cast<dirent64*>(buffer + at);
      at += entry->d_reclen;
      int tid = 0;
      for (const char* digit = entry->d_name; *digit >= '0' && *digit <= '9'; ++digit) {
        tid = tid * 10 + (*digit - '0');
      }
      if (tid == 0 || tid == self) continue;
      bool known = FindRecord(records, tid, false) != nullptr;
      Record* record = FindRecord(records, tid, true);
      if (record == nullptr) continue;
      uint32_t state = record->state.load(std::memory_order_acquire);
      if (state == kParked) {
        ++census.threads;
        continue;
      }
      char letter = known ? StateOf(tid) : 'R';
      if (letter == 'X' || letter == 'Z') continue;  // ended, but still listed
      if (!known && !SendStop(tid)) {
        // It has just ended, or no signal can be queued: then it is asked again at the next look.
        record->state.store(kGone, std::memory_order_relaxed);
      } else if (known && state == kGone && SendStop(tid)) {
        record->state.store(kAsked, std::memory_order_relaxed);
      }
      ++census.threads;
      ++census.running;
    }
  }
  RawClose(folder);
  return census;
}

constexpr size_t kListBytes = 32 << 10;

}  // namespace

int StoppedWorld::Stop(int64_t timeout_nanos) {
  auto* records = static_cast<Record*>(RawMap(kRecords * sizeof(Record)));
  auto* buffer = static_cast<char*>(RawMap(kListBytes));
  if (records == nullptr || buffer == nullptr) {
    if (records != nullptr) RawUnmap(records, kRecords * sizeof(Record));
    return -ENOMEM;
  }
  InstallHandler();
  g_records.store(records, std::memory_order_release);
  g_parked.store(0, std::memory_order_relaxed);
  g_generation.fetch_add(1, std::memory_order_acq_rel);
  stopped_ = true;
  int self = RawGetTid();
  int64_t deadline = RawMonotonicNanos() + timeout_nanos;
  Census census;
  for (;;) {
    uint32_t parked = g_parked.load(std::memory_order_acquire);
    // A thread that starts another is itself seen running, or was parked before: when a whole look finds none
    // running, there is none.
    census = LookAtThreads(records, self, buffer, kListBytes);
    if (census.running == 0 || RawMonotonicNanos() > deadline) break;
    while (parked < census.threads && RawMonotonicNanos() < deadline) {
      if (FutexWait(&g_parked, parked, kLookAgain) == -ETIMEDOUT) break;
      parked = g_parked.load(std::memory_order_acquire);
    }
  }
  RawUnmap(buffer, kListBytes);
  capacity_ = census.threads + 1;
  threads_ = static_cast<StoppedThread*>(RawMap(capacity_ * sizeof(StoppedThread)));
  if (threads_ == nullptr) {
    Resume();
    return -ENOMEM;
  }
  for (uint32_t i = 0; i < kRecords && count_ < capacity_; ++i) {
    int tid = records[i].tid.load(std::memory_order_relaxed);
    if (tid == 0) continue;
    bool parked = records[i].state.load(std::memory_order_acquire) == kParked;
    if (!parked) {
      char letter = StateOf(tid);
      if (letter == 'X' || letter == 'Z') continue;
      ++running_;
    }
    const InterruptedCode& code = records[i].code;
    threads_[count_++] = {tid, parked, code.stack_pointer, code.control_block, code.registers, code.vectors};
  }
  return 0;
}

void StoppedWorld::Resume() {
  if (!stopped_) return;
  stopped_ = false;
  g_generation.fetch_add(1, std::memory_order_acq_rel);
  FutexWake(&g_generation);
  Record* records = g_records.exchange(nullptr, std::memory_order_acq_rel);
  // A thread that answers just now may still look at its record: the pages stay readable, as zeros.
  RawSyscall(SYS_madvise, reinterpret_cast<long>(records), kRecords * sizeof(Record), 4 /* MADV_DONTNEED */);
  if (running_ == 0) RawUnmap(records, kRecords * sizeof(Record));
  if (threads_ != nullptr) RawUnmap(threads_, capacity_ * sizeof(StoppedThread));
  threads_ = nullptr;
  count_ = running_ = 0;
  RestoreHandler();
}

void ForgetStoppedWorldAfterFork() {
  g_generation.store(0, std::memory_order_relaxed);
  g_records.store(nullptr, std::memory_order_relaxed);
}

}  // namespace heapprof
