// SPDX-License-Identifier: Apache-2.0
// python3 with its own tests, node, and the sqlite3 shell.
#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

class Python : public AtInterval {
 protected:
  // Runs tests written for Python's unittest. Their report goes to stderr with times in it, so that only its
  // verdict can be compared.
  void Tests(const std::vector<std::string>& arguments) {
    REQUIRE_PROGRAM("/usr/bin/python3", "python3");
    std::vector<std::string> argv = {"/usr/bin/python3"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    TempDir work;
    Command command = WithTheLibrary(argv, work.path());
    command.timeout_seconds = 120;
    const Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_NE(result.err.find("\nOK"), std::string::npos) << result.Describe();
    EXPECT_EQ(result.err.find("heapprof: "), std::string::npos) << result.err;
    ExpectProfiles(1000);
  }
  // `tests` of a module of Python's own test suite.
  void OwnTests(const std::string& module, const std::string& tests = "") {
    TempDir work;
    ASSERT_TRUE(WithoutTheLibrary({"/usr/bin/python3", "-c", "import " + module}, work.path()).ok())
        << "install the package libpython3-testsuite";
    Tests({"-m", "unittest", "-q", module + tests});
  }
};
INTERVALS(Python);

TEST_P(Python, Json) { OwnTests("test.test_json"); }
TEST_P(Python, Sqlite) { Tests({Input("test_sqlite.py")}); }
TEST_P(Python, Threading) { OwnTests("test.test_threading", ".ThreadTests"); }
TEST_P(Python, Script) {
  REQUIRE_PROGRAM("/usr/bin/python3", "python3");
  ExpectSame({"/usr/bin/python3", Input("work.py")});
}

class Node : public AtInterval {};
INTERVALS(Node);

TEST_P(Node, Script) {
  REQUIRE_PROGRAM("node", "nodejs");
  ExpectSame({"node", Input("work.js")});
}

class Sqlite : public AtInterval {};
INTERVALS(Sqlite);

TEST_P(Sqlite, Shell) {
  REQUIRE_PROGRAM("sqlite3", "sqlite3");
  ExpectSame({"sqlite3", "-batch", "-bail", "test.db", ".read " + Input("work.sql")});
}

}  // namespace
}  // namespace heapprof::test
