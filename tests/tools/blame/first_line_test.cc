// SPDX-License-Identifier: Apache-2.0
// The first line of plain `heapprof top FILE` is the function that a maintainer of the program would name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

struct Case {
  const char* name;
  std::vector<std::string> run, top;  // words for `heapprof run`, and for `top`
  const char* file;                   // the profile
  const char* first;                  // what the first name must match, whole
  const char* needs = "";             // a program besides the first of `run`
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

std::string FirstNameOf(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // The heading's last word is "name": names begin where it does.
    const size_t at = line.rfind("  name");
    if (line.find("flat%") == std::string::npos || at == std::string::npos) continue;
    std::getline(lines, line);
    return line.size() > at + 2 ? line.substr(at + 2) : "";
  }
  return "";
}

class FirstLine : public testing::TestWithParam<Case> {};

TEST_P(FirstLine, IsWhatAMaintainerWouldName) {
  const Case& c = GetParam();
  if (c.run.front()[0] == '/' && access(c.run.front().c_str(), X_OK) != 0) {
    GTEST_SKIP() << c.run.front() << " is not here";
  }
  if (*c.needs != '\0' && access((std::string("/usr/bin/") + c.needs).c_str(), X_OK) != 0) {
    GTEST_SKIP() << c.needs << " is not here";
  }
  TempDir dir;
  Command command;
  command.argv = {HEAPPROF_COMMAND, "run", "--interval", "16k", "--exit-dump", "-o", dir / "%e", "--"};
  command.argv.insert(command.argv.end(), c.run.begin(), c.run.end());
  command.env = {{"PYTHONMALLOC", "malloc"}, {"XDG_CACHE_HOME", dir.path()}};
  ASSERT_TRUE(RunProgram(command).ok());
  std::vector<std::string> words = {"top", "--limit", "5"};
  words.insert(words.end(), c.top.begin(), c.top.end());
  words.push_back(dir / (c.file + std::string(".heap.pb.gz")));
  Command command_of_top;
  command_of_top.argv = {HEAPPROF_COMMAND};
  command_of_top.argv.insert(command_of_top.argv.end(), words.begin(), words.end());
  command_of_top.env = {{"LC_ALL", "C"}, {"COLUMNS", "160"}};
  const Result top = RunProgram(command_of_top);
  ASSERT_TRUE(top.ok()) << top.Describe();
  EXPECT_THAT(FirstNameOf(top.out), testing::MatchesRegex(c.first)) << top.out;
}

std::vector<std::string> Shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

// A translation unit that is heavy enough.
const char kHeader[] = "/usr/include/c++/12/regex";

// A server that takes keys until it is told to end. redis-server is a link to redis-check-rdb on Debian.
const char kRedis[] =
    "cd \"$(mktemp -d)\" && { redis-server --port 0 --unixsocket s --save '' > log & } && "
    "until redis-cli -s s ping > pong 2>&1; do :; done && "
    "redis-benchmark -s s -q -n 60000 -P 16 -r 100000 -t set > log2 && redis-cli -s s shutdown nosave; wait; "
    "rm -r "
    "\"$PWD\"";

// Compilers of Debian are stripped: what names functions is their dynamic symbols.
INSTANTIATE_TEST_SUITE_P(
    Cases, FirstLine,
    testing::Values(
        Case{"lambdas",
             {CASES_DIR "/case_lambdas"},
             {"--type", "alloc_space"},
             "case_lambdas",
             "main::\\{lambda#2\\} \\(lambdas.cc:15\\)"},
        Case{"containers",
             {CASES_DIR "/case_containers"},
             {"--type", "alloc_space"},
             "case_containers",
             "Index::Add"},
        Case{"coroutine", {CASES_DIR "/case_coroutine"}, {}, "case_coroutine", "ReadLines \\(resume\\)"},
        Case{"local_classes",
             {CASES_DIR "/case_local_classes"},
             {"--type", "alloc_space"},
             "case_local_classes",
             "\\(anonymous namespace\\)::Cache::Fill"},
        Case{"redis",
             Shell(kRedis),
             {},
             "redis-server",
             "dictAddRaw|createEmbeddedStringObject|_sdsnewlen",
             "redis-server"},
        Case{"python3",
             {"/usr/bin/python3", "-c", "keep = [bytearray(1000) for i in range(10000)]"},
             {"--type", "alloc_space"},
             "python3",
             "PyByteArray_Resize"},
        Case{"node",
             {"/usr/bin/node", "-e",
              "globalThis.b = []; for (let i = 0; i < 2000; i++) b.push(Buffer.alloc(9000, 1))"},
             {"--type", "alloc_space"},
             "node",
             "v8::internal::Heap::AllocateExternalBackingStore"},
        Case{"cc1plus",
             {"/usr/bin/g++", "-std=c++17", "-fsyntax-only", "-x", "c++", kHeader},
             {"--type", "alloc_space"},
             "cc1plus",
             "_cpp_get_buff"},
        Case{"clang",
             {"/usr/bin/clang++", "-std=c++17", "-fsyntax-only", "-x", "c++", kHeader},
             {"--type", "alloc_space"},
             "clang++",
             "clang::Sema::AddBuiltinCandidate"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace heapprof::test
