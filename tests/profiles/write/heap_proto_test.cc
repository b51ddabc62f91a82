// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/heap_proto.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "heapprof/heapprof.h"
#include "proto/descriptor_sink.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

constexpr uint64_t kRate = 512 << 10;

class HeapProtoTest : public testing::Test {
 protected:
  int Write(ByteSink* sink, HeapProfileKind kind = HeapProfileKind::kHeap) {
    auto workspace = std::make_unique<HeapProtoWorkspace>();  // zeroed by the ()
    return WriteHeapProtoFrom(tables_, kind, sink, workspace.get());
  }
  pb::Profile Profile(HeapProfileKind kind = HeapProfileKind::kHeap) {
    StringSink sink;
    EXPECT_EQ(Write(&sink, kind), 0);
    pb::Profile profile = DecodeProfile(sink.data);
    ExpectSound(profile);
    return profile;
  }
  // Ids unique and not 0, references to what is there, string 0 empty.
  void ExpectSound(const pb::Profile& p) {
    std::set<uint64_t> mappings = {0}, functions, locations;
    for (auto& m : p.mapping()) EXPECT_TRUE(mappings.insert(m.id()).second);
    for (auto& f : p.function()) EXPECT_TRUE(f.id() != 0 && functions.insert(f.id()).second);
    for (auto& l : p.location()) {
      EXPECT_TRUE(l.id() != 0 && locations.insert(l.id()).second);
      EXPECT_EQ(mappings.count(l.mapping_id()), 1u);
      for (auto& line : l.line()) EXPECT_EQ(functions.count(line.function_id()), 1u);
    }
    for (auto& s : p.sample()) {
      EXPECT_EQ(s.value_size(), p.sample_type_size());
      for (uint64_t id : s.location_id()) EXPECT_EQ(locations.count(id), 1u);
    }
    EXPECT_EQ(Text(p, 0), "");
  }
  static std::vector<int64_t> Values(const pb::Sample& s) { return {s.value().begin(), s.value().end()}; }
  static std::map<uint64_t, const pb::Location*> LocationsById(const pb::Profile& p) {
    std::map<uint64_t, const pb::Location*> by_id;
    for (auto& l : p.location()) by_id[l.id()] = &l;
    return by_id;
  }
  static std::vector<uint64_t> Addresses(const pb::Profile& p, const pb::Sample& s) {
    auto by_id = LocationsById(p);
    std::vector<uint64_t> addresses;
    for (uint64_t id : s.location_id()) addresses.push_back(by_id[id]->address());
    return addresses;
  }
  static std::map<std::string, std::string> Comments(const pb::Profile& p) {
    std::map<std::string, std::string> comments;
    for (int64_t index : p.comment()) {
      std::string text = Text(p, index);
      size_t colon = text.find(": ");
      EXPECT_NE(colon, std::string::npos) << text;
      comments[text.substr(0, colon)] = text.substr(colon + 2);
    }
    return comments;
  }

  FakeTables tables_;
};

// Addresses in two mappings: this program and libc.
const uint64_t kOurs = reinterpret_cast<uint64_t>(&WriteHeapProtoFrom) + 16;
const uint64_t kLibcs = reinterpret_cast<uint64_t>(&getenv) + 16;

TEST_F(HeapProtoTest, TheVectorsOfTheSourceDocuments) {
  tables_.AddBucket(tables_.AddStack({kOurs, kLibcs}), 1024, kRate, 4, 1);
  tables_.AddBucket(tables_.AddStack({kLibcs + 1, kLibcs + 2}), 512 << 10, kRate, 1, 0);
  tables_.AddBucket(tables_.AddStack({kOurs + 1, kOurs + 2, kLibcs + 3}), 512 << 10, kRate, 1, 1);
  pb::Profile p = Profile();
  EXPECT_EQ(Text(p, p.period_type().type()), "space");
  EXPECT_EQ(Text(p, p.period_type().unit()), "bytes");
  EXPECT_EQ(p.period(), static_cast<int64_t>(kRate));
  const char* types[][2] = {{"alloc_objects", "count"},
                            {"alloc_space", "bytes"},
                            {"inuse_objects", "count"},
                            {"inuse_space", "bytes"}};
  ASSERT_EQ(p.sample_type_size(), 4);
  for (int i = 0; i < 4; i++) {
    EXPECT_EQ(Text(p, p.sample_type(i).type()), types[i][0]);
    EXPECT_EQ(Text(p, p.sample_type(i).unit()), types[i][1]);
  }
  ASSERT_EQ(p.sample_size(), 3);
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{2050, 2099200, 1537, 1574400}));
  EXPECT_EQ(Values(p.sample(1)), (std::vector<int64_t>{1, 829411, 1, 829411}));
  EXPECT_EQ(Values(p.sample(2)), (std::vector<int64_t>{1, 829411, 0, 0}));
  EXPECT_EQ(Addresses(p, p.sample(0)), (std::vector<uint64_t>{kOurs - 1, kLibcs - 1}));
  EXPECT_EQ(Addresses(p, p.sample(1)), (std::vector<uint64_t>{kLibcs, kLibcs + 1}));
  EXPECT_EQ(Addresses(p, p.sample(2)), (std::vector<uint64_t>{kOurs, kOurs + 1, kLibcs + 2}));
  const int64_t sizes[] = {1024, 512 << 10, 512 << 10};
  for (int i = 0; i < 3; i++) {
    ASSERT_EQ(p.sample(i).label_size(), 1);
    const pb::Label& label = p.sample(i).label(0);
    EXPECT_EQ(Text(p, label.key()), "bytes");
    EXPECT_EQ(label.num(), sizes[i]);
    EXPECT_EQ(Text(p, label.num_unit()), "bytes");
  }
}

