// SPDX-License-Identifier: Apache-2.0
// Programs whose stacks libgcc walks to their start: so does the library, not one is cut. Half of them are
// linked with holes between their segments.
#include <unistd.h>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

class WholeStacks : public testing::Test {
 protected:
  void Expect(const std::vector<std::string>& argv, size_t least_profiles = 1) {
    Command command = Under(profiles_, argv, "sample_interval=1:dump_at_exit=1");
    command.directory = work_.path();
    const Result result = RunProgram(command);
    EXPECT_TRUE(result.ok()) << result.Describe();
    const std::vector<HeapProfile> profiles = ExpectGoodProfiles(profiles_.path());
    EXPECT_GE(profiles.size(), least_profiles);
    for (const HeapProfile& profile : profiles) {
      EXPECT_GT(profile.Total().alloc_objects, 0);
      EXPECT_NE(profile.Comments().find("truncated-stacks: 0\n"), std::string::npos) << profile.Comments();
    }
  }
  TempDir work_, profiles_;
};

TEST_F(WholeStacks, Ctags) {
  REQUIRE_PROGRAM("ctags", "universal-ctags");
  Expect({"ctags", "-f", "tags", Input("heavy.cc")});
}

TEST_F(WholeStacks, Make) {
  REQUIRE_PROGRAM("make", "make");
  WriteFile(work_ / "Makefile", "all: one two\none two:\n\t@echo $@ $(shell echo again)\n");
  Expect({"make", "-j2"}, 3);
}

TEST_F(WholeStacks, Bc) {
  REQUIRE_PROGRAM("bc", "bc");
  WriteFile(work_ / "sum", "scale=50\na(1)*4\nquit\n");
  Expect({"bc", "-l", work_ / "sum"});
}

TEST_F(WholeStacks, Lsof) {
  REQUIRE_PROGRAM("lsof", "lsof");
  Expect({"lsof", "-p", std::to_string(getpid())});
}

TEST_F(WholeStacks, StressNg) {
  REQUIRE_PROGRAM("stress-ng", "stress-ng");
  Expect({"stress-ng", "--quiet", "--qsort", "1", "--qsort-size", "1024", "--qsort-ops", "1"});
}

// Code that its compiler makes at run time may use the frame pointer for something else, and has no unwind
// tables: nobody walks that. Its built-in functions keep frame pointers.
TEST_F(WholeStacks, Node) {
  REQUIRE_PROGRAM("node", "nodejs");
  Expect({"node", "--jitless", "-e", "console.log(JSON.stringify([1, 2, 3].map(x => ({x: '' + x}))))"});
}

// Code made at run time whose tables are registered with libgcc.
TEST_F(WholeStacks, LlvmsJit) {
  REQUIRE_PROGRAM("lli-14", "llvm-14");
  WriteFile(work_ / "jit.ll",
            "target triple = \"x86_64-pc-linux-gnu\"\n"
            "declare i8* @malloc(i64)\n"
            "define i8* @inner(i64 %n) noinline uwtable {\n"
            "  %room = alloca [100 x i8]\n"
            "  %p = call i8* @malloc(i64 %n)\n"
            "  store i8* %p, i8** @kept\n"
            "  ret i8* %p\n}\n"
            "@kept = global i8* null\n"
            "define i32 @main() uwtable {\n"
            "  %p = call i8* @inner(i64 7654)\n"
            "  %known = load i8*, i8** @kept\n"
            "  %same = icmp ne i8* %p, %known\n"
            "  %status = zext i1 %same to i32\n"
            "  ret i32 %status\n}\n");
  Expect({"lli-14", "--jit-kind=mcjit", "jit.ll"});
}

TEST_F(WholeStacks, Python) {
  REQUIRE_PROGRAM("/usr/bin/python3", "python3");
  Expect({"/usr/bin/python3", "-c", "import json, sqlite3; json.dumps(list(range(1000)))"});
}

TEST_F(WholeStacks, Compiler) {
  REQUIRE_PROGRAM("g++", "g++");
  WriteFile(work_ / "one.cc", "#include <string>\nstd::string f() { return \"a\"; }\n");
  Expect({"g++", "-O1", "-c", "one.cc"}, 3);
}

}  // namespace
}  // namespace heapprof::test
