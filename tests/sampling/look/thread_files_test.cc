// SPDX-License-Identifier: Apache-2.0
#include "sampling/look/thread_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace heapprof {
namespace {

TEST(ThreadFiles, RunStamps) {
  RunStamp stamp;
  ASSERT_TRUE(ParseRunStamp("733681 12 3\n", &stamp));
  EXPECT_EQ(stamp.cpu, 733681u);
  EXPECT_EQ(stamp.delay, 12u);
  EXPECT_EQ(stamp.runs, 3u);
  for (const char* bad : {"", "1 2", "x 1 2"}) EXPECT_FALSE(ParseRunStamp(bad, &stamp)) << bad;
}

TEST(ThreadFiles, Places) {
  EXPECT_EQ(ParsePlace("running\n").where, Place::kRunning);
  const Place waits = ParsePlace("7 0x1 0x2 0xffffffffffffffff 0x0 0x0 0x0 0x7ffc3 0x7f12\n");
  EXPECT_EQ(waits.where, Place::kWaits);
  EXPECT_EQ(waits.call, 7);
  EXPECT_EQ(waits.argument, 1u);
  EXPECT_EQ(waits.stack_pointer, 0x7ffc3u);
  EXPECT_EQ(waits.pc, 0x7f12u);
  const Place page = ParsePlace("-1 0x7ffc3 0x7f12\n");
  EXPECT_EQ(page.where, Place::kWaits);
  EXPECT_EQ(page.call, -1);
  EXPECT_EQ(page.pc, 0x7f12u);
  for (const char* bad : {"", "7 0x1\n", "what\n"}) EXPECT_EQ(ParsePlace(bad).where, Place::kUnknown) << bad;
}

TEST(ThreadFiles, AThreadThatWaitsDoesNotRun) {
  const int folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(folder, 0);
  EXPECT_GE(CountThreads(folder), 1u);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto read_one = [&] {
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  };
  // With the first thread a sanitizer may begin one of its own.
  std::thread first(read_one);
  const size_t others = CountThreads(folder);
  std::atomic<int> tid{0};
  std::thread reader([&] {
    tid = static_cast<int>(syscall(SYS_gettid));
    read_one();
  });
  while (tid == 0 || ReadPlace(folder, tid).where != Place::kWaits ||
         ReadPlace(folder, tid).call != SYS_read) {
    std::this_thread::yield();
  }
  EXPECT_EQ(CountThreads(folder), others + 1);
  EXPECT_EQ(ReadPlace(folder, tid).argument, static_cast<uint64_t>(ends[0]));
  const int files = OpenThreadFile(folder, tid, "schedstat");
  ASSERT_GE(files, 0);
  RunStamp before, after;
  ASSERT_TRUE(ReadRunStamp(files, &before));
  ASSERT_TRUE(ReadRunStamp(files, &after));
  EXPECT_EQ(before.runs, after.runs);
  ASSERT_EQ(write(ends[1], "xx", 2), 2);
  reader.join();
  first.join();
  // The join comes a moment before the kernel takes it off its list.
  while (ReadRunStamp(files, &after)) std::this_thread::yield();
  EXPECT_EQ(ReadPlace(folder, tid).where, Place::kUnknown);
  for (const int fd : {files, folder, ends[0], ends[1]}) close(fd);
}

}  // namespace
}  // namespace heapprof
