// SPDX-License-Identifier: Apache-2.0
// What a dump must not do, and how long and how large it may be: no malloc, a second, 4 MiB.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <vector>

#include "base/system/raw_syscall.h"
#include "profiles/write/heap_proto.h"
#include "profiles/write/text_profile.h"
#include "proto/descriptor_sink.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

// This program's own malloc goes to glibc's, but ends it while a profile is written.
static std::atomic<bool> g_no_malloc{false};
extern "C" {
void* __libc_malloc(size_t);
void __libc_free(void*);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
static void CheckAllowed() {
  if (g_no_malloc) {
    constexpr char kText[] = "malloc in a dump\n";
    (void)!write(2, kText, sizeof(kText) - 1);
    abort();
  }
}
void* malloc(size_t size) {
  CheckAllowed();
  return __libc_malloc(size);
}
void free(void* block) {
  CheckAllowed();
  __libc_free(block);
}
void* calloc(size_t count, size_t size) {
  CheckAllowed();
  return __libc_calloc(count, size);
}
void* realloc(void* block, size_t size) {
  CheckAllowed();
  return __libc_realloc(block, size);
}
}

namespace heapprof {
namespace {

constexpr uint64_t kRate = 512 << 10;

// 100,000 buckets of 20 frames over 20,000 locations, like those of a large program.
void FillTables(FakeTables* tables) {
  std::mt19937_64 random(3);
  auto code = reinterpret_cast<uint64_t>(&WriteHeapProtoFrom);
  for (uint32_t i = 0; i < 20000; i++) tables->AddLocation(code + i * 7);
  for (int i = 0; i < 100000; i++) {
    std::vector<uint32_t> stack(20);
    // Stacks share their outer frames.
    for (uint32_t f = 0; f < 20; f++) stack[f] = 1 + static_cast<uint32_t>(random() % (20000 / (f + 1)));
    tables->AddBucket(tables->AddStackOfIds(stack), 16 << (random() % 12), kRate, 1 + random() % 100, 0,
                      random());
  }
}

double Seconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);  // the machine may be at work with other things
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

size_t TouchedPages(void* start, size_t size) {
  std::vector<unsigned char> pages((size + 4095) / 4096);
  EXPECT_EQ(mincore(start, size, pages.data()), 0);
  size_t count = 0;
  for (unsigned char page : pages) count += page & 1;
  return count;
}

TEST(Limits, AHundredThousandBucketsInASecondAndFourMiB) {
  FakeTables tables;
  FillTables(&tables);
  char path[] = "/tmp/heapprof_limits_XXXXXX";
  int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  unlink(path);
  void* workspace = RawMap(sizeof(HeapProtoWorkspace));
  ASSERT_NE(workspace, nullptr);
  DescriptorSink sink(fd);
  g_no_malloc = true;
  double start = Seconds();
  int error =
      WriteHeapProtoFrom(tables, HeapProfileKind::kHeap, &sink, static_cast<HeapProtoWorkspace*>(workspace));
  double seconds = Seconds() - start;
  g_no_malloc = false;
  EXPECT_EQ(error, 0);
  EXPECT_LT(seconds, 1.0);
  size_t touched = TouchedPages(workspace, sizeof(HeapProtoWorkspace)) * 4096;
  EXPECT_LE(touched, size_t{4} << 20);
  RecordProperty("seconds", std::to_string(seconds));
  RecordProperty("touched", std::to_string(touched));
  RecordProperty("bytes", std::to_string(sink.written()));
  printf("%.3f s, %zu KiB touched, %llu bytes written\n", seconds, touched >> 10,
         static_cast<unsigned long long>(sink.written()));
  std::string compressed(sink.written(), '\0');
  ASSERT_EQ(pread(fd, compressed.data(), compressed.size(), 0), static_cast<ssize_t>(compressed.size()));
  EXPECT_EQ(DecodeProfile(compressed).sample_size(), 100000);
  RawUnmap(workspace, sizeof(HeapProtoWorkspace));
  close(fd);
}

TEST(Limits, TheTextFormNeedsNoHeapEither) {
  FakeTables tables;
  FillTables(&tables);
  int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  void* workspace = RawMap(sizeof(HeapTextWorkspace));
  ASSERT_NE(workspace, nullptr);
  DescriptorSink sink(fd);
  g_no_malloc = true;
  double start = Seconds();
  int error =
      WriteHeapTextFrom(tables, &sink, static_cast<HeapTextWorkspace*>(workspace), {TextForm::kPeople, true});
  double seconds = Seconds() - start;
  g_no_malloc = false;
  EXPECT_EQ(error, 0);
  printf("%.3f s, %llu bytes\n", seconds, static_cast<unsigned long long>(sink.written()));
  EXPECT_GT(sink.written(), 100000u * 20);
  RawUnmap(workspace, sizeof(HeapTextWorkspace));
  close(fd);
}

// The net under the two tests above: it catches a malloc.
TEST(LimitsDeathTest, TheNetHolds) {
  EXPECT_DEATH(
      {
        g_no_malloc = true;
        void* volatile block = malloc(1);
        free(block);
      },
      "malloc in a dump");
}

}  // namespace
}  // namespace heapprof
