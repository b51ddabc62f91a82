// SPDX-License-Identifier: Apache-2.0
// The guilty line is named, whatever the compiler, the linker and the packager have done to the file: one
// program in many forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"
#include "tests/tools/symbols/located.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

constexpr char kProgram[] = R"(#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static inline __attribute__((always_inline)) void* inner(size_t size) { return malloc(size); }
__attribute__((noinline)) void* guilty(size_t size) { return inner(size + 1); }
static void move_text(void) {
  char* page = (char*)((size_t)guilty & ~4095ul);
  char* copy = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(copy, page, 4096);
  mremap(copy, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, page);
}
int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "move") == 0) move_text();
  void* volatile block = guilty(1000000);
  raise(SIGUSR2);
  puts("dumped");
  fflush(stdout);
  if (argc > 1 && strcmp(argv[1], "wait") == 0) pause();
  return block == NULL;
}
)";
constexpr int kInnerLine = 8, kGuiltyLine = 9;

// A form of the program: how it is made, and what is done to it then.
struct Form {
  const char* name;
  const char* options;
  // Shell lines, with the program as $0.
  const char* then = "";
  const char* needs = "";  // a program
  bool has_lines = true;
};

std::ostream& operator<<(std::ostream& out, const Form& form) { return out << form.name; }

constexpr char kMini[] =
    "nm -P --defined-only $0 | awk '$2 ~ /[tT]/ {print $1}' > $0.keep; objcopy --only-keep-debug $0 $0.full;"
    "objcopy -S --remove-section .gdb_index --remove-section .comment --keep-symbols=$0.keep $0.full $0.mini;"
    "xz -k $0.mini; strip --strip-all $0; objcopy --add-section .gnu_debugdata=$0.mini.xz $0;"
    "rm $0.full $0.mini";

class Matrix : public testing::TestWithParam<std::pair<const char*, Form>> {
 protected:
  TempDir dir_;
};

TEST_P(Matrix, NamesTheGuiltyLine) {
  const auto& [compiler, form] = GetParam();
  if (*form.needs != '\0' && !HaveProgram(form.needs)) GTEST_SKIP() << form.needs << " is not installed";
  if (!HaveProgram(compiler)) GTEST_SKIP() << compiler << " is not installed";
  WriteFile(dir_ / "guilty.c", kProgram);
  const std::string program = dir_ / "program";
  Command command;
  command.argv = {"/bin/sh", "-c",
                  std::string(compiler) + " -Wl,--build-id -g -O1 guilty.c -o program " + form.options};
  command.directory = dir_.path();
  const Result made = RunProgram(command);
  ASSERT_TRUE(made.ok()) << made.Describe();
  const auto [address, size] = AddressOf(program, "guilty");
  std::vector<uint64_t> addresses;
  for (uint64_t i = 0; i < size; ++i) addresses.push_back(address + i);
  WriteLocations(dir_ / "in.pb.gz", program, program, BuildIdOf(program), addresses);
  command.argv = {"/bin/sh", "-ec", form.then, program};
  const Result done = RunProgram(command);
  ASSERT_TRUE(done.ok()) << done.Describe();

  const Result result =
      RunCommand({"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "out.pb.gz", "--debug-path", dir_.path()});
  ASSERT_TRUE(result.ok()) << result.Describe();
  Frames expected = {{"guilty", "", 0}};
  if (form.has_lines) {
    const std::string file = dir_ / "guilty.c";
    expected = {{"inner", file, kInnerLine}, {"guilty", file, kGuiltyLine}};
  }
  const auto all = ReadFrames(dir_ / "out.pb.gz");
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& at) { return at.second == expected; }))
      << testing::PrintToString(all) << result.Describe();
}

constexpr Form kForms[] = {
    {"O0", "-O0"},
    {"O2", "-O2"},
    {"Dwarf2", "-gdwarf-2"},
    {"Dwarf3", "-gdwarf-3"},
    {"Dwarf4", "-gdwarf-4"},
    {"Dwarf5", "-gdwarf-5"},
    {"SplitDwarf4", "-gsplit-dwarf -gdwarf-4"},
    {"SplitDwarf5", "-gsplit-dwarf -gdwarf-5"},
    {"DwzAlone", "-gdwarf-4", "dwz $0", "dwz"},
    {"DwzShared", "-gdwarf-4", "cp $0 $0.2; dwz -m common $0 $0.2", "dwz"},
    {"Zlib", "-gz=zlib"},
    {"OldZlib", "", "objcopy --compress-debug-sections=zlib-gnu $0"},
    {"StrippedWithDebugFile", "",
     "objcopy --only-keep-debug $0 $0.debug; objcopy -S --add-gnu-debuglink=$0.debug $0 "
     "$0.s; mv $0.s $0"},
    {"DebugFileAlone", "", "objcopy --only-keep-debug $0 $0.debug; rm $0"},
    {"Stripped", "", "strip -g $0", "", false},
    {"MiniDebugInfo", "", kMini, "xz", false},
    {"NoBuildId", "-Wl,--build-id=none"},
    {"Static", "-static"},
    {"NoPie", "-no-pie"},
    {"StaticPie", "-static-pie"},
    {"Lld", "-fuse-ld=lld", "", "ld.lld"},
    {"LldOneSegment", "-fuse-ld=lld -Wl,--no-rosegment", "", "ld.lld"},
    {"Gold", "-fuse-ld=gold", "", "ld.gold"},
    {"Mold", "-B/usr/libexec/mold", "", "mold"},
    {"LargePages", "-Wl,-z,max-page-size=0x200000"},
    {"NoSeparateCode", "-Wl,-z,noseparate-code"},
    {"FunctionSections", "-ffunction-sections -Wl,--gc-sections"}};

