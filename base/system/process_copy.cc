// SPDX-License-Identifier: Apache-2.0
#include "base/system/process_copy.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"

namespace heapprof {
namespace {

constexpr size_t kPage = 4096;
// 0 as the kernel leaves it in a copy.
constexpr uint32_t kCopy = 0, kBeingAdopted = 1, kOwn = 2;

std::atomic<std::atomic<uint32_t>*> g_word{nullptr};
void (*g_adopt)();

}  // namespace

void WatchForCopies(void (*adopt)()) {
  void* page = RawMap(kPage);
  if (page == nullptr) return;
  if (RawSyscall(SYS_madvise, reinterpret_cast<long>(page), kPage, MADV_WIPEONFORK) != 0) {
    RawUnmap(page, kPage);
    return;
  }
  g_adopt = adopt;
  auto* word = static_cast<std::atomic<uint32_t>*>(page);
  word->store(kOwn, std::memory_order_relaxed);
  // release: the handler and the word before its address.
  g_word.store(word, std::memory_order_release);
}

bool IsCopy() {
  const auto* word = g_word.load(std::memory_order_acquire);
  return word != nullptr && word->load(std::memory_order_acquire) != kOwn;
}

void AdoptIfCopy() {
  if (!IsCopy()) return;
  // No handler of this thread comes while it is at work: others may wait for it.
  SignalsBlocked blocked;
  auto* word = g_word.load(std::memory_order_relaxed);
  uint32_t expected = kCopy;
  if (word->compare_exchange_strong(expected, kBeingAdopted, std::memory_order_acquire)) {
    g_adopt();
    IsNoCopy();
  } else {
    while (IsCopy()) RawSyscall(SYS_sched_yield);
  }
}

void IsNoCopy() {
  // release: what was adopted before the word that says so.
  if (auto* word = g_word.load(std::memory_order_relaxed)) word->store(kOwn, std::memory_order_release);
}

}  // namespace heapprof
