// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/text_profile.h"

#include <cxxabi.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "proto/descriptor_sink.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

namespace heapprof {

// Functions of known names: global, with a tag of an ABI, and local.
__attribute__((noinline)) uint64_t NamedForTheTest() {
  return reinterpret_cast<uint64_t>(__builtin_return_address(0));
}
__attribute__((noinline, abi_tag("tag"))) uint64_t TaggedForTheTest(int) { return NamedForTheTest() + 1; }
static __attribute__((noinline)) uint64_t LocalForTheTest() {
  uint64_t address = NamedForTheTest();
  asm volatile("" : "+r"(address));  // no tail call: the return address is in here
  return address;
}

namespace {

constexpr uint64_t kRate = 512 << 10;
const uint64_t kInNamed = reinterpret_cast<uint64_t>(&NamedForTheTest) + 1;
const uint64_t kInTagged = reinterpret_cast<uint64_t>(&TaggedForTheTest) + 1;
const uint64_t kInLibc = reinterpret_cast<uint64_t>(&getenv) + 4;

class TextProfileTest : public testing::Test {
 protected:
  ~TextProfileTest() override { g_allocator_stats_printer = nullptr; }
  int Write(ByteSink* sink, bool in_handler = true) {
    auto workspace = std::make_unique<HeapTextWorkspace>();
    return WriteHeapTextFrom(tables_, sink, workspace.get(), {TextForm::kPeople, in_handler});
  }
  std::string Profile(bool in_handler = true) {
    StringSink sink;
    EXPECT_EQ(Write(&sink, in_handler), 0);
    return sink.data;
  }
  static std::vector<std::string> Lines(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static std::string Hex(uint64_t value) {
    std::ostringstream out;
    out << "0x" << std::hex << value;
    return out.str();
  }

  FakeTables tables_;
};

TEST_F(TextProfileTest, HeaderAndRecordsInOrderOfBytesInUse) {
  tables_.AddBucket(tables_.AddStack({0x1000, 0x2000}), 10, kRate, 4, 1);
  tables_.AddBucket(tables_.AddStack({0x3000}), 1000, kRate, 5, 5);
  tables_.AddBucket(tables_.AddStack({0x4000}), 100, kRate, 2, 0);
  std::vector<std::string> lines = Lines(Profile());
  ASSERT_GE(lines.size(), 11u);
  EXPECT_EQ(lines[0], "heap profile: 5: 230 [11: 5240] @ heap/1048576");
  EXPECT_EQ(lines[1], "2: 200 [2: 200] @ 0x4000");
  EXPECT_EQ(lines[2], "#\t0x4000");
  EXPECT_EQ(lines[3], "");
  EXPECT_EQ(lines[4], "3: 30 [4: 40] @ 0x1000 0x2000");
  EXPECT_EQ(lines[5], "#\t0x1000");
  EXPECT_EQ(lines[6], "#\t0x2000");
  EXPECT_EQ(lines[7], "");
  EXPECT_EQ(lines[8], "0: 0 [5: 5000] @ 0x3000");
}

TEST_F(TextProfileTest, FramesHaveSymbolsAndOffsets) {
  uint64_t local = LocalForTheTest();
  tables_.AddBucket(tables_.AddStack({kInNamed, local, kInTagged, kInLibc}), 10, kRate, 4, 1);
  std::string text = Profile();
  EXPECT_NE(text.find("#\t" + Hex(kInNamed) + "\theapprof::NamedForTheTest()+0x1\t/"), std::string::npos)
      << text;
  EXPECT_NE(text.find("#\t" + Hex(local) + "\theapprof::LocalForTheTest()+0x"), std::string::npos) << text;
  EXPECT_NE(text.find("#\t" + Hex(kInTagged) + "\theapprof::TaggedForTheTest()+0x1\t/"), std::string::npos)
      << text;
  EXPECT_NE(text.find("#\t" + Hex(kInLibc) + "\tgetenv+0x4\t/"), std::string::npos) << text;
}

TEST_F(TextProfileTest, OverflowAndTruncatedStacksAreNamed) {
  tables_.AddBucket(kOverflowStack, 10, 1, 4, 1);
  tables_.AddBucket(tables_.AddStack({0x5000}, Truncation::kLost), 1, 1, 1, 0);
  std::string text = Profile();
  EXPECT_NE(text.find("\n3: 30 [4: 40] @ 0x1\n#\t0x1\t[heapprof: metadata limit reached]\n"),
            std::string::npos);
  EXPECT_NE(text.find("@ 0x5000\n#\t0x5000\n#\t[truncated]\n"), std::string::npos) << text;
}

// Readers know one interval only: the smallest, at which counts taken at larger ones grow.
TEST_F(TextProfileTest, MixedIntervals) {
  tables_.AddBucket(tables_.AddStack({0x1000}), 4096, 1, 7, 2);
  tables_.AddBucket(tables_.AddStack({0x2000}), 4096, kRate, 10, 5);
  std::vector<std::string> lines = Lines(Profile());
  HeapEstimate e = Estimate({10, 5}, 4096, kRate, 0);
  EXPECT_NE(lines[0].find("@ heap/2"), std::string::npos);
  EXPECT_EQ(lines[0].back(), '2');
  std::ostringstream large;
  large << e.inuse_objects << ": " << e.inuse_objects * 4096 << " [" << e.alloc_objects << ": "
        << e.alloc_objects * 4096 << "] @ 0x2000";
  EXPECT_EQ(lines[1], large.str());
  EXPECT_EQ(lines[4], "5: 20480 [7: 28672] @ 0x1000");
}

TEST_F(TextProfileTest, StatisticsStandBeforeTheMappings) {
  g_allocator_stats_printer = [](void (*write)(void*, const char*), void* arg) {
    write(arg, "first ");
    write(arg, "line\nsecond line\n\nlast");
  };
  std::string text = Profile(false);
  size_t stats = text.find("# first line\n# second line\n# \n# last\n# MaxRSS = ");
  size_t maps = text.find("\nMAPPED_LIBRARIES:\n");
  ASSERT_NE(stats, std::string::npos) << text;
  ASSERT_NE(maps, std::string::npos);
  EXPECT_LT(stats, maps);
  EXPECT_NE(text.find("/libc", maps), std::string::npos);
  EXPECT_GT(std::stoll(text.substr(text.find("# MaxRSS = ") + 11)), 1 << 20);
  EXPECT_EQ(Profile(true).find("first line"), std::string::npos) << "left out in a handler";
}

// What jeprof and google-pprof insist on.
class PeerTextTest : public TextProfileTest {
 protected:
  std::string Written(TextForm form, bool accumulated = true) {
    TextStyle style;
    style.form = form;
    style.accumulated = accumulated;
    auto workspace = std::make_unique<HeapTextWorkspace>();
    StringSink sink;
    EXPECT_EQ(WriteHeapTextFrom(tables_, &sink, workspace.get(), style), 0);
    const size_t maps = sink.data.find("\nMAPPED_LIBRARIES:\n");
    EXPECT_NE(sink.data.find("/libc", maps), std::string::npos);
    return sink.data.substr(0, maps);
  }
};

TEST_F(PeerTextTest, FormsOfJemallocAndGperftools) {
  tables_.AddBucket(tables_.AddStack({0x1000, 0x2000}), 10, kRate, 4, 1);
  tables_.AddBucket(tables_.AddStack({0x3000}), 1000, kRate, 5, 5);
  tables_.AddBucket(kOverflowStack, 1, kRate, 1, 0);
  EXPECT_EQ(Written(TextForm::kJemalloc),
            "heap_v2/524288\n  t*: 4: 31 [10: 5041]\n"
            "@ 0x1000 0x2000\n  t*: 3: 30 [4: 40]\n"
            "@ 0x1\n  t*: 1: 1 [1: 1]\n"
            "@ 0x3000\n  t*: 0: 0 [5: 5000]\n");
  EXPECT_EQ(Written(TextForm::kJemalloc, false),
            "heap_v2/524288\n  t*: 4: 31 [0: 0]\n"
            "@ 0x1000 0x2000\n  t*: 3: 30 [0: 0]\n"
            "@ 0x1\n  t*: 1: 1 [0: 0]\n");
  EXPECT_EQ(Written(TextForm::kGperftools),
            "heap profile: 4: 31 [10: 5041] @ heap_v2/524288\n"
            "3: 30 [4: 40] @ 0x1000 0x2000\n1: 1 [1: 1] @ 0x1\n0: 0 [5: 5000] @ 0x3000\n");
}

TEST_F(PeerTextTest, ExactCountsAndNone) {
  EXPECT_EQ(Written(TextForm::kJemalloc), "heap_v2/524288\n  t*: 0: 0 [0: 0]\n");
  tables_.AddBucket(tables_.AddStack({0x1000}), 10, 1, 4, 1);
  EXPECT_EQ(Written(TextForm::kGperftools),
            "heap profile: 3: 30 [4: 40] @ heapprofile\n3: 30 [4: 40] @ 0x1000\n");
}

// In use: what was allocated since; frees of earlier blocks do not count.
TEST_F(PeerTextTest, SinceAMoment) {
  tables_.AddBucket(tables_.AddStack({0x1000}), 10, 1, 40, 30);
  tables_.AddBucket(tables_.AddStack({0x2000}), 10, 1, 7, 7);
  tables_.AddBucket(tables_.AddStack({0x3000}), 10, 1, 5, 1);  // made since
  const uint64_t before[] = {25, 7};
  const uint32_t in_use[] = {9, 0, 4};
  const SinceCounts since = {before, 2, in_use, 3};
  tables_.since = &since;
  EXPECT_EQ(Written(TextForm::kJemalloc),
            "heap_v2/1\n  t*: 13: 130 [20: 200]\n"
            "@ 0x1000\n  t*: 9: 90 [15: 150]\n@ 0x3000\n  t*: 4: 40 [5: 50]\n");
}

TEST_F(TextProfileTest, NoSamples) {
  EXPECT_EQ(Lines(Profile())[0], "heap profile: 0: 0 [0: 0] @ heap/1048576");
}

TEST_F(TextProfileTest, ErrorsOfTheDescriptorComeBack) {
  tables_.AddBucket(tables_.AddStack({0x1000}), 10, kRate, 4, 1);
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  DescriptorSink sink(full);
  EXPECT_EQ(Write(&sink), -ENOSPC);
  close(full);
}

}  // namespace
}  // namespace heapprof