// The forms for one compiler, of which the one with LTO is its own.
std::vector<std::pair<const char*, Form>> With(const char* compiler, const Form& lto) {
  std::vector<std::pair<const char*, Form>> all = {{compiler, lto}};
  for (const Form& form : kForms) all.emplace_back(compiler, form);
  return all;
}

std::string NameOf(const testing::TestParamInfo<Matrix::ParamType>& info) { return info.param.second.name; }

INSTANTIATE_TEST_SUITE_P(Gcc, Matrix, testing::ValuesIn(With("gcc", {"Lto", "-flto"})), NameOf);
INSTANTIATE_TEST_SUITE_P(Clang, Matrix,
                         testing::ValuesIn(With("clang-14", {"Lto", "-flto -fuse-ld=lld", "", "ld.lld"})),
                         NameOf);

// A program whose file is gone, or whose code has moved, while it runs.
class Running : public testing::Test {
 protected:
  void SetUp() override {
    WriteFile(dir_ / "guilty.c", kProgram);
    const Result made = Do({"gcc", "-g", "-O1", dir_ / "guilty.c", "-o", program_});
    ASSERT_TRUE(made.ok()) << made.Describe();
  }
  // Runs it until it has written its profile.
  void Start(const std::vector<std::string>& argv) {
    Command command = Under(dir_, argv, "sample_interval=1");
    command.directory = dir_.path();  // where node writes its dump
    process_ = std::make_unique<Process>(command);
    ASSERT_TRUE(process_->WaitForOutput("dumped"));
  }
  void RunNode(const std::vector<std::string>& options);
  // Whether the profile that lies in the folder gets the line.
  bool IsNamed() {
    const std::vector<std::string> profiles = FindProfiles(dir_.path());
    EXPECT_EQ(profiles.size(), 1u);
    result_ = RunCommand({"top", "--by", "line", profiles.empty() ? "" : profiles[0]});
    return result_.out.find("guilty.c:" + std::to_string(kInnerLine)) != std::string::npos;
  }

  TempDir dir_;
  const std::string program_ = dir_ / "program";
  std::unique_ptr<Process> process_;
  Result result_;
};

TEST_F(Running, DeletedIsNamedWhileItLives) {
  Start({program_, "wait"});
  std::filesystem::remove(program_);
  EXPECT_TRUE(IsNamed()) << result_.Describe();
  process_.reset();
  EXPECT_FALSE(IsNamed());
  EXPECT_THAT(result_.err, HasSubstr("heapprof: " + program_ + " (build id "));
  EXPECT_THAT(result_.err, HasSubstr("): not here; debuginfod has not been asked\n"));
}

TEST_F(Running, ReplacedIsNamedWhileItLives) {
  Start({program_, "wait"});
  std::filesystem::remove(program_);
  std::filesystem::copy("/bin/true", program_);
  EXPECT_TRUE(IsNamed()) << result_.Describe();
}

TEST_F(Running, WithoutAFileIsNamedWhileItLives) {
  Start(
      {"python3", "-c",
       "import os, sys; fd = os.memfd_create('in memory', 0); os.write(fd, open(sys.argv[1], 'rb').read()); "
       "os.execve(fd, ['program', 'wait'], os.environ)",
       program_});
  EXPECT_TRUE(IsNamed()) << result_.Describe();
}

TEST_F(Running, MovedCodeIsNamed) {
  Start({program_, "move"});
  EXPECT_TRUE(IsNamed()) << result_.Describe();
}

// Has node run a script with `options`, and checks that its function is named. Of interpreted code nobody has
// more lines than the first.
void Running::RunNode(const std::vector<std::string>& options) {
  WriteFile(dir_ / "guilty.js",
            "function guilty(kept) {\n  kept.push(Buffer.alloc(1 << 20));\n}\n"
            "const kept = [];\nfor (let i = 0; i < 9; ++i) guilty(kept);\n"
            "process.kill(process.pid, 'SIGUSR2');\n"
            "setImmediate(() => console.log('dumped'));\n");
  std::vector<std::string> words = {"node"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(dir_ / "guilty.js");
  Start(words);
  EXPECT_TRUE(process_->Wait().ok());
  const std::vector<std::string> profiles = FindProfiles(dir_.path());
  ASSERT_EQ(profiles.size(), 1u);
  const Result result = RunCommand({"tree", "--by", "line", "--long", profiles[0]});
  EXPECT_THAT(result.out, testing::ContainsRegex("guilty [a-z:/]*" + (dir_ / "guilty.js:1")))
      << result.Describe();
}

TEST_F(Running, CodeOfNodeIsNamedByItsMap) {
  if (!HaveProgram("node")) GTEST_SKIP() << "node is not installed";
  RunNode({"--perf-basic-prof", "--interpreted-frames-native-stack"});
  std::filesystem::remove("/tmp/perf-" + std::to_string(process_->pid()) + ".map");
}

TEST_F(Running, CodeOfNodeIsNamedByItsDump) {
  if (!HaveProgram("node")) GTEST_SKIP() << "node is not installed";
  RunNode({"--perf-prof", "--interpreted-frames-native-stack"});
}

}  // namespace
}  // namespace heapprof::test
