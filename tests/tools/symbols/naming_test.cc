// SPDX-License-Identifier: Apache-2.0
// Names that the reading commands look up by themselves: where from, what is kept of them, what is said.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"
#include "tests/tools/symbols/located.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kGuilty[] = R"(#include <stdlib.h>
__attribute__((noinline)) void* guilty(void) { return malloc(64); }
int main(void) { return guilty() == NULL; }
)";

class Naming : public testing::Test {
 protected:
  void SetUp() override {
    WriteFile(dir_ / "guilty.c", kGuilty);
    Compile(program_, {"-g"});
  }

  void Compile(const std::string& file, std::vector<std::string> options) {
    std::vector<std::string> words = {HEAPPROF_C_COMPILER, "-O1", "-Wl,--build-id",
                                      dir_ / "guilty.c",   "-o",  file};
    words.insert(words.end(), options.begin(), options.end());
    const Result made = Do(words);
    ASSERT_TRUE(made.ok()) << made.Describe();
  }

  // A profile of two samples in `guilty`, of the file as it is now.
  std::string WriteProfile(const std::string& build_id) {
    const uint64_t address = AddressOf(program_, "guilty").first;
    pb::Profile profile = Locate(program_, program_, build_id, {address, address + 1});
    AddSamples(&profile);
    WriteFile(dir_ / "p.pb.gz", Gzip(profile.SerializeAsString()));
    return dir_ / "p.pb.gz";
  }
  std::string WriteProfile() { return WriteProfile(BuildIdOf(program_)); }

  Result Run(std::vector<std::string> words, std::vector<std::pair<std::string, std::string>> env) {
    Command command;
    command.argv = std::move(words);
    command.argv.insert(command.argv.begin(), HEAPPROF_COMMAND);
    command.env = std::move(env);
    return RunProgram(command);
  }
  // With a cache in the test's folder.
  Result RunKept(std::vector<std::string> words) {
    return Run(std::move(words), {{"XDG_CACHE_HOME", dir_ / "cache"}});
  }
  std::string CacheFile() const { return dir_ / ("cache/heapprof/" + BuildIdOf(program_) + ".names"); }
  // What is said of the program, the file of which is not there.
  std::string NotHere(const std::string& note) const {
    return "heapprof: " + program_ + " (build id " + BuildIdOf(dir_ / "kept").substr(0, 12) +
           "..): not here; " + note + "\n";
  }

  TempDir dir_;
  const std::string program_ = dir_ / "program";
};

TEST_F(Naming, IsByEveryReadingCommand) {
  const std::string profile = WriteProfile();
  for (std::vector<std::string> words :
       {std::vector<std::string>{"top"}, {"tree"}, {"folded"}, {"peek", "guilty"}, {"diff", profile}}) {
    words.push_back(profile);
    const Result result = RunCommand(words);
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_THAT(result.out, HasSubstr(words[0] == "diff" ? "no significant growth" : "guilty")) << words[0];
    EXPECT_EQ(result.err, "") << words[0];
  }
  EXPECT_THAT(RunCommand({"top", "--by", "line", profile}).out, HasSubstr("guilty.c:2"));
  EXPECT_THAT(RunCommand({"top", "--no-symbolize", profile}).out, Not(HasSubstr("guilty")));
  EXPECT_THAT(RunCommand({"flame", "-o", "-", "--no-symbolize", profile}).err,
              HasSubstr("has addresses and no names"));
  EXPECT_EQ(RunCommand({"flame", "-o", dir_ / "page", profile}).err, "");
  ASSERT_TRUE(RunCommand({"merge", "-o", dir_ / "sum", profile, profile}).ok());
  EXPECT_TRUE(ReadFrames(dir_ / "sum").empty());
  ASSERT_TRUE(RunCommand({"merge", "--symbolize", "-o", dir_ / "sum", profile, profile}).ok());
  EXPECT_EQ(ReadFrames(dir_ / "sum").size(), 2u);
}

