// SPDX-License-Identifier: Apache-2.0
// The forms of the profile "lifetimes", from tables that are made up.
#include "profiles/write/lifetime_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "profiles/write/heap_proto.h"
#include "profiles/write/text_profile.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kMillisecond = 1'000'000, kNow = 20'000 * kMillisecond;
constexpr uint64_t kRate = 512 << 10;

class LifetimeValuesTest : public testing::Test {
 protected:
  LifetimeValuesTest() {
    live_->KeepBirths();
    tables_.AddBucket(tables_.AddStack({0x1000, 0x2000}), 100, 1, 0, 0);
    tables_.AddBucket(tables_.AddStack({0x3000}), 4096, kRate, 0, 0);
    tables_.lifetimes = &counts_;
  }
  void Free(uint32_t id, int of_class, bool temporary, int times = 1) {
    for (int i = 0; i < times; ++i) freed_->CountFree(id, *tables_.BucketAt(id), of_class, temporary);
  }
  void Live(uint32_t id, int64_t age) {
    uint32_t stale = 0;
    int64_t stale_birth = 0;
    ASSERT_TRUE(live_->InsertBorn(next_ += 16, id, 0, kNow - age, &stale, &stale_birth));
  }
  void Read() { ASSERT_EQ(ages_->Read(*live_, tables_.BucketCount(), kNow), 0); }

  pb::Profile Proto() {
    StringSink sink;
    auto workspace = std::make_unique<HeapProtoWorkspace>();
    EXPECT_EQ(WriteHeapProtoFrom(tables_, HeapProfileKind::kLifetimes, &sink, workspace.get()), 0);
    return DecodeProfile(sink.data);
  }
  std::string AsText() {
    StringSink sink;
    auto workspace = std::make_unique<HeapTextWorkspace>();
    EXPECT_EQ(WriteHeapTextFrom(tables_, &sink, workspace.get(), {}), 0);
    return sink.data;
  }
  static std::string LabelsOf(const pb::Profile& profile, const pb::Sample& sample) {
    std::string text;
    for (const pb::Label& label : sample.label()) {
      text += Text(profile, label.key()) + "=" +
              (label.str() != 0 ? Text(profile, label.str())
                                : std::to_string(label.num()) + Text(profile, label.num_unit())) +
              " ";
    }
    return text;
  }

  FakeTables tables_;
  std::unique_ptr<HeapLifetimes> freed_ = std::make_unique<HeapLifetimes>();
  std::unique_ptr<LiveTable> live_ = std::make_unique<LiveTable>();
  std::unique_ptr<LiveAges> ages_ = std::make_unique<LiveAges>();
  LifetimeCounts counts_ = {freed_.get(), ages_.get()};
  uintptr_t next_ = 0x100000;
};

TEST_F(LifetimeValuesTest, EachClassIsASampleWithItsLabels) {
  freed_->Start();
  Free(1, 0, false, 5);
  Free(1, 0, true, 3);
  Free(1, 3, false, 2);
  Live(1, 15 * kMillisecond);
  Live(1, 25 * kMillisecond);
  Live(1, 2000 * kMillisecond);
  Free(2, 9, false, 4);
  Read();
  const pb::Profile profile = Proto();
  std::vector<std::string> types;
  for (const pb::ValueType& type : profile.sample_type())
    types.push_back(Text(profile, type.type()) + "/" + Text(profile, type.unit()));
  EXPECT_EQ(types, (std::vector<std::string>{"freed_objects/count", "freed_space/bytes", "live_objects/count",
                                             "live_space/bytes"}));
  EXPECT_EQ(Text(profile, profile.default_sample_type()), "freed_space");
  std::map<std::string, std::vector<int64_t>> samples;
  for (const pb::Sample& sample : profile.sample()) {
    const std::string labels = LabelsOf(profile, sample);
    EXPECT_EQ(samples.count(labels), 0u) << labels;
    samples[labels] = {sample.value().begin(), sample.value().end()};
  }
  const HeapEstimate e = Estimate({4, 0}, 4096, kRate, 0);
  const std::map<std::string, std::vector<int64_t>> expected = {
      {"lifetime=<1ms bytes=100bytes ", {5, 500, 0, 0}},
      {"lifetime=<1ms temporary=yes bytes=100bytes ", {3, 300, 0, 0}},
      {"lifetime=<1s bytes=100bytes ", {2, 200, 0, 0}},
      {"lifetime=<100ms age=20000000nanoseconds bytes=100bytes ", {0, 0, 2, 200}},
      {"lifetime=<10s age=2000000000nanoseconds bytes=100bytes ", {0, 0, 1, 100}},
      {"lifetime=>=100000s bytes=4096bytes ", {e.alloc_objects, e.alloc_bytes, 0, 0}}};
  EXPECT_EQ(samples, expected);
  bool told = false;
  for (int64_t comment : profile.comment()) told |= Text(profile, comment) == "lifetimes: collected";
  EXPECT_TRUE(told);
}

TEST_F(LifetimeValuesTest, TheTextFormHasALineForEachClassTheMostBytesFirst) {
  freed_->Start();
  Free(1, 0, true, 3);
  Free(1, 1, false, 2);
  Live(1, 1500 * kMillisecond);
  Free(2, 2, false, 1);
  Read();
  const std::string text = AsText();
  EXPECT_EQ(text.rfind("lifetimes profile: freed: bytes [live: bytes] @\n# collected\n", 0), 0u) << text;
  const size_t small = text.find(
      "5: 500 [1: 100] @ 0x1000 0x2000\n"
      "# freed, temporary <1ms 3: 300\n"
      "# freed <10ms 2: 200\n"
      "# alive <10s 1: 100, mean age 1.5 s\n"
      "#\t0x1000\n#\t0x2000\n\n");
  ASSERT_NE(small, std::string::npos) << text;
  EXPECT_LT(text.find("@ 0x3000\n# freed <100ms "), small) << text;
}

TEST_F(LifetimeValuesTest, WhatNoBucketCouldCountIsThereWithoutItsStack) {
  freed_->Start();
  Free(1, 0, false);  // cells there are
  Read();
  SetMetadataLimit(MetadataBytes());
  freed_->CountFree(1 << 20, *tables_.BucketAt(1), 2, true);
  SetMetadataLimit(UINT64_MAX);
  const pb::Profile profile = Proto();
  ASSERT_EQ(profile.sample_size(), 2);
  EXPECT_EQ(LabelsOf(profile, profile.sample(1)), "lifetime=<100ms temporary=yes ");
  EXPECT_EQ(profile.sample(1).value(1), 100);
  EXPECT_EQ(profile.sample(1).location_id_size(), 1);
  EXPECT_THAT(AsText(), HasSubstr("# collected\n# freed, temporary <100ms 1: 100\n"));
}

TEST_F(LifetimeValuesTest, WhoDidNotAskIsToldHow) {
  Read();
  const pb::Profile profile = Proto();
  EXPECT_EQ(profile.sample_size(), 0);
  std::string comments;
  for (int64_t comment : profile.comment()) comments += Text(profile, comment) + "\n";
  EXPECT_THAT(comments, HasSubstr("lifetimes: not collected; HEAPPROF_OPTIONS=lifetimes=1 does\n"));
  EXPECT_THAT(AsText(), HasSubstr("# not collected\n"));
}

}  // namespace
}  // namespace heapprof
