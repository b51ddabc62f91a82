// SPDX-License-Identifier: Apache-2.0
// What `heapprof watch` makes of looks: rows, growth and what is luck of it, and lines that fit.
#include "tools/watch/watch_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tools/base/terminal.h"
#include "tools/watch/watch_history.h"

namespace heapprof::tools {
namespace {

using testing::ElementsAre;

constexpr double kMiB = 1 << 20;

WatchLook LookAt(double seconds, double grown_mib) {
  WatchLook look;
  look.seconds = seconds;
  look.live = (8 + grown_mib) * kMiB;
  look.resident = (20 + grown_mib) * kMiB;
  look.allocated = (10 + 2 * grown_mib) * kMiB;
  look.causes = {{"live blocks", look.live}, {"files", 10 * kMiB}, {"free in slabs", 2 * kMiB}};
  look.functions["Kept"] = {8 * kMiB, 8 * kMiB, 0, 0};
  look.functions["Growing"] = {grown_mib * kMiB, grown_mib * kMiB, 0, 0};
  look.functions["Passing"] = {0, (2 + grown_mib) * kMiB, 0, 0};
  return look;
}

std::vector<std::string> Names(const std::vector<WatchRow>& rows) {
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const WatchRow& row : rows) names.push_back(row.name);
  return names;
}

TEST(WatchHistory, GrowthAndRatesAreOfTheWindow) {
  WatchHistory history(60);
  for (int i = 0; i <= 300; ++i) history.Add(LookAt(i, i));
  EXPECT_EQ(history.looks(), 301u);
  EXPECT_GE(history.seconds(), 60);
  EXPECT_LE(history.seconds(), 64) << "looks that are kept are a 32nd of the window from each other";
  const std::vector<WatchRow> rows = history.Rows(WatchOrder::kGrowth);
  EXPECT_THAT(Names(rows), ElementsAre("Growing", "Kept", "Passing"));
  EXPECT_DOUBLE_EQ(rows[0].growth, history.seconds() * kMiB);
  EXPECT_DOUBLE_EQ(rows[0].rate, kMiB);
  EXPECT_TRUE(rows[0].is_certain);
  EXPECT_EQ(rows[1].growth, 0);
  EXPECT_DOUBLE_EQ(history.LiveSlope(), kMiB);
  EXPECT_DOUBLE_EQ(history.ResidentSlope(), kMiB);
  EXPECT_DOUBLE_EQ(history.AllocatedRate(), 2 * kMiB);
}

TEST(WatchHistory, OrdersAreThoseOfTheKeys) {
  WatchHistory history(60);
  history.Add(LookAt(0, 0));
  EXPECT_EQ(history.seconds(), 0);
  EXPECT_THAT(Names(history.Rows(WatchOrder::kGrowth)), ElementsAre("Kept"))
      << "of the others nothing is there";
  EXPECT_EQ(history.Rows(WatchOrder::kGrowth)[0].growth, 0) << "one look tells of no growth";
  history.Add(LookAt(1, 3));
  EXPECT_THAT(Names(history.Rows(WatchOrder::kGrowth)), ElementsAre("Growing", "Kept", "Passing"));
  EXPECT_THAT(Names(history.Rows(WatchOrder::kLive)), ElementsAre("Kept", "Growing", "Passing"));
  EXPECT_THAT(Names(history.Rows(WatchOrder::kAllocated)), ElementsAre("Growing", "Passing", "Kept"));
}

// Of a sampled heap: growth within three standard errors of what came and went is luck.
TEST(WatchHistory, WhatMayBeLuckComesBehindWhatIsCertain) {
  WatchHistory history(60);
  WatchLook base = LookAt(0, 0), now = LookAt(10, 4);
  now.functions["Lucky"] = {9 * kMiB, 90 * kMiB, 8 * kMiB * kMiB, 2 * kMiB * kMiB};
  now.functions["Growing"].allocated_variance = kMiB * kMiB;
  history.Add(base);
  history.Add(now);
  const std::vector<WatchRow> rows = history.Rows(WatchOrder::kGrowth);
  EXPECT_THAT(Names(rows), ElementsAre("Growing", "Lucky", "Kept", "Passing"));
  EXPECT_EQ(rows[0].live, 4 * kMiB);
  EXPECT_TRUE(rows[0].is_certain) << "4 MiB, of 1 MiB standard error";
  EXPECT_FALSE(rows[1].is_certain) << "9 MiB, of 3.2 MiB standard error";
}

// A process that has begun anew (its counts are lower) has no negative rates.
TEST(WatchHistory, CountsThatFallAreNoRate) {
  WatchHistory history(60);
  history.Add(LookAt(0, 9));
  history.Add(LookAt(1, 1));
  EXPECT_EQ(history.AllocatedRate(), 0);
  EXPECT_EQ(history.Rows(WatchOrder::kAllocated)[0].rate, 0);
}

class WatchScreenTest : public testing::Test {
 protected:
  WatchScreenTest() : history_(60) {
    setenv("LC_ALL", "C.UTF-8", 1);
    state_.process = "process 12 (server)";
    state_.interval = 2;
  }
  std::vector<std::string> Lines(size_t rows, size_t columns) {
    std::vector<std::string> lines;
    for (const WatchLine& line : WatchScreen(history_, state_, rows, columns))
      lines.push_back(WatchLineText(line, false, columns));
    return lines;
  }

