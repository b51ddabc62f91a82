// python3 with its own tests, node, and the sqlite3 shell.
#include "tests/real/real.h"

namespace heapprof::test {
namespace {

class Python : public AtInterval {
 protected:
  // A module of Python's own test suite; its report goes to stderr with times in it, so that only its verdict
  // can be compared.
  void OwnTests(const std::string& module) {
    REQUIRE_PROGRAM("/usr/bin/python3", "python3");
    TempDir work;
    const std::vector<std::string> there = {"/usr/bin/python3", "-c", "import test.test_json"};
    ASSERT_TRUE(WithoutTheLibrary(there, work.path()).ok()) << "install the package libpython3-testsuite";
    Command command = WithTheLibrary({"/usr/bin/python3", "-m", "unittest", "-q", module}, work.path());
    command.timeout_seconds = 120;
    const Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_NE(result.err.find("\nOK"), std::string::npos) << result.Describe();
    ExpectProfiles(1000);
  }
};
INTERVALS(Python);

TEST_P(Python, Json) { OwnTests("test.test_json"); }
TEST_P(Python, Sqlite) { OwnTests("test.test_sqlite3.test_dbapi"); }
TEST_P(Python, Threading) { OwnTests("test.test_threading.ThreadTests"); }
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
