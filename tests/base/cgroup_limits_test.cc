// SPDX-License-Identifier: Apache-2.0
// What the kernel's files say of a process' memory, out of folders that look like its own.
#include "base/cgroup_limits.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>

#include <filesystem>
#include <string>

#include "tests/support/files.h"

namespace heapprof {
namespace {

constexpr uint64_t kMiB = 1 << 20;

class MemoryLimitTest : public testing::Test {
 protected:
  void SetUp() override { Write("/proc/meminfo", "MemFree: 7 kB\nMemTotal:        1048576 kB\n"); }
  void Write(const std::string& path, const std::string& content) const {
    const std::filesystem::path file = dir_.path() + path;
    std::filesystem::create_directories(file.parent_path());
    test::WriteFile(file, content);
  }
  // Lines of other file systems stand around it, one of them long.
  void WriteMount(const std::string& line) const {
    Write("/proc/self/mountinfo",
          "22 1 8:1 / / rw - ext4 /dev/root rw\n23 22 0:40 / /x rw - overlay overlay " +
              std::string(9000, 'l') + "\n" + line + "\n90 22 0:5 / /proc rw shared:7 - proc proc rw\n");
  }
  void WriteV1(const std::string& group, const std::string& top) const {
    Write("/proc/self/cgroup", "4:cpu,memory:" + group + "\n5:cpuset:/else\n1:name=memory:/else\n0::/\n");
    WriteMount("31 22 0:31 " + top + " /cg/memory rw,relatime shared:9 - cgroup cgroup rw,cpu,memory\n" +
               "32 22 0:32 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n" +
               "33 22 0:33 / /cg/disk rw - ext4 /dev/disk rw,cpu,memory");
    for (const std::string other : {"/cg/cpuset", "/cg/disk"}) {
      Write(other + "/memory.limit_in_bytes", "4096\n");
      Write(other + "/cpu.cfs_quota_us", "1000\n");
      Write(other + "/cpu.cfs_period_us", "100000\n");
    }
  }
  void WriteV2(const std::string& group, const std::string& top) const {
    Write("/proc/self/cgroup", "0::" + group + "\n");
    WriteMount("31 22 0:31 " + top + " /cg rw,nosuid - cgroup2 cgroup2 rw,nsdelegate");
  }
  uint64_t Limit() const { return MemoryLimit(dir_.path().c_str()); }

  test::TempDir dir_;
};

TEST_F(MemoryLimitTest, WithoutGroupsItIsPhysicalMemory) {
  EXPECT_EQ(Limit(), 1024 * kMiB);
  WriteV1("/", "/");
  Write("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(Limit(), 1024 * kMiB);
}

TEST_F(MemoryLimitTest, NothingIsKnownWhereNothingCanBeRead) { EXPECT_EQ(MemoryLimit("/nonexistent"), 0u); }

TEST_F(MemoryLimitTest, OfV1) {
  WriteV1("/service/one", "/");
  Write("/cg/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("/cg/memory/service/one/memory.limit_in_bytes", "104857600\n");
  EXPECT_EQ(Limit(), 100 * kMiB);
}

TEST_F(MemoryLimitTest, OfV1InAContainerWhoseGroupIsTheMount) {
  WriteV1("/docker/abc", "/docker/abc");
  Write("/cg/memory/memory.limit_in_bytes", "52428800\n");
  EXPECT_EQ(Limit(), 50 * kMiB);
}

TEST_F(MemoryLimitTest, OfV2) {
  WriteV2("/user.slice/a.scope", "/");
  Write("/cg/user.slice/a.scope/memory.max", "209715200\n");
  EXPECT_EQ(Limit(), 200 * kMiB);
}

TEST_F(MemoryLimitTest, TheGroupsAboveCount) {
  WriteV2("/pod/container", "/");
  Write("/cg/pod/container/memory.max", "max\n");
  Write("/cg/pod/memory.max", "314572800\n");
  EXPECT_EQ(Limit(), 300 * kMiB);
}

TEST_F(MemoryLimitTest, AGroupOutsideOfTheNamespaceIsTheMount) {
  WriteV2("/../other", "/");
  Write("/cg/memory.max", "104857600\n");
  Write("/other/memory.max", "4096\n");
  EXPECT_EQ(Limit(), 100 * kMiB);
}

TEST_F(MemoryLimitTest, AGroupWhosePathIsTooLongIsTheMount) {
  const std::string group =
      "/" + std::string(250, 'a') + "/" + std::string(250, 'b') + "/" + std::string(250, 'c');
  WriteV2(group, "/");
  Write("/cg/memory.max", "104857600\n");
  Write("/cg" + group + "/memory.max", "4096\n");
  EXPECT_EQ(Limit(), 100 * kMiB);
}

TEST_F(MemoryLimitTest, ANumberOfTooManyDigitsIsNoLimit) {
  WriteV2("/one", "/");
  Write("/cg/one/memory.max", "36893488147419103240\n");  // 2^65 + 8
  EXPECT_EQ(Limit(), 1024 * kMiB);
}

TEST_F(MemoryLimitTest, AGroupWhoseNameOnlyBeginsAsTheMountIsNotInIt) {
  WriteV2("/abcdef", "/abc");
  Write("/cg/memory.max", "104857600\n");
  Write("/cgdef/memory.max", "4096\n");
  EXPECT_EQ(Limit(), 100 * kMiB);
}

using ProcessorLimitTest = MemoryLimitTest;

TEST_F(ProcessorLimitTest, IsTheLeastThatAGroupOfV2Allows) {
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 0);
  WriteV2("/pod/one", "/");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 0);
  Write("/cg/pod/one/cpu.max", "max 100000\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 0);
  Write("/cg/pod/cpu.max", "250000 100000\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 2.5);
  Write("/cg/pod/one/cpu.max", "100000 0\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 2.5);
  Write("/cg/pod/one/cpu.max", "5000 10000\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 0.5);
}

TEST_F(ProcessorLimitTest, IsTheQuotaOfItsPeriodInV1) {
  WriteV1("/one", "/one");
  Write("/cg/memory/cpu.cfs_quota_us", "-1\n");
  Write("/cg/memory/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 0);
  Write("/cg/memory/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(ProcessorLimit(dir_.path().c_str()), 2);
}

TEST(ResidentBytesTest, GrowsByWhatIsTouched) {
  constexpr size_t kSize = 64 * kMiB;
  const uint64_t before = ResidentBytes();
  EXPECT_GT(before, 0u);
  void* block = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  memset(block, 1, kSize);
  const uint64_t with = ResidentBytes();
  munmap(block, kSize);
#ifdef __SANITIZE_THREAD__
  EXPECT_GE(with - before, kSize) << "with the sanitizer's shadows";
#else
  EXPECT_NEAR(static_cast<double>(with - before), kSize, kMiB);
#endif
}

}  // namespace
}  // namespace heapprof
