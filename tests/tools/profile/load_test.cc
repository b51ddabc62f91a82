// SPDX-License-Identifier: Apache-2.0
// Profiles in memory: from profile.proto in any order of its fields, and from the text forms.
#include "tools/profile/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"
#include "tools/base/failure.h"

namespace heapprof::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tools::LoadProfile;
using tools::Profile;

Profile LoadText(const std::string& text) {
  TempDir dir;
  WriteFile(dir / "p", text);
  return LoadProfile(dir / "p");
}

std::vector<int64_t> Values(const Profile& profile, size_t sample) {
  const auto values = profile.values_of(sample);
  return {values.begin(), values.end()};
}

std::vector<uint64_t> Addresses(const Profile& profile, size_t sample) {
  std::vector<uint64_t> addresses;
  for (const uint32_t location : profile.stack(profile.samples[sample])) {
    addresses.push_back(profile.locations[location].address);
  }
  return addresses;
}

TEST(Load, KeepsEveryPartOfAProfile) {
  const Profile profile = LoadText(Gzip(MakeProfile().SerializeAsString()));
  ASSERT_EQ(profile.samples.size(), 2u);
  EXPECT_THAT(Values(profile, 0), ElementsAre(1, 2048, 1, 2048));
  EXPECT_THAT(Values(profile, 1), ElementsAre(2, 4096, 0, 0));
  EXPECT_THAT(Addresses(profile, 0), ElementsAre(0x401001, 0x401002));
  const auto labels = profile.labels_of(profile.samples[1]);
  ASSERT_EQ(labels.size(), 1u);
  EXPECT_EQ(profile.text(labels[0].key), "bytes");
  EXPECT_EQ(labels[0].num, 2048);
  ASSERT_EQ(profile.mappings.size(), 1u);
  EXPECT_EQ(profile.text(profile.mappings[0].build_id), "0123456789abcdef");
  const uint32_t leaf = profile.stack(profile.samples[0])[0];
  ASSERT_EQ(profile.locations[leaf].line_count, 1u);
  const uint32_t function = profile.lines_of(profile.locations[leaf])[0].function;
  EXPECT_EQ(profile.text(profile.functions[function].name), "Work");
  EXPECT_EQ(tools::FindSampleType(profile, ""), 3u);
  EXPECT_EQ(tools::FindSampleType(profile, "alloc_space"), 1u);
}

TEST(Load, TakesMessagesInAnyOrderAndIdsOfAnySize) {
  pb::Profile made = MakeProfile();
  pb::Mapping* second = made.add_mapping();
  second->set_id(UINT64_MAX);
  second->set_filename(Intern(&made, "/usr/lib/second.so"));
  pb::Location* far = made.add_location();
  far->set_id(uint64_t{1} << 40);
  far->set_mapping_id(UINT64_MAX);
  far->set_address(0x999);
  made.mutable_sample(0)->add_location_id(uint64_t{1} << 40);
  // Two messages end to end are one, so that locations come before the mappings.
  pb::Profile first = made, rest = made;
  first.clear_mapping();
  first.clear_string_table();
  rest.Clear();
  *rest.mutable_mapping() = made.mapping();
  *rest.mutable_string_table() = made.string_table();
  const Profile profile = LoadText(first.SerializeAsString() + rest.SerializeAsString());
  EXPECT_THAT(Addresses(profile, 0), ElementsAre(0x401001, 0x401002, 0x999));
  ASSERT_EQ(profile.mappings.size(), 2u);
  EXPECT_EQ(profile.text(profile.mappings[0].filename), "/usr/bin/program");
  const uint32_t root = profile.stack(profile.samples[0])[2];
  EXPECT_EQ(profile.locations[root].mapping, 1u);
}

TEST(Load, LeavesOutDroppedFramesAndWhatIsBelowThem) {
  pb::Profile made = MakeProfile();  // drop_frames is malloc|calloc
  made.mutable_function(0)->set_name(Intern(&made, "malloc(unsigned long)"));
  EXPECT_THAT(Addresses(LoadText(made.SerializeAsString()), 0), ElementsAre(0x401002));
  // At the root end nothing of the user's is above: such frames stay.
  made.mutable_sample(0)->clear_location_id();
  made.mutable_sample(0)->add_location_id(1);
  EXPECT_THAT(Addresses(LoadText(made.SerializeAsString()), 0), ElementsAre(0x401001));
  made.set_keep_frames(Intern(&made, "mall.*"));
  EXPECT_THAT(Addresses(LoadText(made.SerializeAsString()), 1), ElementsAre(0x401001, 0x401002));
  // Template arguments may be in the expression or not, a return type never is.
  made.set_keep_frames(0);
  for (const char* expression : {"std::__new_allocator::allocate", "std::__new_allocator<.*>::allocate"}) {
    pb::Profile of_template = made;
    of_template.set_drop_frames(Intern(&of_template, expression));
    of_template.mutable_sample(0)->add_location_id(2);
    of_template.mutable_function(0)->set_name(Intern(
        &of_template, "std::__new_allocator<std::pair<int, char> >::allocate(unsigned long, void const*)"));
    EXPECT_THAT(Addresses(LoadText(of_template.SerializeAsString()), 0), ElementsAre(0x401002)) << expression;
  }
  made.set_drop_frames(Intern(&made, "("));
  EXPECT_THROW(LoadText(made.SerializeAsString()), tools::Failure);
}

