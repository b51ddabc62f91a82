#include "base/thread/raw_thread.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/memory/arena.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"

namespace heapprof {
namespace {

// As the runtime has it: plain data in initial-exec TLS.
thread_local uint64_t t_word __attribute__((tls_model("initial-exec")));

struct Seen {
  std::atomic<int> tid{0};
  uint64_t word = 99;
  uintptr_t stack_alignment = 99;
  uint64_t mask = 0;
};

// Nothing of libc's here, and none of a sanitizer's checks, which would ask for the thread's descriptor.
__attribute__((no_sanitize("address", "thread", "undefined"))) void Look(void* argument) {
  auto* seen = static_cast<Seen*>(argument);
  seen->word = t_word;
  seen->stack_alignment = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) % 16;
  RawSyscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, reinterpret_cast<long>(&seen->mask), sizeof(seen->mask));
  seen->tid.store(RawGetTid());
}

TEST(RawThread, RunsInThisProcessWithTlsOfZerosAndAllSignalsBlocked) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "sanitizers cannot follow a thread that libc does not know";
#endif
  uint64_t before = MetadataBytes();
  t_word = 5;
  for (int round = 0; round < 100; ++round) {
    RawThread thread;
    Seen seen;
    {
      SignalsBlocked blocked;
      ASSERT_EQ(thread.Start(Look, &seen), 0);
    }
    thread.Join();
    EXPECT_EQ(thread.tid(), 0);
    EXPECT_NE(seen.tid.load(), 0);
    EXPECT_NE(seen.tid.load(), RawGetTid());
    EXPECT_EQ(seen.word, 0u);
    EXPECT_EQ(seen.stack_alignment, 0u);
    EXPECT_NE(seen.mask & (uint64_t{1} << (SIGPROF - 1)), 0u);
  }
  EXPECT_EQ(t_word, 5u);
  EXPECT_EQ(MetadataBytes(), before);
}

}  // namespace
}  // namespace heapprof
