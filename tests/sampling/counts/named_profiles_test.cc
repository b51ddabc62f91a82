// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/named_profiles.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/memory/arena.h"
#include "sampling/thread/labels.h"

namespace heapprof {
namespace {

const void* Key(uintptr_t number) { return reinterpret_cast<const void*>(number); }

class NamedProfilesTest : public testing::Test {
 protected:
  NamedProfile* Make(const char* name) {
    NamedProfile* profile = nullptr;
    EXPECT_EQ(profiles_.Make(name, &profile), 0);
    return profile;
  }
  __attribute__((noinline)) int AddHere(NamedProfile* profile, const void* key, size_t skip = 0) {
    return profiles_.Add(profile, key, skip, HEAPPROF_CALLER_FRAME());
  }
  __attribute__((noinline)) int AddValueHere(NamedProfile* profile, const void* key, int64_t count,
                                             int64_t amount, const char* unit = "bytes") {
    return profiles_.AddValue(profile, key, 0, {count, amount, unit}, HEAPPROF_CALLER_FRAME());
  }
  // Counts and amounts over all stacks.
  using Sums = std::pair<int64_t, int64_t>;
  static Sums SumOf(const NamedProfile& profile) {
    Sums sums = {0, 0};
    const StackValues* values = profile.values.load();
    for (uint32_t id = 1; values != nullptr && id <= profile.counts.load()->count(); ++id) {
      const StackValue value = values->Read(id);
      sums = {sums.first + value.count, sums.second + value.amount};
    }
    return sums;
  }

