// A set-user-id program takes nothing from its environment: no options, no file, no handler.
//
// The program links the static archive, as the loader would ignore LD_PRELOAD and take no library out of a
// build folder. As root the test runs it as nobody; as an ordinary user, sudo makes the file root's.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr uid_t kNobody = 65534;

// A copy of plain_static in `dir`, owned by root and set-user-id if so asked.
std::string Copy(const TempDir& dir, bool set_user_id) {
  const std::string path = dir / "plain_static";
  std::filesystem::copy_file(Program("plain_static"), path);
  if (!set_user_id) return path;
  if (geteuid() == 0) {
    EXPECT_EQ(chown(path.c_str(), 0, 0), 0);
    EXPECT_EQ(chmod(path.c_str(), 04755), 0);
  } else {
    for (const std::vector<std::string>& argv : {std::vector<std::string>{"sudo", "-n", "chown", "0:0", path},
                                                 {"sudo", "-n", "chmod", "4755", path}}) {
      Command command;
      command.argv = argv;
      EXPECT_TRUE(RunProgram(command).ok()) << "this test needs root, or sudo without a password";
    }
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
  ProgramRun run({Copy(where, false), "secure", "signal"}, "sample_interval=1:dump_at_exit=1");
  const Result result = RunAsNobody(&run);
  ExpectWell(result, 7);
  EXPECT_NE(result.out.find("secure 0 default 0 interval 1\n"), std::string::npos) << result.out;
  const std::vector<HeapProfile> profiles = run.Profiles();
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_GT(profiles[0].In("main").alloc_objects, 0);
}

TEST(Secure, SetUserIdProgramTakesNothingFromItsEnvironment) {
  TempDir where;
  ProgramRun run({Copy(where, true), "secure"},
                 "sample_interval=1:dump_at_exit=1:verbose=1:no_such_option=1");
  const Result result = RunAsNobody(&run);
  ExpectWell(result, 7);
  EXPECT_NE(result.out.find("secure 1 default 1 "), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find("interval 1\n"), std::string::npos) << result.out;
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(ListDir(run.dir().path()).empty());
}

}  // namespace
}  // namespace heapprof::test
