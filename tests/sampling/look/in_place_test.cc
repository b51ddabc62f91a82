// SPDX-License-Identifier: Apache-2.0
// Threads that wait are walked as they lie there.
#include "sampling/look/thread_files.h"
#include "sampling/thread/labels.h"
#include "tests/sampling/look/walks.h"

namespace heapprof {
namespace {

TEST(InPlaceTest, AThreadThatSleepsIsSeenWhereItSleepsWithItsLabelsAndCall) {
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) {
    EXPECT_EQ(SetLabel("request", "list"), 0);
    ReadHere(pipe.reading());
  });
  AwaitLetter(thread.tid(), 'S');
  Asked asked(thread.tid());
  WalkOnce(&asked.thread);
  ASSERT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  EXPECT_TRUE(HasFrameIn(asked, ReadHere));
  EXPECT_FALSE(asked.thread.walk.truncated);
  EXPECT_TRUE(asked.thread.in_place);
  EXPECT_FALSE(asked.thread.by_signal);
  EXPECT_EQ(asked.thread.call.number, SYS_read);
  EXPECT_EQ(asked.thread.call.argument, static_cast<uint64_t>(pipe.reading()));
  EXPECT_EQ(asked.thread.system_call, SYS_read);
  const LabelSetView labels = LabelSets().At(asked.thread.labels);
  ASSERT_EQ(labels.count, 1u);
  EXPECT_STREQ(labels.labels[0].value, "list");
  pipe.Close();
}

TEST(InPlaceTest, WithoutPtraceAThreadThatWaitsIsSeenInPlace) {
  InChild([] {
    Forbid(SYS_ptrace);
    Pipe pipe;
    Thread thread([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
    AwaitLetter(thread.tid(), 'S');
    Asked asked(thread.tid());
    WalkOnce(&asked.thread);
    ASSERT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
    EXPECT_TRUE(asked.thread.in_place);
    EXPECT_TRUE(HasFrameIn(asked, ReadHere));
    pipe.Close();
  });
}

// Its innermost frame is found by a register of which /proc does not tell.
__attribute__((noinline, naked)) void WaitWithoutAFrame(int) {
  asm volatile(
      ".cfi_endproc\n\t"  // no tables from here on
      "pushq %rbp\n\t"
      "movq %rsp, %rbp\n\t"
      "subq $8, %rsp\n\t"
      "pushq $0\n\t"  // as on the stack of a thread that has just been made
      "movq %rsp, %rsi\n\t"
      "movl $1, %edx\n\t"
      "xorl %eax, %eax\n\t"  // read
      "syscall\n\t"
      "leave\n\t"
      "ret\n\t"
      ".cfi_startproc");
}

TEST(InPlaceTest, AThreadWhoseStackWantsRegistersIsStopped) {
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) { WaitWithoutAFrame(pipe.reading()); });
  AwaitLetter(thread.tid(), 'S');
  Asked asked(thread.tid());
  WalkOnce(&asked.thread);
  ASSERT_EQ(asked.thread.answer, ThreadAnswer::kWalked);
  EXPECT_FALSE(asked.thread.in_place);
  EXPECT_FALSE(asked.thread.walk.truncated);
  EXPECT_EQ(asked.thread.system_call, SYS_read);
  pipe.Close();
}

// A wait that needs no stop is not disturbed: the thread has not run.
TEST(InPlaceTest, AThreadThatWaitsDoesNotRunForIt) {
  Pipe pipe;
  Thread thread([&](const std::atomic<bool>&) { ReadHere(pipe.reading()); });
  AwaitLetter(thread.tid(), 'S');
  TaskFolder folder;
  ASSERT_EQ(folder.Open(), 0);
  const int file = OpenThreadFile(folder.descriptor(), folder.ListedNumberOf(thread.tid()), "schedstat");
  RunStamp before, after;
  ASSERT_TRUE(ReadRunStamp(file, &before));
  Asked asked(thread.tid());
  WalkOnce(&asked.thread);
  ASSERT_TRUE(ReadRunStamp(file, &after));
  EXPECT_EQ(after.runs, before.runs);
  close(file);
  pipe.Close();
}

}  // namespace
}  // namespace heapprof
