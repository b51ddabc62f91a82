// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/stop_by_trace.h"

#include <elf.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "sampling/stop/traced_thread.h"

namespace heapprof {
namespace {

constexpr size_t kMaxVectors = 64 << 10;  // of one thread
constexpr int64_t kShortPause = 50'000;   // ns; a thread that runs stops within microseconds
constexpr int64_t kLongPause = 2'000'000;
constexpr int64_t kWatch = 20'000'000;  // between two looks whether the tracer is still there

}  // namespace

int SignalOfStop(int status) {
  constexpr int kEventShift = 16;
  return status >> kEventShift == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
}

bool LetGo(int tid, int signal, TracedRegisters* registers, const TaskFolder& folder) {
  // A signal that waits to be taken ends the call as ever.
  if (signal == 0 && RestartInterruptedCall(registers) && !folder.HasSignal(tid)) {
    WriteTracedRegisters(tid, registers);
  }
  return RawSyscall(SYS_ptrace, PTRACE_DETACH, tid, 0, signal) == 0;
}

int Tracer::Stop(ThreadTable* table, TaskFolder* folder, int64_t patience) {
  table_ = table;
  folder_ = folder;
  patience_ = patience;
  caller_ = RawGetTid();
  full_ = false;
  phase_.store(kStopping, std::memory_order_release);
  if (int error = process_.Start(Run, this)) return error;
  while (alive() && phase_.load(std::memory_order_acquire) == kStopping) {
    if (FutexWait(&phase_, kStopping, kWatch) == -ETIMEDOUT) process_.LetGoOn();
  }
  if (phase_.load(std::memory_order_acquire) == kStopped) return full_ ? -ENOSPC : 0;
  Release();  // it was killed, by a sandbox
  for (size_t i = 0; i < table_->capacity(); ++i) {
    table_->at(i).state.store(StopState::kNew, std::memory_order_relaxed);
    table_->at(i).traced = false;
  }
  return -EPERM;
}

void Tracer::Release() {
  if (!process_.started()) return;
  phase_.store(kReleasing, std::memory_order_release);
  FutexWakeAll(&phase_);
  process_.Join();
  if (vectors_ != nullptr) RawUnmap(vectors_, vectors_size_);
  vectors_ = nullptr;
}

// From here on in the tracer, up to the end of the file.

void Tracer::Run(void* self) {
  auto* tracer = static_cast<Tracer*>(self);
  tracer->StopAll();
  uint32_t stopping = kStopping;
  tracer->phase_.compare_exchange_strong(stopping, kStopped, std::memory_order_acq_rel);
  FutexWakeAll(&tracer->phase_);
  while (tracer->phase_.load(std::memory_order_acquire) == kStopped) FutexWait(&tracer->phase_, kStopped, 0);
  for (size_t i = 0; i < tracer->table_->capacity(); ++i) {
    ThreadRecord& record = tracer->table_->at(i);
    if (record.traced) tracer->Detach(&record);
  }
  // Whom it still traces the kernel sets free.
}

// A thread that starts another is itself seen running, or was stopped before: when a whole look finds none
// that is new and none that runs, there is none.
void Tracer::StopAll() {
  int64_t pause = kShortPause, progress = RawMonotonicNanos();
  for (size_t before = 0;;) {
    size_t running = Collect();
    bool any_new = LookForNew();
    if (full_ || (running == 0 && !any_new)) return;
    int64_t now = RawMonotonicNanos();
    if (any_new || running < before) {
      progress = now;
      pause = kShortPause;
    } else if (now - progress > patience_) {
      return;
    }
    before = Collect();
    if (before == 0) continue;
    Pause(pause);
    if (pause < kLongPause) pause *= 2;
  }
}

bool Tracer::LookForNew() {
  any_new_ = false;
  folder_->ForEach(
      [](void* self, int tid) {
        auto* tracer = static_cast<Tracer*>(self);
        if (tid == tracer->caller_) return true;
        ThreadRecord* record = tracer->table_->FindOrAdd(tid);
        if (record == nullptr) {
          tracer->full_ = true;
          return false;
        }
        if (record->state.load(std::memory_order_relaxed) == StopState::kNew) tracer->Seize(record, tid);
        return true;
      },
      this);
  return any_new_;
}

void Tracer::Seize(ThreadRecord* record, int tid) {
  StopState state = StopState::kTraced;
  if (Trace(PTRACE_SEIZE, tid, 0, nullptr) == 0) {
    record->traced = true;
    Trace(PTRACE_INTERRUPT, tid, 0, nullptr);
  } else {
    TaskFolder::Status status = folder_->StatusOf(tid);
    state = status.kernels ? StopState::kKernels : StopState::kRefused;
    if (status.ended()) state = StopState::kGone;
  }
  any_new_ = any_new_ || state == StopState::kTraced;
  record->state.store(state, std::memory_order_relaxed);
}

// Takes note of who has stopped. Returns how many have not.
size_t Tracer::Collect() {
  size_t running = 0;
  for (size_t i = 0; i < table_->capacity(); ++i) {
    ThreadRecord& record = table_->at(i);
    int tid = record.tid.load(std::memory_order_relaxed);
    if (tid == 0 || record.state.load(std::memory_order_relaxed) != StopState::kTraced) continue;
    int status = 0;
    long got = RawSyscall(SYS_wait4, tid, reinterpret_cast<long>(&status), __WALL | WNOHANG, 0);
    if (got == tid && WIFSTOPPED(status)) {
      record.signal = SignalOfStop(status);
      TakeRegisters(&record, tid);
    } else if (got != 0) {
      record.traced = false;
      record.state.store(StopState::kGone, std::memory_order_relaxed);
    } else if (TaskFolder::Status now = folder_->StatusOf(tid); now.kernels || now.ended()) {
      record.state.store(now.ended() ? StopState::kGone : StopState::kKernels, std::memory_order_relaxed);
    } else {
      ++running;
    }
  }
  return running;
}

void Tracer::TakeRegisters(ThreadRecord* record, int tid) {
  if (!ReadTracedRegisters(tid, &record->registers)) return;
  record->code = ReadTracedCode(record->registers);
  if (vectors_ == nullptr) {
    // A thread's place is as large as what the first one has.
    char* probe = static_cast<char*>(RawMap(kMaxVectors));
    if (probe == nullptr) return;
    iovec all = {probe, kMaxVectors};
    if (Trace(PTRACE_GETREGSET, tid, kVectorRegisters, &all) == 0) vector_size_ = all.iov_len;
    RawUnmap(probe, kMaxVectors);
    vectors_size_ = vector_size_ * (table_->capacity() / 2);
    vectors_ = vectors_size_ == 0 ? nullptr : static_cast<char*>(RawMap(vectors_size_));
    vectors_used_ = 0;
  }
  if (vectors_ == nullptr) return;
  iovec vectors = {vectors_ + vectors_used_++ * vector_size_, vector_size_};
  if (Trace(PTRACE_GETREGSET, tid, kVectorRegisters, &vectors) != 0) return;
  auto start = reinterpret_cast<uintptr_t>(vectors.iov_base);
  record->code.vectors = {start, start + vectors.iov_len};
  // release: the registers before the word of them.
  record->state.store(StopState::kStopped, std::memory_order_release);
}

void Tracer::Detach(ThreadRecord* record) {
  LetGo(record->tid.load(std::memory_order_relaxed), record->signal, &record->registers, *folder_);
}

void Tracer::Pause(int64_t nanos) {
  timespec time = {0, static_cast<long>(nanos)};
  RawSyscall(SYS_nanosleep, reinterpret_cast<long>(&time), 0);
}

}  // namespace heapprof