TEST_F(HeapProtoTest, LocationsHaveTheirMappings) {
  tables_.AddBucket(tables_.AddStack({kOurs, kLibcs, 0x10}), 1024, kRate, 4, 1);
  pb::Profile p = Profile();
  std::map<uint64_t, const pb::Mapping*> mappings;
  for (auto& m : p.mapping()) mappings[m.id()] = &m;
  auto locations = LocationsById(p);
  const pb::Location& ours = *locations[p.sample(0).location_id(0)];
  const pb::Location& libcs = *locations[p.sample(0).location_id(1)];
  EXPECT_EQ(ours.mapping_id(), p.mapping(0).id()) << "the main binary comes first";
  EXPECT_EQ(Text(p, p.mapping(0).build_id()).size(), 40u);
  ASSERT_EQ(mappings.count(libcs.mapping_id()), 1u);
  const pb::Mapping& libc = *mappings[libcs.mapping_id()];
  EXPECT_NE(Text(p, libc.filename()).find("/libc"), std::string::npos);
  EXPECT_GE(libcs.address(), libc.memory_start());
  EXPECT_LT(libcs.address(), libc.memory_limit());
  EXPECT_FALSE(libc.has_functions());
  EXPECT_EQ(locations[p.sample(0).location_id(2)]->mapping_id(), 0u);
}

TEST_F(HeapProtoTest, DefaultTypeOfEachKind) {
  pb::Profile heap = Profile(HeapProfileKind::kHeap);
  EXPECT_EQ(Text(heap, heap.default_sample_type()), "inuse_space");
  pb::Profile allocs = Profile(HeapProfileKind::kAllocs);
  EXPECT_EQ(Text(allocs, allocs.default_sample_type()), "alloc_space");
  EXPECT_NE(Text(heap, heap.drop_frames()).find("|operator new(\\[\\])?|"), std::string::npos);
  // Instances, too: readers cut names at their parameters, and no more.
  EXPECT_NE(Text(heap, heap.drop_frames()).find("new_allocator(<.*>)?::"), std::string::npos);
  EXPECT_EQ(heap.duration_nanos(), 0);
}

TEST_F(HeapProtoTest, TimeIsNow) {
  auto now = [] {
    timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
  };
  int64_t before = now();
  pb::Profile p = Profile();
  EXPECT_GE(p.time_nanos(), before);
  EXPECT_LE(p.time_nanos(), now());
}

TEST_F(HeapProtoTest, CommentsSayWhoAndWhatWasLost) {
  tables_.stats = {1000, 20, 30, 400, 5, 6, 7000000};
  std::map<std::string, std::string> c = Comments(Profile());
  EXPECT_EQ(c["heapprof-version"], HEAPPROF_VERSION);
  EXPECT_EQ(c["pid"], std::to_string(getpid()));
  EXPECT_EQ(c["sample-interval"], "524288");
  EXPECT_EQ(c["samples"], "1000");
  EXPECT_EQ(c["buckets"], "20");
  EXPECT_EQ(c["stacks"], "30");
  EXPECT_EQ(c["live-samples"], "400");
  EXPECT_EQ(c["lost-samples"], "5");
  EXPECT_EQ(c["truncated-stacks"], "6");
  EXPECT_EQ(c["metadata-bytes"], "7000000");
  EXPECT_EQ(c["start-time"].size(), strlen("2026-01-01T00:00:00Z"));
}

