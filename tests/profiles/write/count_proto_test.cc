// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/count_proto.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "sampling/thread/labels.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

const uint64_t kOurs = reinterpret_cast<uint64_t>(&WriteCountProto) + 16;
const uint64_t kLibcs = reinterpret_cast<uint64_t>(&getenv) + 16;

class CountProtoTest : public testing::Test {
 protected:
  CountProtoTest() { EXPECT_TRUE(counts_->Init()); }
  ~CountProtoTest() override { counts_->Free(); }

  // A stack as the CPU sampler has it: what was executed, then return addresses. The hash is that of the
  // test.
  uint32_t Add(const std::vector<uintptr_t>& pcs, uint64_t count, uint32_t labels = 0,
               Truncation::Kind truncated = Truncation::kNone) {
    uint64_t hash = 1;
    for (uintptr_t pc : pcs) hash = hash * 31 + pc;
    uint32_t id =
        counts_->FindOrAdd({pcs.data(), static_cast<uint32_t>(pcs.size()), truncated, true, hash, labels});
    counts_->At(id)->in += count;
    return id;
  }
  CountProfile Cpu(int64_t period) {
    return {counts_.get(), "samples", "cpu",   "nanoseconds", period, 1'000'000'007, 5'000, 0, 0,
            nullptr,       0,         nullptr, nullptr};
  }
  pb::Profile Write(const CountProfile& profile) {
    StringSink sink;
    auto workspace = std::make_unique<CountProtoWorkspace>();
    EXPECT_EQ(WriteCountProto(profile, &sink, workspace.get()), 0);
    return DecodeProfile(sink.data);
  }
  static std::vector<int64_t> Values(const pb::Sample& s) { return {s.value().begin(), s.value().end()}; }
  // The addresses of a sample's locations; a frame without one as its name.
  static std::vector<std::string> Frames(const pb::Profile& p, const pb::Sample& s) {
    std::vector<std::string> frames;
    for (uint64_t id : s.location_id()) {
      for (auto& l : p.location()) {
        if (l.id() != id) continue;
        if (l.line_size() == 0) {
          frames.push_back(std::to_string(l.address()));
          continue;
        }
        for (auto& f : p.function()) {
          if (f.id() == l.line(0).function_id()) frames.push_back(Text(p, f.name()));
        }
      }
    }
    return frames;
  }
  static std::string MappingOf(const pb::Profile& p, uint64_t address) {
    for (auto& l : p.location()) {
      if (l.address() != address) continue;
      for (auto& m : p.mapping()) {
        if (m.id() == l.mapping_id()) return Text(p, m.filename());
      }
    }
    return "";
  }

  std::unique_ptr<StackCounts> counts_ = std::make_unique<StackCounts>();
};

TEST_F(CountProtoTest, TheEmptyVectorOfTheSourceDocuments) {
  pb::Profile p = Write(Cpu(2000 * 1000));
  ASSERT_EQ(p.sample_type_size(), 2);
  EXPECT_EQ(Text(p, p.sample_type(0).type()), "samples");
  EXPECT_EQ(Text(p, p.sample_type(0).unit()), "count");
  EXPECT_EQ(Text(p, p.sample_type(1).type()), "cpu");
  EXPECT_EQ(Text(p, p.sample_type(1).unit()), "nanoseconds");
  EXPECT_EQ(Text(p, p.period_type().type()), "cpu");
  EXPECT_EQ(Text(p, p.period_type().unit()), "nanoseconds");
  EXPECT_EQ(p.period(), 2000 * 1000);
  EXPECT_EQ(p.duration_nanos(), 5'000);
  EXPECT_EQ(p.time_nanos(), 1'000'000'007);
  EXPECT_EQ(p.sample_size(), 0);
}

// 10 samples in the first stack, 40 in the second, 10 more in the first.
TEST_F(CountProtoTest, TheVectorOfTheSourceDocumentsMergesEqualStacks) {
  Add({kOurs, kOurs + 2}, 10);
  Add({kLibcs, kLibcs + 2}, 40);
  Add({kOurs, kOurs + 2}, 10);
  pb::Profile p = Write(Cpu(2000 * 1000));
  ASSERT_EQ(p.sample_size(), 2);
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{20, 20LL * 2000 * 1000}));
  EXPECT_EQ(Values(p.sample(1)), (std::vector<int64_t>{40, 40LL * 2000 * 1000}));
  // The leaf is what was executed; its caller is a return address less one.
  EXPECT_EQ(Frames(p, p.sample(0)),
            (std::vector<std::string>{std::to_string(kOurs), std::to_string(kOurs + 1)}));
  EXPECT_EQ(Frames(p, p.sample(1)),
            (std::vector<std::string>{std::to_string(kLibcs), std::to_string(kLibcs + 1)}));
  EXPECT_EQ(MappingOf(p, kOurs), MappingOf(p, kOurs + 1));
  EXPECT_NE(MappingOf(p, kOurs), "");
  EXPECT_NE(MappingOf(p, kOurs), MappingOf(p, kLibcs));
}

TEST_F(CountProtoTest, LabelsPartStacksAndAreWrittenAsText) {
  ASSERT_EQ(SetLabel("request", "list"), 0);
  ASSERT_EQ(SetLabel("tenant", "a"), 0);
  uint32_t labels = CurrentLabels();
  ASSERT_EQ(SetLabel("request", nullptr), 0);
  ASSERT_EQ(SetLabel("tenant", nullptr), 0);
  Add({kOurs}, 1);
  Add({kOurs}, 2, labels);
  pb::Profile p = Write(Cpu(1));
  ASSERT_EQ(p.sample_size(), 2);
  EXPECT_EQ(p.sample(0).label_size(), 0);
  ASSERT_EQ(p.sample(1).label_size(), 2);
  EXPECT_EQ(Text(p, p.sample(1).label(0).key()), "request");
  EXPECT_EQ(Text(p, p.sample(1).label(0).str()), "list");
  EXPECT_EQ(Text(p, p.sample(1).label(1).key()), "tenant");
  EXPECT_EQ(Text(p, p.sample(1).label(1).str()), "a");
}