TEST(Load, BoundsTheMemoryThatEmptyMessagesTake) {
  pb::Profile made = MakeProfile();
  for (uint64_t id = 10; id < 100'000; ++id) made.add_function()->set_id(id);
  TempDir dir;
  WriteFile(dir / "p", made.SerializeAsString());
  tools::LoadOptions options;
  options.max_bytes = 2 << 20;
  try {
    LoadProfile(dir / "p", options);
    FAIL() << "took more memory than it may";
  } catch (const tools::Failure& failure) {
    EXPECT_THAT(failure.what(), HasSubstr("--max-size"));
  }
}

TEST(LegacyLoad, ScalesTheSamplesOfGperftools) {
  const Profile profile = LoadText(
      "heap profile:    3:   3072 [    5:   5120] @ heap/1048576\n"
      "     3:     3072 [     5:     5120] @ 0x401001 0x7f0000001001\n"
      "# a comment\n"
      "     0:        0 [     1: 2097152] @ 0x401001\n"
      "\nMAPPED_LIBRARIES:\n"
      "00400000-00500000 r-xp 00001000 08:01 123    /usr/bin/program\n"
      "00500000-00600000 rw-p 00000000 08:01 123    /usr/bin/program\n"
      "7f0000000000-7f0000100000 r-xp 00000000 08:01 124    /usr/lib/with space.so\n");
  ASSERT_EQ(profile.type_count(), 4u);
  EXPECT_EQ(profile.header.period, 524288);
  // 1 / (1 - exp(-1024 / 524288)) = 512.5; a block of four intervals stands for 1.0187.
  EXPECT_THAT(Values(profile, 0), ElementsAre(2562, 2624000, 1537, 1574400));
  EXPECT_THAT(Values(profile, 1), ElementsAre(1, 2136279, 0, 0));
  EXPECT_THAT(Addresses(profile, 0), ElementsAre(0x401000, 0x7f0000001000));
  ASSERT_EQ(profile.mappings.size(), 2u);
  const uint32_t root = profile.stack(profile.samples[0])[1];
  EXPECT_EQ(profile.text(profile.mappings[profile.locations[root].mapping].filename),
            "/usr/lib/with space.so");
  EXPECT_EQ(profile.mappings[0].offset, 0x1000u);
  EXPECT_EQ(tools::FindSampleType(profile, ""), 3u);
}

TEST(LegacyLoad, TakesTheAllThreadsLinesOfJemalloc) {
  const Profile profile = LoadText(
      "heap_v2/524288\n"
      "  t*: 3: 3072 [0: 0]\n"
      "  t0: 3: 3072 [0: 0]\n"
      "@ 0x401001 0x401101\n"
      "  t*: 3: 3072 [0: 0]\n"
      "  t0: 3: 3072 [0: 0]\n"
      "\nMAPPED_LIBRARIES:\n");
  ASSERT_EQ(profile.samples.size(), 1u);
  EXPECT_THAT(Values(profile, 0), ElementsAre(1537, 1574400, 1537, 1574400));
  EXPECT_THAT(Addresses(profile, 0), ElementsAre(0x401000, 0x401100));
}

TEST(LegacyLoad, LeavesCountsThatAreNotSampledAsTheyAre) {
  const Profile profile = LoadText(
      "heap profile: 1: 2097152 [ 1: 2097152] @ growthz\n"
      " 1: 2097152 [ 1: 2097152] @ 0xb83003\n"
      "--- Memory map: ---\n"
      "  source=/home\n"
      "  00b00000-00c00000: $source/program\n");
  ASSERT_EQ(profile.type_count(), 2u);
  EXPECT_THAT(Values(profile, 0), ElementsAre(1, 2097152));
  ASSERT_EQ(profile.mappings.size(), 1u);
  EXPECT_EQ(profile.text(profile.mappings[0].filename), "/home/program");
}

TEST(LegacyLoad, NamesTheLineThatIsWrong) {
  for (const std::string& text :
       {std::string("heap profile: 1: 2 [1: 2] @ heap/1024\nnonsense\n"),
        std::string("heap profile: 1: 2 [1: 2] @ heap/1024\n1: 2 [1: 2] @ 0xzz\n"),
        std::string("heap_v2/1024\n@ 0x1\nnonsense\n"),
        std::string("heap profile: 1: 2 [1: 2] @ heap/1024\n0: 2 [0: 0] @ 0x1\n")}) {
    try {
      LoadText(text);
      ADD_FAILURE() << text;
    } catch (const tools::Failure& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("line ")) << text;
    }
  }
}

// pprof takes a header without an interval as one of unscaled figures, and refuses what it does not know.
TEST(LegacyLoad, AHeaderWithoutAnIntervalIsSaid) {
  const std::string rest = "\n1: 2000 [1: 2000] @ 0x1000\n";
  for (const char* kind :
       {"heap", "heap/", "heap_v2", "heap_v2/", "heapz_v2", "heap_v2/0", "heap_v2/-5", "heap_v2/x"}) {
    testing::internal::CaptureStderr();
    const tools::Profile profile = LoadText("heap profile: 1: 2000 [1: 2000] @ " + std::string(kind) + rest);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(" names no sampling interval: ")) << kind;
    EXPECT_EQ(profile.values_of(0)[1], 2000) << kind;
    EXPECT_EQ(profile.header.period, 0) << kind;
  }
  for (const char* kind : {"", "heapfoo/1", "heap_v3/524288", "contention", "/524288"}) {
    try {
      LoadText("heap profile: 1: 2000 [1: 2000] @ " + std::string(kind) + rest);
      ADD_FAILURE() << kind;
    } catch (const tools::Failure& failure) {
      EXPECT_THAT(failure.what(), HasSubstr("line 1 of the text profile does not say behind its '@' what"))
          << kind;
    }
  }
  for (const char* kind : {"heapprofile", "growthz", "growth", "fragmentationz", "heap_v2/524288 more"}) {
    testing::internal::CaptureStderr();
    LoadText("heap profile: 1: 2000 [1: 2000] @ " + std::string(kind) + rest);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << kind;
  }
}

}  // namespace
}  // namespace heapprof::test