TEST_F(HeapProtoTest, WhatIsNotKnownHasNamedFrames) {
  tables_.AddBucket(kOverflowStack, 100, 1, 5, 2);
  tables_.AddBucket(tables_.AddStack({kOurs}, Truncation::kLost), 100, 1, 1, 0);
  tables_.AddBucket(tables_.AddStack({}, Truncation::kLost), 100, 1, 1, 0);
  tables_.AddBucket(tables_.AddStack({kOurs}, Truncation::kInBareCode), 100, 1, 1, 0);
  pb::Profile p = Profile();
  ASSERT_EQ(p.sample_size(), 4);
  auto locations = LocationsById(p);
  auto name_of_last = [&](const pb::Sample& s) {
    const pb::Location* last = locations[s.location_id(s.location_id_size() - 1)];
    EXPECT_EQ(last->mapping_id(), 0u);
    EXPECT_EQ(last->line_size(), 1);
    for (auto& f : p.function()) {
      if (f.id() == last->line(0).function_id()) return Text(p, f.name());
    }
    return std::string("no function");
  };
  EXPECT_EQ(name_of_last(p.sample(0)), "[heapprof: metadata limit reached]");
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{5, 500, 3, 300}));
  EXPECT_EQ(p.sample(1).location_id_size(), 2);
  EXPECT_EQ(name_of_last(p.sample(1)), "[truncated]");
  EXPECT_EQ(p.sample(2).location_id_size(), 1);
  EXPECT_EQ(name_of_last(p.sample(2)), "[truncated]");
  EXPECT_EQ(name_of_last(p.sample(3)), "[truncated: code without unwind tables]");
}

TEST_F(HeapProtoTest, StackDeeperThanASampleHolds) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < 5000; i++) ids.push_back(tables_.AddLocation(kOurs + i));
  tables_.AddBucket(tables_.AddStackOfIds(ids), 100, 1, 1, 0);
  pb::Profile p = Profile();
  ASSERT_EQ(p.sample_size(), 1);
  EXPECT_EQ(p.sample(0).location_id_size(), 4096);
  std::vector<uint64_t> addresses = Addresses(p, p.sample(0));
  EXPECT_EQ(addresses[4094], kOurs + 4094 - 1);
  EXPECT_EQ(addresses[4095], 0u) << "[truncated]";
}

TEST_F(HeapProtoTest, BucketsThatAreNotReadyAreLeftOut) {
  tables_.AddUnfinishedBucket();
  tables_.AddBucket(tables_.AddStack({kOurs}), 100, 1, 0, 0);
  tables_.AddBucket(tables_.AddStack({kOurs}), 100, 1, 3, 4);  // a free seen before its allocation
  pb::Profile p = Profile();
  ASSERT_EQ(p.sample_size(), 1);
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{3, 300, 0, 0}));
}

// Totals over many buckets, rounded by their hashes, come out at the sum of the exact estimates.
TEST_F(HeapProtoTest, TotalsAreUnbiased) {
  uint32_t stack = tables_.AddStack({kOurs});
  double truth = 0, variance = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    uint64_t size = 200000 + i;
    tables_.AddBucket(stack, size, kRate, 1, 0, i * 0x9e3779b97f4a7c15);
    double weight = SampleWeight(size, kRate), part = weight - static_cast<int64_t>(weight);
    truth += weight;
    variance += part * (1 - part);
  }
  pb::Profile p = Profile();
  double total = 0;
  for (auto& s : p.sample()) total += static_cast<double>(s.value(0));
  EXPECT_NEAR(total, truth, 3 * std::sqrt(variance));
}

TEST_F(HeapProtoTest, EqualTablesGiveEqualSamples) {
  tables_.AddBucket(tables_.AddStack({kOurs, kLibcs}), 1000, kRate, 40, 1, 0x123456789abcdef0);
  EXPECT_EQ(Values(Profile().sample(0)), Values(Profile().sample(0)));
}

TEST_F(HeapProtoTest, ErrorsOfTheDescriptorComeBack) {
  for (uint32_t i = 0; i < 5000; i++)
    tables_.AddBucket(tables_.AddStackOfIds({tables_.AddLocation(kOurs + i)}), i, 1, i + 1, 0);
  int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  DescriptorSink full_sink(full);
  EXPECT_EQ(Write(&full_sink), -ENOSPC);
  close(full);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  close(ends[0]);
  DescriptorSink pipe_sink(ends[1]);
  EXPECT_EQ(Write(&pipe_sink), -EPIPE);
  close(ends[1]);
  StringSink whole;
  ASSERT_EQ(Write(&whole), 0);
  // Wherever it is cut, an error comes back.
  for (size_t limit = 0; limit < whole.data.size() - 1000; limit += 4000) {
    StringSink cut;
    cut.limit = limit;
    cut.error = -EIO;
    EXPECT_EQ(Write(&cut), -EIO) << limit;
  }
}

}  // namespace
}  // namespace heapprof