TEST_F(CountProtoTest, LossesAreASampleOfTheirOwn) {
  Add({kOurs}, 1);
  CountProfile profile = Cpu(100);
  profile.lost = 7;
  profile.outside = 2;
  pb::Profile p = Write(profile);
  ASSERT_EQ(p.sample_size(), 3);
  EXPECT_EQ(Values(p.sample(1)), (std::vector<int64_t>{7, 700}));
  EXPECT_EQ(Frames(p, p.sample(1)), (std::vector<std::string>{"[lost samples]"}));
  EXPECT_EQ(Values(p.sample(2)), (std::vector<int64_t>{2, 200}));
  EXPECT_EQ(Frames(p, p.sample(2)), (std::vector<std::string>{"[thread exit]"}));
}

TEST_F(CountProtoTest, ATruncatedStackSaysSoAtItsRoot) {
  Add({kOurs, kLibcs + 1}, 1, 0, Truncation::kLost);
  Add({kOurs, kLibcs + 2}, 1, 0, Truncation::kInBareCode);
  pb::Profile p = Write(Cpu(1));
  ASSERT_EQ(p.sample_size(), 2);
  EXPECT_EQ(Frames(p, p.sample(0)).back(), "[truncated]");
  EXPECT_EQ(Frames(p, p.sample(1)).back(), "[truncated: code without unwind tables]");
}

TEST_F(CountProtoTest, TimeThatNoTickFoundIsNoTruncatedStack) {
  Add({}, 1);
  Add({}, 2, 0, Truncation::kLost);
  pb::Profile p = Write(Cpu(1));
  ASSERT_EQ(p.sample_size(), 2);
  EXPECT_EQ(Frames(p, p.sample(0)), (std::vector<std::string>{"[no tick]"}));
  EXPECT_EQ(Frames(p, p.sample(1)), (std::vector<std::string>{"[truncated]"}));
}

TEST_F(CountProtoTest, WithoutAScaledTypeThereIsOneValueAndWhatWasTakenOutIsSubtracted) {
  uint32_t kept = Add({kOurs}, 5);
  uint32_t gone = Add({kLibcs}, 2);
  counts_->At(kept)->out += 2;
  counts_->At(gone)->out += 2;
  pb::Profile p =
      Write({counts_.get(), "files", nullptr, nullptr, 1, 1, 0, 0, 0, nullptr, 0, nullptr, nullptr});
  ASSERT_EQ(p.sample_type_size(), 1);
  EXPECT_EQ(Text(p, p.sample_type(0).type()), "files");
  EXPECT_EQ(Text(p, p.period_type().type()), "files");
  EXPECT_EQ(p.period(), 1);
  EXPECT_EQ(p.duration_nanos(), 0);
  ASSERT_EQ(p.sample_size(), 1);
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{3}));
}

TEST_F(CountProtoTest, AnOrderThatIsGivenIsKept) {
  uint32_t first = Add({kOurs}, 1), second = Add({kLibcs}, 2), third = Add({kOurs + 8}, 3);
  uint32_t order[] = {third, first, second};
  CountProfile profile = Cpu(1);
  profile.order = order;
  profile.order_count = 3;
  pb::Profile p = Write(profile);
  ASSERT_EQ(p.sample_size(), 3);
  EXPECT_EQ(p.sample(0).value(0), 3);
  EXPECT_EQ(p.sample(1).value(0), 1);
  EXPECT_EQ(p.sample(2).value(0), 2);
}

TEST_F(CountProtoTest, ValuesThatAreGivenAreWrittenAndThePeriodIsACount) {
  const uint32_t order[] = {Add({kOurs}, 1), Add({kLibcs}, 2), Add({kOurs + 8}, 3)};
  const StackValue values[] = {{7, INT64_MAX}, {0, 0}, {0, 12}};
  CountProfile profile = {counts_.get(), "pool", "amount", "bytes", 1,     1, 0, 0, 0,
                          order,         3,      nullptr,  nullptr, values};
  pb::Profile p = Write(profile);
  ASSERT_EQ(p.sample_type_size(), 2);
  EXPECT_EQ(Text(p, p.sample_type(0).type()), "pool");
  EXPECT_EQ(Text(p, p.sample_type(0).unit()), "count");
  EXPECT_EQ(Text(p, p.sample_type(1).type()), "amount");
  EXPECT_EQ(Text(p, p.sample_type(1).unit()), "bytes");
  EXPECT_EQ(Text(p, p.default_sample_type()), "amount");
  EXPECT_EQ(Text(p, p.period_type().type()), "pool");
  EXPECT_EQ(p.period(), 1);
  ASSERT_EQ(p.sample_size(), 2);
  EXPECT_EQ(Values(p.sample(0)), (std::vector<int64_t>{7, INT64_MAX}));
  EXPECT_EQ(Values(p.sample(1)), (std::vector<int64_t>{0, 12}));
}

TEST_F(CountProtoTest, AnErrorOfTheSinkComesOut) {
  for (uintptr_t i = 0; i < 5000; ++i) Add({kOurs + i * 16}, i);
  StringSink sink;
  sink.limit = 1000;
  sink.error = -ENOSPC;
  auto workspace = std::make_unique<CountProtoWorkspace>();
  EXPECT_EQ(WriteCountProto(Cpu(1), &sink, workspace.get()), -ENOSPC);
}

}  // namespace
}  // namespace heapprof
