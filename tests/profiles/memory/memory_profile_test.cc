// SPDX-License-Identifier: Apache-2.0
// The profile `memory` where something cannot be known, and with very many names.
#include "profiles/memory/memory_profile.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "profiles/memory/memory_report.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

class ReportTest : public testing::Test {
 protected:
  void Collect(bool (*read)(ProcessMemory*), ResidentPages::Source best = ResidentPages::Source::kScan) {
    ASSERT_EQ(report_->Collect(FakeTables(), best, read), 0);
  }
  std::unique_ptr<MemoryReport> report_ = std::make_unique<MemoryReport>();
};

TEST_F(ReportTest, ComparesNothingWithASumThatCannotBeRead) {
  const auto fails = [](ProcessMemory* memory) {
    memory->resident = 1;  // of a file that was read in part
    return false;
  };
  // mincore's pages of files are doubtful: with a sum of 0 none of them would be left.
  Collect(fails, ResidentPages::Source::kCore);
  EXPECT_EQ(report_->resident(), 0u);
  EXPECT_EQ(report_->counted_above(), 0u);
  EXPECT_EQ(report_->not_explained(), 0u);
  uint64_t files = 0;
  for (uint32_t i = 0; i < report_->rows().count(); ++i) {
    const MemoryRow& row = report_->rows().at(i);
    if (std::string(report_->rows().NameAt(row.names[0])) == cause::kFiles) files += row.resident;
  }
  EXPECT_GT(files, 1u << 20);
}

TEST_F(ReportTest, TellsWhatWasCountedAboveTheSum) {
  Collect([](ProcessMemory* memory) {
    if (!ReadProcessMemory(memory)) return false;
    memory->resident = 64 << 10;
    return true;
  });
  EXPECT_EQ(report_->not_explained(), 0u);
  EXPECT_EQ(report_->counted_above(), report_->rows().Resident() - (64 << 10));
  EXPECT_GT(report_->counted_above(), 1u << 20);
}

TEST_F(ReportTest, TellsNothingOfTheKindOtherwise) {
  Collect(ReadProcessMemory);
  EXPECT_LT(report_->counted_above(), report_->resident() / 50);
  EXPECT_LT(report_->not_explained(), report_->resident() / 50);
}

std::string Written(int debug) {
  StringSink sink;
  const std::unique_ptr<char[]> workspace(new char[MemoryProfileWorkspaceSize()]());
  EXPECT_EQ(WriteMemoryProfile(debug, &sink, workspace.get()), 0);
  return sink.data;
}

// This program has another allocator.
TEST(MemoryProfile, SaysThatTheHeapIsNotLookedInto) {
  const pb::Profile profile = DecodeProfile(Written(0));
  bool said = false;
  for (const int64_t comment : profile.comment()) {
    said = said ||
           Text(profile, comment) == "heap: a row alone, as jemalloc's records are not laid out as known";
  }
  EXPECT_TRUE(said);
}

// Of which each was once moved to its place, past all others.
TEST(MemoryProfile, TextStandsInOrderHoweverManyNamesThereAre) {
  constexpr int kFiles = 3000;
  std::vector<void*> mapped;
  for (int i = 0; i < kFiles; ++i) {
    const int fd = memfd_create(("file" + std::to_string(i)).c_str(), MFD_CLOEXEC);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, 3 << 12), 0);
    char* memory = static_cast<char*>(mmap(nullptr, 3 << 12, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    close(fd);
    ASSERT_NE(memory, MAP_FAILED);
    for (int page = 0; page <= i % 3; ++page) memory[page << 12] = 1;
    mapped.push_back(memory);
  }
  std::istringstream text(Written(1));
  for (void* memory : mapped) munmap(memory, 3 << 12);
  int found = 0;
  unsigned long long last[3] = {~0ull, ~0ull, ~0ull};
  for (std::string line; std::getline(text, line);) {
    unsigned long long resident;
    const size_t name =
        line.find_first_not_of(' ', line.find(" %") == std::string::npos ? 0 : line.find(" %") + 2);
    if (line.find(" %") == std::string::npos || sscanf(line.c_str(), "%llu", &resident) != 1) continue;
    // Behind the mapped bytes come two blanks for each level, and two more.
    const size_t after = line.find_first_not_of("0123456789", name);
    const size_t depth = (line.find_first_not_of(' ', after) - after) / 2 - 2;
    ASSERT_LT(depth, 3u) << line;
    EXPECT_LE(resident, last[depth]) << line;
    last[depth] = resident;
    for (size_t deeper = depth + 1; deeper < 3; ++deeper) last[deeper] = ~0ull;
    found += line.find("/memfd:file") != std::string::npos;
  }
  EXPECT_EQ(found, kFiles);
}

}  // namespace
}  // namespace heapprof
