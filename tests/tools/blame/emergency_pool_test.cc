// SPDX-License-Identifier: Apache-2.0
// The reserve of libstdc++ is told by what it is, has a name, and is not the first line of a page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const char kPool[] = "[libstdc++: emergency pool]";

// Work holds 2048 bytes; code of libstdc++ (location 12), called by the loader (13), holds 72704.
class EmergencyPool : public testing::Test {
 protected:
  EmergencyPool() : profile_(MakeProfile()) {
    AddModule(2, "/lib/libstdc++.so.6.0.30", 0x7f0000000000);
    AddModule(3, "/lib/ld-linux-x86-64.so.2", 0x7f0000100000);
    pb::Sample* sample = profile_.add_sample();
    for (const uint64_t id : {12, 13}) sample->add_location_id(id);
    for (const int64_t value : {1, 72704, 1, 72704}) sample->add_value(value);
    pb::Label* label = sample->add_label();
    label->set_key(Intern(&profile_, "bytes"));
    label->set_num(72704);
  }

  // Mapping `id` with a location of it that has no name, which is 10 + `id`.
  void AddModule(uint64_t id, const char* path, uint64_t address) {
    pb::Mapping* mapping = profile_.add_mapping();
    mapping->set_id(id);
    mapping->set_memory_start(address);
    mapping->set_memory_limit(address + 0x1000);
    mapping->set_filename(Intern(&profile_, path));
    pb::Location* location = profile_.add_location();
    location->set_id(id + 10);
    location->set_mapping_id(id);
    location->set_address(address + 1);
  }

  Result Run(std::vector<std::string> words) {
    WriteFile(dir_ / "p", profile_.SerializeAsString());
    words.push_back(dir_ / "p");
    return RunCommand(words);
  }

  TempDir dir_;
  pb::Profile profile_;
};

TEST_F(EmergencyPool, IsNamedAndStandsBehindFunctions) {
  for (const char* symbolize : {"--no-debuginfod", "--no-symbolize"}) {
    const Result top = Run({"top", symbolize});
    EXPECT_LT(top.out.find("Work\n"), top.out.find(kPool)) << top.out;
    EXPECT_THAT(top.out, HasSubstr("[libstdc++: ...] a reserve of every process"));
    // Nobody misses names of a library of which nothing else is there.
    EXPECT_THAT(top.err, Not(HasSubstr("libstdc++")));
  }
  EXPECT_THAT(Run({"folded"}).out, HasSubstr(std::string(kPool) + " 72704\n"));
  EXPECT_THAT(Run({"top", "--json", "--limit", "1"}).out, HasSubstr(std::string("{\"name\": \"") + kPool))
      << "JSON keeps to the order";
}

TEST_F(EmergencyPool, KeepsItsPlaceWhereItIsNotTheFirst) {
  for (int i = 0; i < 4; ++i) profile_.mutable_sample(0)->set_value(i, i % 2 == 0 ? 1 : 80000);
  const std::string out = Run({"top"}).out;
  EXPECT_LT(out.find("Work\n"), out.find(kPool)) << out;
  EXPECT_THAT(out, Not(HasSubstr("a reserve of every process")));
}

// A program that has ended holds next to nothing.
TEST_F(EmergencyPool, WithLittleElseInUseTheOtherTypeIsNamed) {
  const std::string note = "Little is in use: --type alloc_space";
  EXPECT_THAT(Run({"top"}).out, HasSubstr(note));
  EXPECT_THAT(Run({"top", "--type", "inuse_space"}).out, Not(HasSubstr(note)));
  profile_.set_period(1);  // what there is is certain
  EXPECT_THAT(Run({"top"}).out, Not(HasSubstr(note)));
}

TEST_F(EmergencyPool, IsOfThatKindOfSizeAndAskedForAtTheStart) {
  profile_.mutable_sample(2)->mutable_label(0)->set_num(100);
  EXPECT_THAT(Run({"top"}).out, Not(HasSubstr(kPool)));
  profile_.mutable_sample(2)->mutable_label(0)->set_num(72704);
  profile_.mutable_sample(2)->set_location_id(1, 1);
  EXPECT_THAT(Run({"top"}).out, Not(HasSubstr(kPool))) << "Work called it";
}

TEST_F(EmergencyPool, IsKnownWhereItIsLinkedIn) {
  pb::Function* function = profile_.add_function();
  function->set_id(2);
  function->set_name(Intern(&profile_, "_GLOBAL__sub_I_eh_alloc.cc"));
  profile_.mutable_location(1)->add_line()->set_function_id(2);
  profile_.mutable_sample(2)->set_location_id(0, 2);
  EXPECT_THAT(Run({"top"}).out, HasSubstr(kPool));
}

}  // namespace
}  // namespace heapprof::test