  NamedProfiles profiles_;
};

TEST_F(NamedProfilesTest, NamesAreNotEmptyNotTooLongAndNotTaken) {
  NamedProfile* profile = nullptr;
  EXPECT_EQ(profiles_.Make("", &profile), -EINVAL);
  EXPECT_EQ(profiles_.Make(nullptr, &profile), -EINVAL);
  EXPECT_EQ(profiles_.Make(std::string(64, 'x').c_str(), &profile), -EINVAL);
  for (const char* taken : {"heap", "allocs", "memory", "peak", "growth", "lifetimes", "threadcreate",
                            "threads", "goroutine", "cpu"})
    EXPECT_EQ(profiles_.Make(taken, &profile), -EEXIST);
  EXPECT_EQ(profile, nullptr);
  NamedProfile* made = Make("names.made");
  EXPECT_STREQ(made->name, "names.made");
  EXPECT_EQ(profiles_.Make("names.made", &profile), -EEXIST);
  EXPECT_EQ(profiles_.Lookup("names.made"), made);
  EXPECT_EQ(profiles_.Lookup("names.absent"), nullptr);
  EXPECT_EQ(profiles_.Lookup("cpu"), nullptr);
}

TEST_F(NamedProfilesTest, TheListIsSortedAndTellsItsLength) {
  Make("list.b");
  Make("list.a");
  NamedProfile* all[kMaxProfiles];
  size_t count = profiles_.List(all, kMaxProfiles);
  ASSERT_EQ(count, 12u);
  for (size_t i = 1; i < count; ++i) EXPECT_LT(std::string(all[i - 1]->name), all[i]->name);
  NamedProfile* some[2] = {nullptr, nullptr};
  EXPECT_EQ(profiles_.List(some, 1), count);
  EXPECT_EQ(some[0], all[0]);
  EXPECT_EQ(some[1], nullptr);
}

TEST_F(NamedProfilesTest, KeysAreInOnceAndTakenOutByName) {
  NamedProfile* profile = Make("keys");
  EXPECT_EQ(AddHere(profile, Key(1)), 0);
  EXPECT_EQ(AddHere(profile, Key(1)), -EEXIST);
  EXPECT_EQ(AddHere(profile, nullptr), 0);
  EXPECT_EQ(AddHere(profile, nullptr), -EEXIST);
  EXPECT_EQ(ProfileCount(*profile), 2u);
  EXPECT_EQ(profiles_.Remove(profile, Key(3)), 0);
  EXPECT_EQ(profiles_.Remove(profile, Key(1)), 0);
  EXPECT_EQ(profiles_.Remove(profile, Key(1)), 0);
  EXPECT_EQ(ProfileCount(*profile), 1u);
  EXPECT_EQ(AddHere(profile, Key(1)), 0);
  EXPECT_EQ(ProfileCount(*profile), 2u);
}

TEST_F(NamedProfilesTest, BuiltInOnesTakeNoKeys) {
  for (const char* name :
       {"heap", "allocs", "memory", "peak", "growth", "lifetimes", "threadcreate", "threads"}) {
    EXPECT_EQ(AddHere(profiles_.Lookup(name), Key(1)), -EPERM);
    EXPECT_EQ(profiles_.Remove(profiles_.Lookup(name), Key(1)), -EPERM);
  }
}

// Against a table as simple as can be, through growth and removals.
TEST_F(NamedProfilesTest, ManyKeysComeAndGo) {
  NamedProfile* profile = Make("many");
  std::vector<bool> there(5000, false);
  uint64_t state = 1, count = 0;
  for (int i = 0; i < 100'000; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    size_t key = (state >> 33) % there.size();
    if ((state >> 60) % 2 == 0) {
      ASSERT_EQ(AddHere(profile, Key(key)), there[key] ? -EEXIST : 0);
      count += !there[key];
      there[key] = true;
    } else {
      ASSERT_EQ(profiles_.Remove(profile, Key(key)), 0);
      count -= there[key];
      there[key] = false;
    }
    ASSERT_EQ(ProfileCount(*profile), count);
  }
}

TEST_F(NamedProfilesTest, ValuesAreWhatIsInByStack) {
  NamedProfile* profile = Make("values");
  for (uintptr_t i = 0; i < 10; ++i) ASSERT_EQ(AddHere(profile, Key(i)), 0);
  ASSERT_EQ(AddHere(profile, Key(100)), 0);
  for (uintptr_t i = 0; i < 4; ++i) ASSERT_EQ(profiles_.Remove(profile, Key(i)), 0);
  StackCounts* counts = profile->counts.load();
  std::vector<uint64_t> values;
  for (uint32_t id = 2; id <= counts->count(); ++id) values.push_back(ValueOf(counts->at(id)));
  EXPECT_EQ(values, (std::vector<uint64_t>{6, 1}));
}

TEST_F(NamedProfilesTest, SkipLeavesOutTheFirstFrames) {
  NamedProfile* profile = Make("skip");
  for (size_t skip : {0, 1, 1000}) ASSERT_EQ(AddHere(profile, Key(skip), skip), 0);
  StackCounts* counts = profile->counts.load();
  ASSERT_EQ(counts->count(), 4u);
  const CountedStack &all = counts->at(2), &less = counts->at(3), &none = counts->at(4);
  ASSERT_EQ(less.depth, all.depth - 1);
  EXPECT_EQ(none.depth, 0u);
  for (uint32_t i = 0; i < less.depth; ++i) {
    EXPECT_EQ(counts->LocationsOf(less)[i], counts->LocationsOf(all)[i + 1]);
  }
}

TEST_F(NamedProfilesTest, ThreadsMayAddAndRemoveAtOnce) {
  NamedProfile* profile = Make("many.threads");
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, profile, t] {
      for (uintptr_t i = 0; i < 5000; ++i) {
        ASSERT_EQ(AddHere(profile, Key(i * 4 + t)), 0);
        if (i % 2 == 0) {
          ASSERT_EQ(profiles_.Remove(profile, Key(i * 4 + t)), 0);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ProfileCount(*profile), 10'000u);
}

TEST_F(NamedProfilesTest, ValuesThatAreRefusedLeaveTheProfileAsItIs) {
  NamedProfile* profile = Make("refused");
  const std::string longest(63, 'u'), too_long(64, 'u');
  EXPECT_EQ(AddValueHere(profile, Key(1), -1, 1), -EINVAL);
  EXPECT_EQ(AddValueHere(profile, Key(1), 1, -1), -EINVAL);
  EXPECT_EQ(AddValueHere(profile, Key(1), INT64_MIN, 1), -EINVAL);
  for (const char* unit : {static_cast<const char*>(nullptr), "", "\xff", too_long.c_str()})
    EXPECT_EQ(AddValueHere(profile, Key(1), 1, 1, unit), -EINVAL);
  EXPECT_EQ(AddValueHere(profiles_.Lookup("heap"), Key(1), 1, 1), -EPERM);
  EXPECT_EQ(profile->values.load(), nullptr);
  EXPECT_EQ(ProfileCount(*profile), 0u);

  EXPECT_EQ(AddValueHere(profile, Key(1), 1, 1, longest.c_str()), 0);
  EXPECT_STREQ(profile->unit, longest.c_str());
  EXPECT_EQ(AddValueHere(profile, Key(1), 1, 1, longest.c_str()), -EEXIST);
  EXPECT_EQ(AddHere(profile, Key(1)), -EEXIST);
  EXPECT_EQ(AddValueHere(profile, Key(2), 1, 1, "bytes"), -EINVAL);
  EXPECT_EQ(SumOf(*profile), (Sums{1, 1}));
}

TEST_F(NamedProfilesTest, TheFirstKeyThatIsAddedFixesTheUnit) {
  NamedProfile* profile = Make("unit");
  ASSERT_EQ(AddHere(profile, Key(1)), 0);
  EXPECT_EQ(AddValueHere(profile, Key(1), 1, 1, "handles"), -EEXIST);
  EXPECT_EQ(AddValueHere(profile, Key(2), 1, 1, "bytes"), 0);
  EXPECT_EQ(AddValueHere(profile, Key(3), 1, 1, "handles"), -EINVAL);
  // For good.
  EXPECT_EQ(profiles_.Remove(profile, Key(2)), 0);
  EXPECT_EQ(AddValueHere(profile, Key(3), 1, 1, "handles"), -EINVAL);
}

TEST_F(NamedProfilesTest, RemoveTakesTheValueOutThatTheKeyCameWith) {
  NamedProfile* profile = Make("values.removed");
  ASSERT_EQ(AddHere(profile, Key(1)), 0);
  ASSERT_EQ(AddValueHere(profile, Key(2), 5, INT64_MAX), 0);
  ASSERT_EQ(AddValueHere(profile, Key(3), 0, 0), 0);
  ASSERT_EQ(AddValueHere(profile, Key(4), 1, 64), 0);
  EXPECT_EQ(ProfileCount(*profile), 4u);
  EXPECT_EQ(profiles_.Remove(profile, Key(2)), 0);
  EXPECT_EQ(profiles_.Remove(profile, Key(2)), 0);
  EXPECT_EQ(profiles_.Remove(profile, Key(3)), 0);
  EXPECT_EQ(SumOf(*profile), (Sums{1, 64}));
  EXPECT_EQ(profiles_.Remove(profile, Key(1)), 0);
  EXPECT_EQ(SumOf(*profile), (Sums{1, 64}));
  EXPECT_EQ(profiles_.Remove(profile, Key(4)), 0);
  EXPECT_EQ(SumOf(*profile), (Sums{0, 0}));
  EXPECT_EQ(ProfileCount(*profile), 0u);
  EXPECT_EQ(AddValueHere(profile, Key(2), 2, 32), 0);
  EXPECT_EQ(SumOf(*profile), (Sums{2, 32}));
}

// Against sums as simple as can be, through growth and removals, with keys that have no value among them.
TEST_F(NamedProfilesTest, ManyValuesComeAndGo) {
  NamedProfile* profile = Make("values.many");
  std::vector<int64_t> there(3000, -1);
  Sums sum = {0, 0};
  uint64_t state = 1;
  for (int i = 0; i < 60'000; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    const size_t key = (state >> 33) % there.size();
    const auto amount = static_cast<int64_t>((state >> 20) % 1000);
    if ((state >> 60) % 2 != 0) {
      ASSERT_EQ(profiles_.Remove(profile, Key(key)), 0);
      if (there[key] > 0) sum = {sum.first - 1, sum.second - there[key]};
      there[key] = -1;
    } else if (there[key] >= 0) {
      ASSERT_EQ(AddValueHere(profile, Key(key), 1, amount), -EEXIST);
    } else if (amount == 0 || i < 500) {
      ASSERT_EQ(AddHere(profile, Key(key)), 0);
      there[key] = 0;
    } else {
      ASSERT_EQ(AddValueHere(profile, Key(key), 1, amount), 0);
      sum = {sum.first + 1, sum.second + amount};
      there[key] = amount;
    }
  }
  EXPECT_EQ(SumOf(*profile), sum);
}

TEST_F(NamedProfilesTest, WithoutMemoryNoUnitIsFixed) {
  NamedProfile* profile = Make("values.no memory");
  ASSERT_EQ(AddHere(profile, Key(1)), 0);
  SetMetadataLimit(MetadataBytes());
  EXPECT_EQ(AddValueHere(profile, Key(2), 1, 1, "handles"), -ENOMEM);
  SetMetadataLimit(UINT64_MAX);
  EXPECT_EQ(profile->values.load(), nullptr);
  EXPECT_EQ(ProfileCount(*profile), 1u);
  EXPECT_EQ(AddValueHere(profile, Key(2), 1, 1, "bytes"), 0);
}

// Totals stay right.
TEST_F(NamedProfilesTest, ValuesWithoutMemoryOfTheirOwnGoToTheOverflowEntry) {
  NamedProfile* other = Make("values.overflow");
  for (uintptr_t i = 0; i < 300; ++i) {
    ASSERT_EQ(SetLabel("overflow", std::to_string(i).c_str()), 0);
    ASSERT_EQ(AddHere(other, Key(i)), 0);
    if (i < 2) ASSERT_EQ(AddValueHere(other, Key(1000 + i), 1, 10), 0);
  }
  const uint32_t before = other->counts.load()->count();
  ASSERT_GT(before, 256u);  // beyond the chunk in which there are values
  SetMetadataLimit(MetadataBytes());
  EXPECT_EQ(AddValueHere(other, Key(2000), 1, 70), 0);
  EXPECT_EQ(AddValueHere(other, Key(2001), 2, 700), 0);
  EXPECT_EQ(other->counts.load()->count(), before + 2) << "the stacks found room";
  EXPECT_EQ(other->values.load()->Read(StackCounts::kOverflow).count, 3);
  EXPECT_EQ(other->values.load()->Read(StackCounts::kOverflow).amount, 770);
  EXPECT_EQ(profiles_.Remove(other, Key(2001)), 0);
  EXPECT_EQ(SumOf(*other), (Sums{3, 90}));
  SetMetadataLimit(UINT64_MAX);
  ASSERT_EQ(SetLabel("overflow", nullptr), 0);
}

TEST_F(NamedProfilesTest, ThreadsMayAddAndRemoveValuesAtOnceWhileOthersRead) {
  NamedProfile* profile = Make("values.threads");
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  // All blocks have one size, so each stack's sums belong together at any moment.
  std::thread reader([&] {
    while (!stop) {
      const Sums sums = SumOf(*profile);
      if (sums.second != sums.first * 48) ++wrong;
    }
  });
  std::vector<std::thread> threads;
  for (uintptr_t t = 0; t < 3; ++t) {
    threads.emplace_back([this, profile, t] {
      for (uintptr_t i = 0; i < 3000; ++i) {
        ASSERT_EQ(AddValueHere(profile, Key(i * 3 + t), 1, 48), 0);
        if (i % 2 == 0) {
          ASSERT_EQ(profiles_.Remove(profile, Key(i * 3 + t)), 0);
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(SumOf(*profile), (Sums{4500, 4500 * 48}));
}

}  // namespace
}  // namespace heapprof
