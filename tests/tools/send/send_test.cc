// SPDX-License-Identifier: Apache-2.0
// When what waits in a spool is sent, and what becomes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"
#include "tests/tools/send/spool_fixture.h"
#include "tools/base/failure.h"
#include "tools/send/sender.h"

namespace heapprof::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tools::send::Item;
using tools::send::kSecond;
using tools::send::Outcome;
using tools::send::Sender;
using tools::send::Spool;
using tools::send::SpoolLimits;
using tools::send::SpoolState;

const Outcome kRetry{Outcome::Kind::kRetry, -1, "busy"};
Outcome Of(Outcome::Kind kind, double after = -1) { return {kind, after, "why"}; }

std::vector<std::string> Ids(const std::vector<Item>& items) {
  std::vector<std::string> ids;
  for (const Item& item : items) ids.push_back(item.id);
  return ids;
}

class SendTest : public SpoolTest {
 protected:
  Sender MakeSender(SpoolLimits limits = {}, bool retry_uncertain = false) {
    tools::send::SenderOptions options;
    options.retry_uncertain = retry_uncertain;
    options.seed = 1;
    return Sender(std::make_unique<FakeTarget>(&engine_), MakeSpool(limits), options, clock_.Get());
  }

  FakeTarget::State engine_;
};

TEST_F(SendTest, EachIsDeliveredOnceInTheOrderOfItsAge) {
  Sender sender = MakeSender();
  for (const char* id : {"b", "a", "c"}) {
    sender.Add(MakeItem(id));
    clock_.Pass(1);
  }
  sender.Add(MakeItem("a"));
  EXPECT_LT(sender.Work(10), 0);
  EXPECT_THAT(Ids(engine_.delivered), ElementsAre("b", "a", "c"));
  EXPECT_THAT(ListDir(folder_), ElementsAre("lock"));
}

TEST_F(SendTest, FailuresAreWaitedForLongerAndLonger) {
  engine_.outcomes.assign(8, kRetry);
  Sender sender = MakeSender();
  sender.Add(MakeItem("a"));
  double longest = 1;
  for (int i = 0; i < 8; ++i) {
    const double wait = sender.Work(10);
    EXPECT_GE(wait, longest / 2 - 0.01);
    EXPECT_LE(wait, longest);
    EXPECT_EQ(engine_.calls, static_cast<size_t>(i + 1));
    clock_.Pass(wait * 0.9);
    EXPECT_GT(sender.Work(10), 0) << "not before its time";
    EXPECT_EQ(engine_.calls, static_cast<size_t>(i + 1));
    clock_.Set(i % 2 == 0 ? 1e6 : -1e6);  // nor because of the clock
    clock_.Pass(wait * 0.11);
    longest = std::min(60., 2 * longest);
  }
  EXPECT_LT(sender.Work(10), 0);
  EXPECT_EQ(engine_.delivered.size(), 1);
  EXPECT_EQ(sender.figures().retries, 8);
}

TEST_F(SendTest, TheEngineMayAskForMorePatience) {
  engine_.outcomes = {Of(Outcome::Kind::kRetry, 120), Of(Outcome::Kind::kRetry, 1e9)};
  Sender sender = MakeSender();
  sender.Add(MakeItem("a"));
  EXPECT_NEAR(sender.Work(10), 120, 0.001);
  clock_.Pass(121);
  EXPECT_NEAR(sender.Work(10), 3600, 0.001);
}

TEST_F(SendTest, AFolderThatCannotBeChangedIsWaitedFor) {
  Sender sender = MakeSender();
  sender.Add(MakeItem("a"));
  std::string blocked = folder_ + "/" + ListDir(folder_)[0];
  blocked.replace(blocked.rfind('.'), std::string::npos, ".sending");
  ASSERT_EQ(mkdir(blocked.c_str(), 0700), 0);
  EXPECT_GT(sender.Work(10), 0);
  EXPECT_EQ(engine_.calls, 0);
  ASSERT_EQ(rmdir(blocked.c_str()), 0);
  clock_.Pass(2);
  sender.Work(10);
  EXPECT_EQ(engine_.delivered.size(), 1);
}

TEST_F(SendTest, OneThatTheEngineChokesOnDoesNotKeepTheOthers) {
  engine_.outcomes = {kRetry};
  Sender sender = MakeSender();
  sender.Add(MakeItem("a"));
  clock_.Pass(1);
  sender.Add(MakeItem("b"));
  clock_.Pass(sender.Work(10) + 0.001);
  sender.Work(10);
  EXPECT_THAT(Ids(engine_.delivered), ElementsAre("b", "a"));
}

TEST_F(SendTest, WhatIsRefusedIsNotSentAgain) {
  engine_.outcomes = {Of(Outcome::Kind::kRefused)};
  {
    Sender sender = MakeSender();
    sender.Add(MakeItem("a"));
    sender.Add(MakeItem("b"));
    EXPECT_LT(sender.Work(10), 0) << "the next at once";
    EXPECT_THAT(Ids(engine_.delivered), ElementsAre("b"));
  }
  {
    Sender sender = MakeSender();
    sender.Work(10);
    EXPECT_EQ(engine_.calls, 2);
    EXPECT_EQ(sender.spool().count(SpoolState::kRefused), 1);
  }
  tools::send::SenderOptions options;
  options.retry_refused = true;
  Sender sender(std::make_unique<FakeTarget>(&engine_), MakeSpool(), options, clock_.Get());
  sender.Work(10);
  EXPECT_THAT(Ids(engine_.delivered), ElementsAre("b", "a"));
}

