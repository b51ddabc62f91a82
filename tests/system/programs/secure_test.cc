// SPDX-License-Identifier: Apache-2.0
// A set-user-id program, or one with file capabilities, takes nothing from its environment: no options, no
// file, no handler.
//
// The program links the static archive, as the loader would ignore LD_PRELOAD and take no library out of a
// build folder. As root the test runs it as nobody; as an ordinary user, sudo makes the file root's.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr uid_t kNobody = 65534;

enum class Privilege { kNone, kSetUserId, kCapability };

// Runs `argv` as root.
void AsRoot(std::vector<std::string> argv) {
  if (geteuid() != 0) argv.insert(argv.begin(), {"sudo", "-n"});
  Command command;
  command.argv = argv;
  EXPECT_TRUE(RunProgram(command).ok())
      << "this test needs root, or sudo without a password: " << argv.back();
}

// A copy of plain_static in `dir`.
std::string Copy(const TempDir& dir, Privilege privilege) {
  std::string path = dir / "plain_static";
  std::filesystem::copy_file(Program("plain_static"), path);
  if (privilege == Privilege::kSetUserId) {
    AsRoot({"chown", "0:0", path});
    AsRoot({"chmod", "4755", path});
  } else if (privilege == Privilege::kCapability) {
    AsRoot({"/sbin/setcap", "cap_net_raw+ep", path});
  }
  return path;
}

Result RunAsNobody(ProgramRun* run) {
  run->command().env.erase(run->command().env.begin());  // LD_PRELOAD
  run->command().before_exec = [] {
    if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(125);
  };
  return run->Execute();
}

TEST(Secure, StaticProgramWithoutPrivilegeHasTheOptions) {
  TempDir where;
  ProgramRun run({Copy(where, Privilege::kNone), "secure", "signal"}, "sample_interval=1:dump_at_exit=1");
  const Result result = RunAsNobody(&run);
  ExpectWell(result, 7);
  EXPECT_NE(result.out.find("secure 0 default 0 interval 1\n"), std::string::npos) << result.out;
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_GT(profiles[0].In("main").alloc_objects, 0);
}

class Privileged : public testing::TestWithParam<Privilege> {};
INSTANTIATE_TEST_SUITE_P(Secure, Privileged, testing::Values(Privilege::kSetUserId, Privilege::kCapability),
                         [](const auto& info) {
                           return info.param == Privilege::kSetUserId ? "SetUserId" : "FileCapability";
                         });

TEST_P(Privileged, ProgramTakesNothingFromItsEnvironment) {
  TempDir where;
  ProgramRun run(
      {Copy(where, GetParam()), "secure"},
      "sample_interval=1:dump_at_exit=1:verbose=1:no_such_option=1:cpu_at_start=1:leak_check=live");
  run.command().env.insert(run.command().env.end(),
                           {{"MALLOC_CONF", "abort:true,nonsense:1"}, {"LSAN_OPTIONS", "log_path=x"}});
  const Result result = RunAsNobody(&run);
  ExpectWell(result, 7);
  EXPECT_NE(result.out.find("secure 1 default 1 "), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("interval 1\n"), std::string::npos) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(ListDir(run.dir().path()).empty());
}

}  // namespace
}  // namespace heapprof::test
