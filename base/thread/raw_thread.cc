#include "base/thread/raw_thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <initializer_list>

#include "base/memory/arena.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kStack = 64 << 10;
// Of the descriptor that the ABI wants at the thread pointer: it begins with its own address, twice.
constexpr size_t kDescriptor = kPage;
constexpr size_t kSelfWord = 0, kOwnDescriptorWord = 2;
// Our variables lie within this distance of the one that is asked for.
constexpr size_t kOwnTls = 4 * kPage;

// Any variable of ours.
thread_local char t_anchor __attribute__((tls_model("initial-exec"), used));

// The part of static TLS, below the thread pointer, that our code may reach.
size_t TlsBelow() {
  size_t distance = ThreadPointer() - reinterpret_cast<uintptr_t>(&t_anchor);
  return (distance + kOwnTls + kPage - 1) / kPage * kPage;
}

// Those that have started and were not joined.
constexpr size_t kMostThreads = 8;
std::atomic<const RawThread*> g_threads[kMostThreads];

void Replace(const RawThread* from, const RawThread* to) {
  for (auto& slot : g_threads) {
    const RawThread* expected = from;
    if (slot.compare_exchange_strong(expected, to, std::memory_order_acq_rel)) return;
  }
}

}  // namespace

bool RawThread::IsOwn(int tid) {
  for (const auto& slot : g_threads) {
    const RawThread* thread = slot.load(std::memory_order_acquire);
    if (thread != nullptr && thread->tid() == tid) return true;
  }
  return false;
}

int RawThread::Start(Function function, void* argument) {
  size_t tls_below = TlsBelow();
  size_ = kPage + kStack + tls_below + kDescriptor;
  memory_ = static_cast<char*>(MapMetadata(size_));
  if (memory_ == nullptr) return -ENOMEM;
  RawSyscall(SYS_mprotect, reinterpret_cast<long>(memory_), kPage, PROT_NONE);
  char* stack_top = memory_ + kPage + kStack;
  char* thread_pointer = stack_top + tls_below;
  for (size_t word : {kSelfWord, kOwnDescriptorWord}) {
    memcpy(thread_pointer + word * sizeof(void*), &thread_pointer, sizeof(thread_pointer));
  }
  int tid = CloneThread(stack_top, thread_pointer, &tid_, function, argument);
  if (tid < 0) {
    Unmap();
  } else {
    Replace(nullptr, this);
  }
  return tid < 0 ? tid : 0;
}

void RawThread::Join() {
  if (memory_ == nullptr) return;
  // Not FUTEX_WAIT_PRIVATE: the kernel's wake-up at a thread's end is not.
  while (int tid = tid_.load(std::memory_order_acquire)) {
    RawSyscall(SYS_futex, reinterpret_cast<long>(&tid_), FUTEX_WAIT, tid, 0);
  }
  Unmap();
}

void RawThread::ForgetAfterFork() {
  tid_.store(0, std::memory_order_relaxed);
  if (memory_ != nullptr) Unmap();
}

void RawThread::Unmap() {
  Replace(this, nullptr);
  UnmapMetadata(memory_, size_);
  memory_ = nullptr;
}

}  // namespace heapprof
