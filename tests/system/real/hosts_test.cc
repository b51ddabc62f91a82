// SPDX-License-Identifier: Apache-2.0
// Programs that bring allocators of their own, beside which malloc serves a part: Go with C in it, Chromium.
#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

class Host : public AtInterval {};
INSTANTIATE_TEST_SUITE_P(Intervals, Host, testing::Values("512k", "1"),
                         [](const testing::TestParamInfo<std::string>& info) { return info.param; });

TEST_P(Host, GoWithC) {
  REQUIRE_PROGRAM("go", "golang-go");
  TempDir work;
  Command build;
  build.argv = {"go", "build", "-o", work / "blocks_of_c", Input("blocks_of_c.go")};
  build.env = {{"GO111MODULE", "off"}, {"GOCACHE", work / "cache"}, {"HOME", work.path()}};
  build.timeout_seconds = 200;
  const Result built = RunProgram(build);
  ASSERT_TRUE(built.ok()) << built.Describe();
  const Result plain = WithoutTheLibrary({work / "blocks_of_c"}, work.path());
  EXPECT_EQ(plain.out, "from a child\n176000\n");
  const Result profiled = RunProgram(WithTheLibrary({work / "blocks_of_c"}, work.path()));
  EXPECT_EQ(profiled.out, plain.out);
  EXPECT_EQ(profiled.exit_status, 0) << profiled.Describe();
  ExpectProfiles(32000);
}

TEST_P(Host, Chromium) {
  REQUIRE_PROGRAM("chromium", "chromium");
  TempDir work;
  const std::vector<std::string> argv = {
      "chromium",
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--user-data-dir=" + (work / "data"),
      "--dump-dom",
      "data:text/html,<p id=x></p><script>x.textContent=[1,2,3].map(a=>a*2).join()</script>"};
  Command command = WithTheLibrary(argv, work.path());
  command.env.push_back({"HOME", work.path()});
  const Result profiled = RunProgram(command);
  EXPECT_EQ(profiled.exit_status, 0) << profiled.Describe();
  EXPECT_NE(profiled.out.find("<p id=\"x\">2,4,6</p>"), std::string::npos) << profiled.Describe();
  // The browser sends its children SIGTERM, after which they write, and SIGKILL at once.
  RemoveWhatTheKilledLeft(profiles_.path());
  ExpectProfiles(100);  // little: most of it is PartitionAlloc's
}

}  // namespace
}  // namespace heapprof::test
