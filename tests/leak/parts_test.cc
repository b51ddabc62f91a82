// SPDX-License-Identifier: Apache-2.0
// Parts of the leak check by themselves: own mappings, what is known of jemalloc.
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "alloc/backend/backend.h"
#include "base/options.h"
#include "base/system/own_mappings.h"
#include "tests/support/elf_symbols.h"
#include "tests/support/subprocess.h"
#include "tests/support/under.h"

namespace heapprof::leak {
namespace {

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

// aarch64's user space has 48 bits, and is used from above; x86-64's has 47.
TEST(OwnMappings, OfTheHighestAddressesAreKept) {
  constexpr uintptr_t kPage = 4096, kEnd = (uintptr_t{1} << 48) - kPage;
  for (const uintptr_t at : {kEnd - kPage, kEnd - 0x7b000000, kEnd - (uintptr_t{1} << 40)}) {
    NoteOwnMapping(at, kEnd - at, MappingOwner::kAllocator);
    std::vector<AddressRange> ranges(kMaxOwnMappings);
    ranges.resize(CopyOwnMappings(MappingOwner::kAllocator, ranges.data(), ranges.size()));
    size_t bytes = 0;  // a large mapping is kept in pieces
    for (const AddressRange& range : ranges) {
      if (range.start >= at && range.end <= kEnd) bytes += range.end - range.start;
    }
    EXPECT_EQ(bytes, kEnd - at);
    ForgetOwnMapping(at, kEnd - at);
    EXPECT_EQ(CopyOwnMappings(MappingOwner::kAllocator, ranges.data(), ranges.size()), 0u);
  }
}

// As an extent that was split is unmapped by whoever frees the last block of each part.
TEST(OwnMappings, ManyThreadsForgetTheirPartsOfOneMapping) {
  constexpr uintptr_t kAt = 0x200000000, kOthers = 0x300000000, kPage = 4096;
  constexpr size_t kParts = 2, kRounds = 10000, kCount = 4000;
  for (size_t i = 0; i < kCount; ++i) NoteOwnMapping(kOthers + i * 2 * kPage, kPage);
  std::atomic<size_t> arrived{0};
  const auto meet = [&arrived](size_t times) {
    arrived.fetch_add(1);
    for (int i = 0; arrived.load() < times * kParts; ++i) {
      if (i > 10000) std::this_thread::yield();
    }
  };
  const auto work = [&](size_t part) {
    for (size_t round = 0; round < kRounds; ++round) {
      if (part == 0) {
        // Behind all others, and a hole before them: what is parted from it goes where the other thread has
        // looked already.
        NoteOwnMapping(kAt, 2 * kParts * kPage);
        ForgetOwnMapping(kOthers, kPage);
      }
      meet(2 * round + 1);
      ForgetOwnMapping(kAt + (2 * part + 1) * kPage, kPage);
      ForgetOwnMapping(kAt + 2 * part * kPage, kPage);
      meet(2 * round + 2);
      if (part == 0) NoteOwnMapping(kOthers, kPage);
    }
  };
  std::vector<std::thread> threads;
  for (size_t part = 0; part < kParts; ++part) threads.emplace_back(work, part);
  for (std::thread& thread : threads) thread.join();
  std::vector<AddressRange> ranges(kMaxOwnMappings);
  const size_t count = CopyOwnMappings(ranges.data(), ranges.size());
  size_t left = 0;
  ASSERT_LE(count, ranges.size()) << "some found no room";
  std::string places;
  for (size_t i = 0; i < count; ++i) {
    if (ranges[i].start < kAt || ranges[i].start >= kOthers) continue;
    ++left;
    places += " " + std::to_string((ranges[i].start - kAt) / kPage) + "-" +
              std::to_string((ranges[i].end - kAt) / kPage);
  }
  EXPECT_EQ(left, 0u) << "pages" << places;
  for (size_t i = 0; i < kCount; ++i) ForgetOwnMapping(kOthers + i * 2 * kPage, kPage);
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