TEST_F(SendTest, WhatMayHaveArrivedIsSetAsideUnlessTwiceIsOnce) {
  for (const bool once : {false, true}) {
    engine_.is_idempotent = once;
    engine_.delivered.clear();
    engine_.outcomes = {Of(Outcome::Kind::kUncertain)};
    Sender sender = MakeSender();
    sender.Add(MakeItem(once ? "a" : "b"));
    const double wait = sender.Work(10);
    clock_.Pass(wait < 0 ? 2 : wait + 0.001);
    sender.Work(10);
    if (once) {
      EXPECT_THAT(Ids(engine_.delivered), testing::UnorderedElementsAre("a", "b"));
    } else {
      EXPECT_THAT(Ids(engine_.delivered), ElementsAre());
    }
  }
}

TEST_F(SendTest, WhatADyingSenderHadInItsHandIsUncertain) {
  {
    const auto spool = MakeSpool();
    spool->Add(MakeItem("a"));
    ASSERT_TRUE(spool->Take());
  }
  {
    Sender sender = MakeSender();
    EXPECT_LT(sender.Work(10), 0);
    EXPECT_EQ(engine_.calls, 0);
    EXPECT_EQ(sender.spool().count(SpoolState::kUncertain), 1);
  }
  Sender sender = MakeSender({}, /*retry_uncertain=*/true);
  sender.Work(10);
  EXPECT_THAT(Ids(engine_.delivered), ElementsAre("a"));
}

TEST_F(SendTest, StartsAreCorrectedWhenTheClockIsSet) {
  engine_.max_age_ns = 3600 * kSecond;
  engine_.max_ahead_ns = 600 * kSecond;
  Sender sender = MakeSender();
  const pb::Profile made = MakeProfile();
  Item item = MakeItem("a", clock_.moment.wall_ns - kSecond);
  item.bytes = made.SerializeAsString();
  sender.Add(item);
  item.id = "b";
  item.bytes = Gzip(item.bytes);
  sender.Add(item);
  clock_.Pass(10);
  clock_.Set(-86400 * 365.);
  sender.Work(10);
  ASSERT_EQ(engine_.delivered.size(), 2);
  const int64_t expected = clock_.moment.wall_ns - 11 * kSecond;
  pb::Profile plain;
  ASSERT_TRUE(plain.ParseFromString(engine_.delivered[0].bytes));
  EXPECT_EQ(plain.time_nanos(), expected);
  EXPECT_EQ(plain.sample_size(), made.sample_size());
  EXPECT_EQ(engine_.delivered[1].start_ns, expected);
}

TEST_F(SendTest, TimesOfFilesMayBeAnything) {
  Sender sender = MakeSender();
  for (const int64_t odd : {INT64_MIN, INT64_MAX}) {
    Item item = MakeItem(odd < 0 ? "a" : "b", odd);
    item.duration_ns = odd;
    sender.Add(item);
  }
  sender.Work(1);
  ASSERT_EQ(engine_.delivered.size(), 2u);
  for (const Item& item : engine_.delivered) {
    int64_t end;
    EXPECT_FALSE(__builtin_add_overflow(item.start_ns, item.duration_ns, &end));
    EXPECT_GE(item.start_ns, 0);
  }
}

TEST_F(SendTest, WhatTheEngineWouldFindTooOldIsSetAside) {
  engine_.max_age_ns = 3600 * kSecond;
  Sender sender = MakeSender();
  sender.Add(MakeItem("a", clock_.moment.wall_ns));
  clock_.Pass(3601);
  EXPECT_LT(sender.Work(10), 0);
  EXPECT_EQ(engine_.calls, 0);
  EXPECT_THAT(sender.figures().last_error, HasSubstr("older"));
}

TEST_F(SendTest, FilesOfAFolderHoldTheLabelsAsComments) {
  Sender sender(tools::send::MakeTarget("dir:" + (dir_ / "out")),
                std::make_unique<Spool>("", SpoolLimits(), clock_.Get()), {}, clock_.Get());
  Item item = MakeItem("0123456789abcdef0123456789abcdef", 1'700'000'000 * kSecond);
  item.bytes = Gzip(MakeProfile().SerializeAsString());
  sender.Add(item);
  Item broken = item;
  broken.bytes = "no profile";
  sender.Add(broken);
  EXPECT_LT(sender.Work(10), 0);
  EXPECT_EQ(sender.figures().unreadable, 1);
  const std::string name = "shop.20231114T221320Z.0123456789abcdef0123456789abcdef.heap.pb.gz";
  ASSERT_THAT(ListDir(dir_ / "out"), ElementsAre(name));
  EXPECT_THAT(RunCommand({"info", dir_ / ("out/" + name)}).out, HasSubstr("label.service: shop"));
}

}  // namespace
}  // namespace heapprof::test
