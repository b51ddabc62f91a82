// SPDX-License-Identifier: Apache-2.0
#include "sampling/wall/wait_kind.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

namespace heapprof::wall {
namespace {

TEST(WaitKinds, EachHasAName) {
  EXPECT_EQ(NameOf(WaitKind::kRunning), nullptr);
  for (uint8_t kind = 1; kind < kWaitKinds; ++kind) {
    EXPECT_STRNE(NameOf(static_cast<WaitKind>(kind)), nullptr) << int{kind};
  }
  EXPECT_EQ(KindOfCall(-1), WaitKind::kMemory);
  EXPECT_STREQ(NameOf(WaitKind::kStopped), "stopped");
  EXPECT_EQ(KindOfCall(SYS_read), WaitKind::kRead);
  EXPECT_EQ(KindOfCall(SYS_futex), WaitKind::kLock);
  EXPECT_EQ(KindOfCall(SYS_ppoll), WaitKind::kPoll);
  EXPECT_EQ(KindOfCall(SYS_getpid), WaitKind::kOther);
}

}  // namespace
}  // namespace heapprof::wall
