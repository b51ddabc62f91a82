// SPDX-License-Identifier: Apache-2.0
// Which names the option `output` stands for.
#include <gtest/gtest.h>

#include "tools/base/failure.h"
#include "tools/process/output_pattern.h"

namespace heapprof::tools {
namespace {

TEST(OutputPattern, MatchesItsOwnFilesOnly) {
  const OutputPattern pattern("/var/tmp/heapprof.%p.%n", 42, {"prog"});
  EXPECT_EQ(pattern.folder(), "/var/tmp");
  EXPECT_TRUE(pattern.Matches("heapprof.42.0001.heap.pb.gz"));
  EXPECT_TRUE(pattern.Matches("heapprof.42.123456.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("heapprof.42.001.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("heapprof.421.0001.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("heapprof.42.0001.heap.pb.gz.tmp"));
  EXPECT_FALSE(pattern.Matches("heapprof.42.0001.cpu.pb.gz"));
  EXPECT_FALSE(pattern.Matches("xheapprof.42.0001.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches(""));
}

TEST(OutputPattern, FieldsMayStandSideBySide) {
  const OutputPattern pattern("%e%n%p", 42, {"redis", "redis-server"});
  EXPECT_EQ(pattern.folder(), "");
  EXPECT_TRUE(pattern.Matches("redis-server000142.heap.pb.gz"));
  EXPECT_TRUE(pattern.Matches("redis000142.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("redis-000142.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("redis000143.heap.pb.gz"));
}

TEST(OutputPattern, PercentSignsStandForThemselves) {
  const OutputPattern pattern("d%%p/%%p-%x%", 42, {});
  EXPECT_EQ(pattern.folder(), "d%p");
  EXPECT_TRUE(pattern.Matches("%p-%x%.heap.pb.gz"));
  EXPECT_FALSE(pattern.Matches("42-%x%.heap.pb.gz"));
  const OutputPattern literal(LiteralPattern("/50%p/a%n"), 42, {});
  EXPECT_EQ(literal.folder(), "/50%p");
  EXPECT_TRUE(literal.Matches("a%n.heap.pb.gz"));
}

TEST(OutputPattern, FoldersAreFilledInAsFarAsTheyCanBe) {
  EXPECT_EQ(OutputPattern("/a/%e/%p/x", 7, {"prog", "other"}).folder(), "/a/prog/7");
  EXPECT_EQ(OutputPattern("/x", 7, {}).folder(), "/");
  EXPECT_EQ(OutputPattern("../x", 7, {}).folder(), "..");
  EXPECT_THROW(OutputPattern("/a/%n/x", 7, {}), Failure);
}

}  // namespace
}  // namespace heapprof::tools