  WatchHistory history_;
  WatchState state_;
};

TEST_F(WatchScreenTest, EverySizeIsFilledAndNoLineIsLonger) {
  for (int looks = 0; looks < 3; ++looks) {
    for (size_t rows = 0; rows < 30; ++rows) {
      for (size_t columns = 0; columns < 140; ++columns) {
        const std::vector<std::string> lines = Lines(rows, columns);
        if (rows == 0 || columns == 0) {
          ASSERT_TRUE(lines.empty());
          continue;
        }
        ASSERT_EQ(lines.size(), rows) << columns;
        for (const std::string& line : lines) ASSERT_EQ(ColumnsOf(line), columns) << rows << ": " << line;
      }
    }
    history_.Add(LookAt(looks, looks));
  }
}

TEST_F(WatchScreenTest, APageOf80By24) {
  history_.Add(LookAt(0, 0));
  history_.Add(LookAt(4, 8));
  std::vector<std::string> lines = Lines(24, 80);
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  EXPECT_EQ(lines[0], " heapprof watch: process 12 (server)                                  every 2 s");
  EXPECT_EQ(lines[1], " RSS            28.0 MiB    +2.0 MiB/s  ▁█");
  EXPECT_EQ(lines[2], " live           16.0 MiB    +2.0 MiB/s  ▁█");
  EXPECT_EQ(lines[3], " allocated     4.0 MiB/s                █");
  EXPECT_EQ(lines[4], " [LLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLLFFFFFFFFFFFFFFFFFFFFFFFFFFFFsssss]");
  EXPECT_EQ(lines[5], " L live blocks 57%  F files 36%  s free in slabs 7%");
  EXPECT_EQ(lines[7], "       live    growth*    allocated   function");
  EXPECT_EQ(lines[8], "    8.0 MiB   +8.0 MiB    2.0 MiB/s   Growing");
  EXPECT_EQ(lines[23], " q quit  g growth  l live  a allocated   by growth of 4 s");
  state_.note = "process 12 does not answer: it is stopped";
  EXPECT_EQ(Lines(24, 80)[23].substr(0, 42), " process 12 does not answer: it is stopped");
}

TEST_F(WatchScreenTest, NamesAreForTerminals) {
  WatchLook look = LookAt(0, 0);
  look.functions = {{"evil\033[2Jname\n", {1, 1, 0, 0}}};
  history_.Add(look);
  state_.process = "process 12 (\033]0;title\007)";
  for (const std::string& line : Lines(24, 80))
    EXPECT_EQ(line.find_first_of("\033\007\n"), std::string::npos);
}

TEST_F(WatchScreenTest, ColoursAreLeftOutWhereThereAreNone) {
  const WatchLine line = {{"a", WatchStyle::kBold}, {"b"}, {"LL", WatchStyle::kCause, 'L'}};
  EXPECT_EQ(WatchLineText(line, false, 6), "abLL  ");
  EXPECT_EQ(WatchLineText(line, true, 0), "\033[1ma\033[0mb\033[32mLL\033[0m");
}

TEST_F(WatchScreenTest, CurvesShowTheLastValues) {
  EXPECT_EQ(Sparkline({}, 8, true), "");
  EXPECT_EQ(Sparkline({0, 0}, 8, true), "▁▁");
  EXPECT_EQ(Sparkline({0, 1, 2, 4, 8}, 3, true), "▃▅█");
  EXPECT_EQ(Sparkline({100, 200, 300}, 8, false), "▁▅█");
  EXPECT_EQ(Sparkline({1000, 1001, 1002}, 8, false), "██\u2588") << "less than a twentieth";
  setenv("LC_ALL", "C", 1);
  EXPECT_EQ(Sparkline({0, 4, 8}, 8, true), "_=#");
}

}  // namespace
}  // namespace heapprof::tools
