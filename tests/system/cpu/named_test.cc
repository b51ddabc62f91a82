// SPDX-License-Identifier: Apache-2.0
// Named profiles of whole programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

using Stack = std::vector<std::string>;

bool Has(const Stack& stack, const std::string& function) {
  return std::find(stack.begin(), stack.end(), function) != stack.end();
}

class Named : public testing::Test {
 protected:
  Named() {
    result_ = RunProgram({{Program("named"), dir_ / "0", dir_ / "1", dir_ / "threads"},
                          {{"HEAPPROF_OPTIONS", "verbose=0"}},
                          dir_.path(),
                          60,
                          nullptr});
    ExpectWell(result_);
  }
  TempDir dir_;
  Result result_;
};

TEST_F(Named, ProtoHoldsTheKeysThatAreThereInDescendingOrder) {
  CountProfile profile(ReadFile(dir_ / "0"));
  ASSERT_EQ(profile.error(), "");
  const auto& p = profile.proto();
  ASSERT_EQ(p.sample_type_size(), 1);
  EXPECT_EQ(profile.Text(p.sample_type(0).type()), "app.connections");
  EXPECT_EQ(profile.Text(p.sample_type(0).unit()), "count");
  EXPECT_EQ(p.period(), 1);
  ASSERT_EQ(p.sample_size(), 3);
  EXPECT_EQ(p.sample(0).value(0), 7);
  EXPECT_TRUE(Has(profile.Stack(p.sample(0)), "Accept"));
  EXPECT_EQ(p.sample(1).value(0), 3);
  EXPECT_TRUE(Has(profile.Stack(p.sample(1)), "Connect"));
  EXPECT_EQ(p.sample(2).value(0), 1);
  ASSERT_EQ(p.sample(2).label_size(), 2);
  EXPECT_EQ(profile.Text(p.sample(2).label(1).key()), "peer");
  EXPECT_EQ(profile.Text(p.sample(2).label(1).str()), "10.0.0.1");
  for (const auto& sample : p.sample()) {
    const Stack stack = profile.Stack(sample);
    EXPECT_EQ(stack.front(), "Connection::Connection") << "the C++ interface leaves no frame";
    EXPECT_TRUE(Has(stack, "main"));
  }
}

TEST_F(Named, TextHoldsTheSameForPeople) {
  const std::string text = ReadFile(dir_ / "1");
  EXPECT_EQ(text.rfind("app.connections profile: total 11\n7 @ 0x", 0), 0u) << text;
  EXPECT_NE(text.find("\n3 @ 0x"), std::string::npos);
  EXPECT_NE(text.find("\n1 @ 0x"), std::string::npos);
  EXPECT_NE(text.find("# labels: {\"kind\":\"\\\"odd\\\"\", \"peer\":\"10.0.0.1\"}\n"), std::string::npos)
      << text;
  EXPECT_LT(text.find("Accept"), text.find("Connect()")) << text;
}

TEST_F(Named, ThreadcreateHoldsTheStacksThatMadeThreads) {
  CountProfile profile(ReadFile(dir_ / "threads"));
  ASSERT_EQ(profile.error(), "");
  const auto& p = profile.proto();
  ASSERT_EQ(p.sample_size(), 1);
  EXPECT_EQ(p.sample(0).value(0), 3);
  const Stack stack = profile.Stack(p.sample(0));
  EXPECT_TRUE(Has(stack, "MakeThreads"));
  EXPECT_TRUE(Has(stack, "main"));
}

// The second library's code lies where the first's was; each keeps its own name.
TEST(Replaced, ALibraryThatIsGoneKeepsItsNameInAllProfiles) {
  TempDir dir;
  const Result result =
      RunProgram({{Program("replaced_in_profile"), HEAP_HAZARDS "/plugin.so", HEAP_HAZARDS "/other_plugin.so",
                   dir / "cpu", dir / "named", dir / "threads"},
                  {{"HEAPPROF_OPTIONS", "sample_interval=0:cpu_clock=timer"}},
                  dir.path(),
                  60,
                  nullptr});
  ExpectWell(result);
  EXPECT_NE(result.out.find("same place"), std::string::npos) << "the loader chose another address";
  CountProfile cpu(ReadFile(dir / "cpu")), named(ReadFile(dir / "named")), threads(ReadFile(dir / "threads"));
  for (const CountProfile* profile : {&cpu, &named, &threads}) ASSERT_EQ(profile->error(), "");
  // 300 and 150 of 450 ms. A tick may be late; half way to what it would be if one were taken for the other.
  EXPECT_NEAR(static_cast<double>(cpu.In("plugin_call")), 300, 75);
  EXPECT_NEAR(static_cast<double>(cpu.In("other_call")), 150, 75);
  EXPECT_EQ(named.In("plugin_call"), 6);
  EXPECT_EQ(named.In("other_call"), 4);
  EXPECT_EQ(threads.In("plugin_call"), 3);
  EXPECT_EQ(threads.In("other_call"), 2);
}

}  // namespace
}  // namespace heapprof::test
