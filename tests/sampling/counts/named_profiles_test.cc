// SPDX-License-Identifier: Apache-2.0
#include "sampling/counts/named_profiles.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

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

  NamedProfiles profiles_;
};

TEST_F(NamedProfilesTest, NamesAreNotEmptyNotTooLongAndNotTaken) {
  NamedProfile* profile = nullptr;
  EXPECT_EQ(profiles_.Make("", &profile), -EINVAL);
  EXPECT_EQ(profiles_.Make(nullptr, &profile), -EINVAL);
  EXPECT_EQ(profiles_.Make(std::string(64, 'x').c_str(), &profile), -EINVAL);
  for (const char* taken : {"heap", "allocs", "threadcreate", "cpu"})
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
  ASSERT_EQ(count, 5u);
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
  for (const char* name : {"heap", "allocs", "threadcreate"}) {
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
  NamedProfile* profile = Make("threads");
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

}  // namespace
}  // namespace heapprof