TEST_F(Naming, LeavesWhatHasNamesAlone) {
  pb::Profile profile =
      Locate(program_, program_, BuildIdOf(program_), {TextOf(program_).first, TextOf(program_).first + 1});
  pb::Function* function = profile.add_function();
  function->set_id(1);
  function->set_name(Intern(&profile, "Given"));
  profile.mutable_location(0)->add_line()->set_function_id(1);
  AddSamples(&profile);
  WriteFile(dir_ / "p.pb.gz", Gzip(profile.SerializeAsString()));
  const Result result = RunCommand({"folded", dir_ / "p.pb.gz"});
  EXPECT_THAT(result.out, testing::ContainsRegex("\\[program\\+0x[0-9a-f]+\\];Given"));
}

// A sum of profiles may have one file in two versions.
TEST_F(Naming, FunctionsAreToldByTheirStartsInTheFileOfTheirVersion) {
  ASSERT_TRUE(Do({"strip", program_}).ok());
  pb::Profile profile =
      Locate(program_, program_, "0011223344556677", {TextOf(program_).first, TextOf(program_).first + 1});
  constexpr uint64_t kFurther = uint64_t{1} << 40;
  pb::Mapping* mapping = profile.add_mapping();
  *mapping = profile.mapping(0);
  mapping->set_id(2);
  mapping->set_build_id(Intern(&profile, BuildIdOf(program_)));
  mapping->set_memory_start(mapping->memory_start() + kFurther);
  mapping->set_memory_limit(mapping->memory_limit() + kFurther);
  profile.mutable_location(1)->set_mapping_id(2);
  profile.mutable_location(1)->set_address(profile.location(1).address() + kFurther);
  AddSamples(&profile);
  WriteFile(dir_ / "p.pb.gz", Gzip(profile.SerializeAsString()));
  const Result result = RunCommand({"folded", dir_ / "p.pb.gz"});
  EXPECT_THAT(result.out, testing::ContainsRegex("\\[program\\+0x[0-9a-f]+\\];\\[program\\]"));
}

// A library's dynamic symbols say the names of its versions, too, as absolute symbols at 0, and old linkers
// tell of an `_init` without a size. Neither is a function of the code that follows.
TEST_F(Naming, VersionsAndStartsOfSectionsAreNoFunctions) {
  WriteFile(dir_ / "guilty.c",
            "static __attribute__((noinline, used)) int hidden(int x) { return x * 3; }\n"
            "int shown(int x) { return hidden(x); }\n"
            "#ifdef OLD\n"
            "__asm__(\".section .init; .type old_init, @function; .globl old_init; old_init: nop; .text\");\n"
            "#endif\n");
  WriteFile(dir_ / "versions", "V_1 { global: shown; old_init; local: hidden; };\n");
  const std::string whole = dir_ / "whole.so", stripped = dir_ / "stripped.so";
  for (const char* old : {"-UOLD", "-DOLD"}) {
    Compile(whole, {"-shared", "-fPIC", old, "-Wl,--version-script=" + (dir_ / "versions")});
    ASSERT_TRUE(Do({"strip", whole, "-o", stripped}).ok());
    const uint64_t hidden = AddressOf(whole, "hidden").first;
    pb::Profile profile = Locate(stripped, stripped, BuildIdOf(stripped), {hidden, hidden + 1});
    AddSamples(&profile);
    WriteFile(dir_ / "p.pb.gz", Gzip(profile.SerializeAsString()));
    const Result result = RunCommand({"folded", dir_ / "p.pb.gz"});
    EXPECT_THAT(result.out, HasSubstr("[stripped.so+0x")) << result.Describe();
  }
}

