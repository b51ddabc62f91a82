// Parts of the leak check by themselves: patterns, suppressions, own mappings, what is known of jemalloc.
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "alloc/backend/backend.h"
#include "base/options.h"
#include "base/system/own_mappings.h"
#include "leak/quarantine.h"
#include "leak/report/suppressions.h"
#include "tests/support/elf_symbols.h"
#include "tests/support/subprocess.h"
#include "tests/support/under.h"

namespace heapprof::leak {
namespace {

TEST(Pattern, MatchesAnywhere) {
  EXPECT_TRUE(PatternMatches("Serve", "Server::Serve(int)"));
  EXPECT_TRUE(PatternMatches("Server", "Server"));
  EXPECT_FALSE(PatternMatches("serve", "Server"));
  EXPECT_FALSE(PatternMatches("Server", "Serve"));
  EXPECT_FALSE(PatternMatches("Serve", ""));
  EXPECT_FALSE(PatternMatches("", "Serve"));
}

TEST(Pattern, StarsStandForAnything) {
  EXPECT_TRUE(PatternMatches("lib*foo*", "/usr/lib/x/libfoo.so"));
  EXPECT_TRUE(PatternMatches("a*b*c", "xxaYYbZZcxx"));
  EXPECT_TRUE(PatternMatches("*", "anything"));
  EXPECT_TRUE(PatternMatches("**a", "bba"));
  EXPECT_FALSE(PatternMatches("a*b*c", "acb"));
}

TEST(Pattern, AnchorsHoldAtTheEnds) {
  EXPECT_TRUE(PatternMatches("^main$", "main"));
  EXPECT_FALSE(PatternMatches("^main$", "main2"));
  EXPECT_FALSE(PatternMatches("^main$", "xmain"));
  EXPECT_TRUE(PatternMatches("^ab*yz$", "abyz"));
  EXPECT_TRUE(PatternMatches("^ab*yz$", "ab...yz"));
  EXPECT_FALSE(PatternMatches("^ab*byz$", "abyz"));  // the two pieces must not overlap
  EXPECT_TRUE(PatternMatches("yz$", "yzyz"));
  EXPECT_TRUE(PatternMatches("^a*", "abc"));
  EXPECT_TRUE(PatternMatches("a$b", "xa$by"));  // a dollar sign like any other
}

TEST(SuppressionList, FirstThatMatchesIsFound) {
  char text[] = "# comment\n\nleak:one\r\n\tleak:two \nleak:on\n";
  Suppressions list;
  list.Add(text, "test");
  ASSERT_EQ(list.count(), 3u);
  EXPECT_EQ(list.Match("xonex"), &list.at(0));
  EXPECT_EQ(list.Match("two"), &list.at(1));
  EXPECT_EQ(list.Match("on"), &list.at(2));
  EXPECT_EQ(list.Match("three"), nullptr);
}

// Made-up blocks, whose size is what their address says.
class Quarantine : public testing::Test {
 protected:
  static size_t SizeOf(void* block) { return reinterpret_cast<uintptr_t>(block) >> 32; }
  void* Block(size_t size) { return reinterpret_cast<void*>((size << 32) + ++made_); }
  void Keep(void* block) {
    quarantine::Keep(block, SizeOf, [this](void* old) { released_.push_back(old); });
  }
  void SetUp() override { quarantine::SwitchOn(); }
  void TearDown() override {
    quarantine::TakeOut([](void*) { return true; }, SizeOf, [this](void* old) { released_.push_back(old); });
    quarantine::g_on.store(false);
    EXPECT_EQ(quarantine::g_bytes.load(), 0u);
    EXPECT_EQ(released_.size(), made_);
  }
  size_t made_ = 0;
  std::vector<void*> released_;
};

TEST_F(Quarantine, HoldsSoManyBytesOfTheLastBlocks) {
  constexpr size_t kSize = quarantine::kLargest, kHeld = quarantine::kBytes / kSize;
  std::vector<void*> blocks;
  for (int i = 0; i < 100; ++i) {
    Keep(blocks.emplace_back(Block(kSize)));
    EXPECT_LE(quarantine::g_bytes.load(), quarantine::kBytes);
  }
  blocks.resize(100 - kHeld);
  EXPECT_EQ(released_, blocks);  // the oldest first
}

TEST_F(Quarantine, HoldsSoManyBlocks) {
  std::vector<void*> blocks;
  for (size_t i = 0; i < quarantine::kBlocks + 50; ++i) Keep(blocks.emplace_back(Block(16)));
  blocks.resize(50);
  EXPECT_EQ(released_, blocks);
  Keep(Block(quarantine::kLargest));
  EXPECT_EQ(released_.size(), 51u);
}

TEST_F(Quarantine, LetsLargeBlocksGo) {
  void* small = Block(100);
  Keep(small);
  void* large = Block(quarantine::kLargest + 1);
  Keep(large);
  EXPECT_EQ(released_, std::vector<void*>{large});
}

TEST_F(Quarantine, MakesRoomForALargeBlockByManySmallOnes) {
  for (size_t i = 0; i < 4000; ++i) Keep(Block(4096));
  EXPECT_TRUE(released_.empty());
  Keep(Block(quarantine::kLargest));
  EXPECT_GT(released_.size(), 100u);
  EXPECT_LE(quarantine::g_bytes.load(), quarantine::kBytes);
}

size_t Covering(uintptr_t start, uintptr_t end) {
  std::vector<AddressRange> ranges(kMaxOwnMappings);
  size_t count = CopyOwnMappings(ranges.data(), ranges.size());
  return static_cast<size_t>(
      std::count_if(ranges.begin(), ranges.begin() + static_cast<ptrdiff_t>(count),
                    [&](const AddressRange& range) { return range.start == start && range.end == end; }));
}

TEST(OwnMappings, PartsAreForgotten) {
  constexpr uintptr_t kAt = 0x100000000, kPage = 4096;
  NoteOwnMapping(kAt, 10 * kPage);
  EXPECT_EQ(Covering(kAt, kAt + 10 * kPage), 1u);
  ForgetOwnMapping(kAt, 2 * kPage);  // as an aligned mapping is cut out of a larger one
  EXPECT_EQ(Covering(kAt + 2 * kPage, kAt + 10 * kPage), 1u);
  ForgetOwnMapping(kAt + 8 * kPage, 2 * kPage);
  EXPECT_EQ(Covering(kAt + 2 * kPage, kAt + 8 * kPage), 1u);
  ForgetOwnMapping(kAt + 4 * kPage, kPage);
  EXPECT_EQ(Covering(kAt + 2 * kPage, kAt + 4 * kPage), 1u);
  EXPECT_EQ(Covering(kAt + 5 * kPage, kAt + 8 * kPage), 1u);
  ForgetOwnMapping(kAt + 2 * kPage, 2 * kPage);
  ForgetOwnMapping(kAt + 5 * kPage, 3 * kPage);
  EXPECT_EQ(Covering(kAt + 5 * kPage, kAt + 8 * kPage), 0u);
}

std::vector<std::string> g_complaints;
Options Parsed(const char* text) {
  Options options;
  g_complaints.clear();
  ParseOptions(text, "test", &options, [](const char* line) { g_complaints.emplace_back(line); });
  return options;
}

TEST(LeakOptions, AreRead) {
  Options options = Parsed("leak_check=live:exitcode=0:suppressions='/a b':log_path=/log");
  EXPECT_EQ(options.leak_check, LeakCheck::kLive);
  EXPECT_EQ(options.exitcode, 0);
  EXPECT_STREQ(options.suppressions, "/a b");
  EXPECT_STREQ(options.log_path, "/log");
  EXPECT_TRUE(g_complaints.empty());
}

TEST(LeakOptions, BadValuesAreToldAndTheDefaultStays) {
  Options options = Parsed("leak_check=maybe:exitcode=256");
  EXPECT_EQ(options.leak_check, LeakCheck::kOff);
  EXPECT_EQ(options.exitcode, 23);
  EXPECT_EQ(g_complaints.size(), 2u);
}

// Roots leave out what jemalloc keeps in each thread; its size is not in a header.
TEST(Backend, ThreadDataHasTheSizeThatRootsLeaveOut) {
  test::Command command;
  command.argv = {"readelf", "-sW", test::LibraryPath()};
  const test::Result result = test::RunProgram(command);
  ASSERT_TRUE(result.ok()) << result.Describe();
  const size_t at = result.out.find(" hpje_je_tsd_tls");
  ASSERT_NE(at, std::string::npos);
  const std::string line = result.out.substr(result.out.rfind('\n', at) + 1, at - result.out.rfind('\n', at));
  unsigned number = 0;
  unsigned long value = 0, size = 0;
  ASSERT_EQ(sscanf(line.c_str(), " %u: %lx %lu TLS", &number, &value, &size), 3) << line;
  EXPECT_EQ(size, kBackendThreadBytes);
}

}  // namespace
}  // namespace heapprof::leak
