// SPDX-License-Identifier: Apache-2.0
// A compiler over heavy headers, and git over a repository.
#include <map>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

class Compiler : public AtInterval {};
INTERVALS(Compiler);

TEST_P(Compiler, BuildsTheSameProgram) {
  REQUIRE_PROGRAM("g++", "g++");
  TempDir plain, profiled;
  // without debug information nothing of the folder is in the object: files must be the same, byte for byte
  const std::vector<std::string> build = {"g++", "-O0",    "-std=c++17", "-c", Input("heavy.cc"),
                                          "-o",  "heavy.o"};
  ASSERT_TRUE(WithoutTheLibrary(build, plain.path()).ok());
  Command command = WithTheLibrary(build, profiled.path());
  command.timeout_seconds = 200;
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(ReadFile(plain / "heavy.o") == ReadFile(profiled / "heavy.o"));
  // the driver, cc1plus and as have their own profile each
  ExpectProfiles(500000);
  EXPECT_EQ(FindProfiles(profiles_.path()).size(), 3u);

  Command link = WithTheLibrary({"g++", "heavy.o", "-o", "heavy"}, profiled.path());
  link.timeout_seconds = 100;
  ASSERT_TRUE(RunProgram(link).ok());
  const Result run = RunProgram(WithTheLibrary({"./heavy"}, profiled.path()));
  EXPECT_EQ(run.exit_status, 5) << run.Describe();
  EXPECT_EQ(run.out, "words 5 sorted apple fig grape pear plum matched 2 total 120\n");
  ExpectProfiles(500000);
}

class Git : public AtInterval {
 protected:
  // What the sequence prints, with or without the library.
  std::string Sequence(bool with_library, const std::string& repository) {
    std::string printed;
    const std::vector<std::vector<std::string>> steps = {{"git", "init", "-q", "-b", "main"},
                                                         {"git", "add", "."},
                                                         {"git", "commit", "-q", "-m", "first"},
                                                         {"git", "mv", "file1.txt", "moved.txt"},
                                                         {"git", "commit", "-q", "-am", "second"},
                                                         {"git", "log", "--stat", "--patch", "-M"},
                                                         {"git", "gc", "-q", "--prune=now"},
                                                         {"git", "fsck", "--full", "--no-progress"},
                                                         {"git", "grep", "-c", "line 1"},
                                                         {"git", "blame", "moved.txt"},
                                                         {"git", "rev-parse", "HEAD"},
                                                         {"git", "show", "no-such-revision"}};
    for (int i = 0; i < 50; ++i) {
      std::string text;
      for (int line = 0; line < 200; ++line) {
        text += "file " + std::to_string(i) + " line " + std::to_string(line * i % 97) + "\n";
      }
      WriteFile(repository + "/file" + std::to_string(i) + ".txt", text);
    }
    for (const std::vector<std::string>& step : steps) {
      Command command = WithTheLibrary(step, repository);
      if (!with_library) command.env.clear();
      for (const char* who : {"AUTHOR", "COMMITTER"}) {
        command.env.push_back({std::string("GIT_") + who + "_NAME", "A U Thor"});
        command.env.push_back({std::string("GIT_") + who + "_EMAIL", "author@example.com"});
        command.env.push_back({std::string("GIT_") + who + "_DATE", "2020-01-02T03:04:05Z"});
      }
      command.env.push_back({"GIT_CONFIG_NOSYSTEM", "1"});
      command.env.push_back({"HOME", repository});
      const Result result = RunProgram(command);
      printed += step[1] + " -> " + std::to_string(result.exit_status) + "\n" + result.out + result.err;
    }
    return printed;
  }
};
INTERVALS(Git);

TEST_P(Git, OverARepository) {
  REQUIRE_PROGRAM("git", "git");
  TempDir plain, profiled;
  const std::string expected = Sequence(false, plain.path());
  EXPECT_NE(expected.find("commit -> 0"), std::string::npos) << expected;
  EXPECT_NE(expected.find("show -> 128"), std::string::npos) << expected;
  EXPECT_EQ(Sequence(true, profiled.path()), expected);
  ExpectProfiles(200);
  EXPECT_GE(FindProfiles(profiles_.path()).size(), 12u);  // one a command at least
}

}  // namespace
}  // namespace heapprof::test