TEST_F(Naming, IsKeptByBuildId) {
  const std::string profile = WriteProfile();
  const std::string first = RunKept({"top", profile}).out;
  EXPECT_THAT(first, HasSubstr("guilty"));
  struct stat status;
  ASSERT_EQ(stat(CacheFile().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const std::string cache_file = CacheFile();
  std::filesystem::rename(program_, dir_ / "kept");
  const Result second = RunKept({"top", profile});
  EXPECT_EQ(second.out, first);
  EXPECT_EQ(second.err, "");
  // What is damaged is as if it were not there, and is made again.
  const std::string good = ReadFile(cache_file);
  for (const std::string& bad : {std::string(), std::string("x"), good.substr(0, good.size() - 1), good + "x",
                                 good.substr(0, good.size() / 2) + "?" + good.substr(good.size() / 2 + 1),
                                 std::string(4096, '\xff')}) {
    WriteFile(cache_file, bad);
    const Result damaged = RunKept({"top", profile});
    EXPECT_EQ(damaged.exit_status, 0) << damaged.Describe();
    EXPECT_EQ(damaged.err, NotHere("debuginfod has not been asked"));
  }
  std::filesystem::rename(dir_ / "kept", program_);
  EXPECT_EQ(RunKept({"top", profile}).out, first);
  EXPECT_EQ(ReadFile(cache_file).size(), good.size());
  // It may be deleted.
  std::filesystem::remove_all(dir_ / "cache");
  EXPECT_EQ(RunKept({"top", profile}).out, first);
}

TEST_F(Naming, IsNotKeptWhereBetterMayCome) {
  const std::string id = BuildIdOf(program_);
  ASSERT_TRUE(Do({"objcopy", "--only-keep-debug", program_, dir_ / "program.debug"}).ok());
  ASSERT_TRUE(Do({"strip", "-g", program_}).ok());
  const std::string profile = WriteProfile();
  EXPECT_THAT(RunKept({"top", profile}).out, HasSubstr("guilty"));
  EXPECT_FALSE(std::filesystem::exists(CacheFile())) << "a symbol table is no debug information";
  EXPECT_THAT(RunKept({"top", "--by", "line", "--debug-path", dir_.path(), profile}).out,
              HasSubstr("guilty\n"));
  std::filesystem::rename(program_, dir_ / "kept");
  EXPECT_THAT(RunKept({"top", "--by", "line", "--debug-path", dir_.path(), profile}).out,
              HasSubstr("guilty.c:2"));
}

// Of debug information that cannot be read whole, or is in files that are not here.
TEST_F(Naming, SaysWhatOfTheDebugInformationIsMissing) {
  const auto expect_warning = [&](const std::string& warning) {
    const Result result = RunKept({"top", WriteProfile()});
    EXPECT_THAT(result.out, HasSubstr("guilty"));
    EXPECT_EQ(result.err, "heapprof: warning: " + program_ + ": " + warning + "\n");
    EXPECT_FALSE(std::filesystem::exists(CacheFile()));
  };
  Compile(program_, {"-g", "-gsplit-dwarf"});
  for (const std::string& name : ListDir(dir_.path())) {
    if (name.find(".dwo") != std::string::npos) std::filesystem::remove(dir_ / name);
  }
  expect_warning("a part of its debug information is in files (.dwo) that are not here");
  // elfutils read packages from 0.191 on.
  Compile(program_, {"-g", "-gdwarf-4", "-gsplit-dwarf"});
  if (HaveProgram("dwp") && Do({"dwp", "-e", program_, "-o", program_ + ".dwp"}).ok()) {
    for (const std::string& name : ListDir(dir_.path())) {
      if (name.find(".dwo") != std::string::npos) std::filesystem::remove(dir_ / name);
    }
    const Result result = RunCommand({"top", "--by", "line", WriteProfile()});
    EXPECT_THAT(result.out, HasSubstr("guilty.c:2"));
    EXPECT_THAT(result.err,
                testing::AnyOf("", "heapprof: warning: " + program_ +
                                       ": a part of its debug information is in program.dwp, which "
                                       "this elfutils cannot read\n"));
  }
  if (HaveProgram("dwz")) {
    Compile(program_, {"-gdwarf-4"});
    Compile(dir_ / "second", {"-gdwarf-4"});
    const Result shared =
        Do({"/bin/sh", "-ec", "cd $0; dwz -m common program second; rm common", dir_.path()});
    ASSERT_TRUE(shared.ok()) << shared.Describe();
    expect_warning("its debug information refers to common (dwz), which is not here");
  }
  Compile(program_, {"-g"});
  if (Do({"objcopy", "--compress-debug-sections=zstd", program_}).ok()) {
    const Result result = RunKept({"top", "--by", "line", WriteProfile()});
    // Later elfutils read it.
    EXPECT_THAT(result.err + result.out,
                testing::AnyOf(HasSubstr("compressed by zstd"), HasSubstr("guilty.c:2")));
  }
}

TEST_F(Naming, NeedsNoCache) {
  const std::string profile = WriteProfile();
  const auto names = [&](const std::vector<std::pair<std::string, std::string>>& env) {
    const Result result = Run({"top", profile}, env);
    EXPECT_EQ(result.err, "");
    return result.ok() && result.out.find("guilty") != std::string::npos;
  };
  WriteFile(dir_ / "file", "");
  EXPECT_TRUE(names({{"XDG_CACHE_HOME", dir_ / "file"}}));
  EXPECT_TRUE(names({{"XDG_CACHE_HOME", ""}, {"HOME", ""}}));
  EXPECT_TRUE(names({{"XDG_CACHE_HOME", ""}, {"HOME", dir_ / "no/such"}}));
  EXPECT_TRUE(names({{"XDG_CACHE_HOME", "/proc"}}));
  EXPECT_EQ(ListDir(dir_.path()), (std::vector<std::string>{"file", "guilty.c", "p.pb.gz", "program"}));
  EXPECT_TRUE(names({{"XDG_CACHE_HOME", "relative"}, {"HOME", dir_.path()}}));
  EXPECT_TRUE(std::filesystem::exists(dir_ / (".cache/heapprof/" + BuildIdOf(program_) + ".names")));
}

TEST_F(Naming, WarnsOfAFileThatIsNewerThanTheProfileAndHasNoBuildId) {
  Compile(program_, {"-g", "-Wl,--build-id=none"});
  const std::string profile = WriteProfile();
  const Result result = RunCommand({"top", profile});
  EXPECT_THAT(result.out, HasSubstr("guilty"));
  EXPECT_EQ(result.err,
            "heapprof: warning: " + program_ +
                " is newer than the profile, which knows no build id of it: its names may be wrong\n");
  const timespec old[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, program_.c_str(), old, 0), 0);
  EXPECT_EQ(RunCommand({"top", profile}).err, "");
}

TEST_F(Naming, TellsOfThreeFilesAtMost) {
  pb::Profile profile = MakeProfile();
  profile.clear_mapping();
  profile.clear_location();
  for (uint64_t i = 1; i <= 5; ++i) {
    pb::Mapping* mapping = profile.add_mapping();
    mapping->set_id(i);
    mapping->set_memory_start(i << 20);
    mapping->set_memory_limit((i + 1) << 20);
    mapping->set_filename(Intern(&profile, dir_ / ("lib" + std::to_string(i))));
    pb::Location* location = profile.add_location();
    location->set_id(i);
    location->set_mapping_id(i);
    location->set_address(i << 20);
  }
  WriteFile(dir_ / "p.pb.gz", Gzip(profile.SerializeAsString()));
  std::string lines;
  for (int i = 1; i <= 3; ++i) lines += "heapprof: " + (dir_ / ("lib" + std::to_string(i))) + ": not here\n";
  EXPECT_EQ(RunCommand({"top", "--keep-duplicates", dir_ / "p.pb.gz", dir_ / "p.pb.gz"}).err,
            lines + "heapprof: 2 more files are without names; heapprof symbolize tells of all\n");
}

// A debug file tells by the place in the code, which is wrong where the profile lacks the code's first
// mapping. What it says then is kept from no other profile.
TEST_F(Naming, ADebugFileAloneSpoilsNothingForOtherProfiles) {
  const std::string id = BuildIdOf(program_), folder = dir_ / ("debug/.build-id/" + id.substr(0, 2));
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(Do({"objcopy", "--only-keep-debug", program_, folder + "/" + id.substr(2) + ".debug"}).ok());
  const std::string good = WriteProfile();
  pb::Profile profile = ReadProfile(good).proto();
  constexpr uint64_t kPage = 4096;
  profile.mutable_mapping(0)->set_memory_start(profile.mapping(0).memory_start() - kPage);
  profile.mutable_mapping(0)->set_file_offset(profile.mapping(0).file_offset() - kPage);
  WriteFile(dir_ / "odd", Gzip(profile.SerializeAsString()));
  std::filesystem::rename(program_, dir_ / "kept");
  const std::vector<std::string> words = {"folded", "--debug-path", dir_ / "debug"};
  const auto names = [&](const std::string& file) {
    std::vector<std::string> all = words;
    all.push_back(file);
    return RunKept(all).out.find("guilty") != std::string::npos;
  };
  EXPECT_FALSE(names(dir_ / "odd"));
  EXPECT_TRUE(names(good));
  std::filesystem::rename(folder, dir_ / "gone");
  std::filesystem::rename(dir_ / "kept", program_);
  EXPECT_TRUE(names(dir_ / "odd"));
  std::filesystem::rename(program_, dir_ / "kept");
  EXPECT_TRUE(names(dir_ / "odd")) << "what the file itself said is kept";
}

class FromServer : public Naming {
 protected:
  void SetUp() override {
    void* library = dlopen("libdebuginfod.so.1", RTLD_LAZY);
    if (library == nullptr) GTEST_SKIP() << "libdebuginfod.so.1 is not installed";
    dlclose(library);
    Naming::SetUp();
    const std::string id = BuildIdOf(program_);
    profile_ = WriteProfile();
    std::filesystem::rename(program_, dir_ / "kept");
    std::filesystem::create_directories(dir_ / ("web/buildid/" + id));
    std::filesystem::copy(dir_ / "kept", dir_ / ("web/buildid/" + id + "/debuginfo"));
    Command command;
    command.argv = {"python3", HEAPPROF_DEBUGINFOD_SERVER, dir_ / "web"};
    server_ = std::make_unique<Process>(command);
    ASSERT_TRUE(server_->WaitForOutput("\n"));
    url_ = "http://127.0.0.1:" + server_->so_far().out.substr(0, server_->so_far().out.find('\n'));
  }

  Result Ask(std::vector<std::string> words, const std::string& url, const std::string& seconds = "5") {
    return Run(std::move(words), {{"DEBUGINFOD_URLS", url},
                                  {"DEBUGINFOD_CACHE_PATH", dir_ / "client"},
                                  {"DEBUGINFOD_TIMEOUT", seconds},
                                  {"DEBUGINFOD_RETRY_LIMIT", "0"},
                                  {"http_proxy", ""},
                                  {"no_proxy", "*"}});
  }

  std::string profile_, url_;
  std::unique_ptr<Process> server_;
};

TEST_F(FromServer, ComesWhatIsNotHere) {
  const Result named = Ask({"top", "--by", "line", profile_}, url_);
  EXPECT_THAT(named.out, HasSubstr("guilty.c:2")) << named.Describe();
  EXPECT_EQ(named.err, "");
}

TEST_F(FromServer, NothingIsAskedAgainstTheUsersWill) {
  for (const Result& result : {Ask({"top", "--no-debuginfod", profile_}, url_), Ask({"top", profile_}, "")}) {
    EXPECT_EQ(result.err, NotHere("debuginfod has not been asked"));
  }
  EXPECT_FALSE(std::filesystem::exists(dir_ / "client"));
}

TEST_F(FromServer, SaysWhatItDidNotGet) {
  std::filesystem::remove_all(dir_ / "web/buildid");
  EXPECT_EQ(Ask({"top", profile_}, url_).err, NotHere("debuginfod does not have it"));
  const std::string nobody = "http://127.0.0.1:" + std::to_string(FreePort());
  std::filesystem::remove_all(dir_ / "client");
  EXPECT_EQ(Ask({"top", profile_}, nobody).err, NotHere("debuginfod: Connection refused"));
}

// Each question would wait as long.
TEST_F(FromServer, AServerThatDoesNotAnswerIsAskedOnce) {
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(silent, 16), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  EXPECT_EQ(Ask({"top", profile_}, url, "1").err, NotHere("debuginfod: Timer expired"));
  int asked = 0;
  for (int one; (one = accept(silent, nullptr, nullptr)) >= 0; ++asked) close(one);
  EXPECT_EQ(asked, 1);
  close(silent);
}

}  // namespace
}  // namespace heapprof::test
