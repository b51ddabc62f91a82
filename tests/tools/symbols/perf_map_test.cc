// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/perf_map.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/files.h"

namespace heapprof::tools {
namespace {

TEST(PerfMap, TheLastEntryOfAPlaceCounts) {
  const PerfMap map(
      "1000 100 first\n"
      "0x1040 20 second one\n"
      "2000 10 third\n"
      "1ff8 100 over third\n"
      "no line\n5000\n6000 10\n7000 0 empty\nffffffffffffffff 10 too far\n"
      "8000 10 without an end");
  const auto at = [&](uint64_t address) { return map.At(address).symbol; };
  EXPECT_EQ(at(0xfff), "");
  EXPECT_EQ(at(0x1000), "first");
  EXPECT_EQ(at(0x103f), "first");
  EXPECT_EQ(at(0x1040), "second one");
  EXPECT_EQ(at(0x105f), "second one");
  EXPECT_EQ(at(0x1060), "first");
  EXPECT_EQ(at(0x10ff), "first");
  EXPECT_EQ(at(0x1100), "");
  EXPECT_EQ(at(0x2008), "over third");
  EXPECT_EQ(at(0x20f7), "over third");
  EXPECT_EQ(at(0x20f8), "");
  EXPECT_EQ(at(0x7000), "");
  EXPECT_EQ(at(0x800f), "without an end");
  EXPECT_TRUE(PerfMap("").empty());
}

TEST(PerfMap, TellsFunctionAndPlaceOfNodesNames) {
  const PerfMap map(
      "1000 10 JS:*work /srv/a b.js:10:3\n"
      "2000 10 LazyCompile:~run node:internal/main:5:1\n"
      "3000 10 JS:^ /srv/c.js:1:1\n"
      "4000 10 Function:plain\n"
      "5000 10 py::loop:/srv/x.py\n");
  const auto expect = [&](uint64_t address, const char* symbol, const char* file, int64_t line) {
    const SourceFrame frame = map.At(address);
    EXPECT_EQ(frame.symbol, symbol);
    EXPECT_EQ(frame.file, file);
    EXPECT_EQ(frame.line, line);
  };
  expect(0x1000, "work", "/srv/a b.js", 10);
  expect(0x2000, "run", "node:internal/main", 5);
  expect(0x3000, "(anonymous)", "/srv/c.js", 1);
  expect(0x4000, "plain", "", 0);
  expect(0x5000, "py::loop:/srv/x.py", "", 0);
}

// Anybody may write to /tmp: root, too, believes but its own files and those of the process' user.
TEST(PerfMap, FilesOfOthersAreNotBelieved) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  test::TempDir dir;
  test::WriteFile(dir / "map", "1000 100 planted\n");
  const LivingProcess process{Profile()};
  EXPECT_EQ(ReadOfProcess(dir / "map", process), "1000 100 planted\n");
  ASSERT_EQ(chown((dir / "map").c_str(), 12345, 12345), 0);
  EXPECT_EQ(ReadOfProcess(dir / "map", process), "");
}

}  // namespace
}  // namespace heapprof::tools
