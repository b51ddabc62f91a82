// SPDX-License-Identifier: Apache-2.0
// `heapprof symbolize` against llvm-symbolizer, and what it refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"
#include "tests/tools/symbols/located.h"
#include "tools/symbols/sources/debug_files.h"
#include "tools/symbols/symbol_file.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;

constexpr char kOracle[] = "llvm-symbolizer-14";
constexpr size_t kAddresses = 10'000;

std::vector<uint64_t> RandomAddresses(const std::string& file) {
  const auto [begin, size] = TextOf(file);
  std::vector<uint64_t> all(size);
  for (uint64_t i = 0; i < size; ++i) all[i] = begin + i;
  std::mt19937_64 random(5);
  std::shuffle(all.begin(), all.end(), random);
  all.resize(std::min<size_t>(all.size(), kAddresses));
  return all;
}

std::string Normal(const std::string& path) {
  return path.empty() || path == "??" ? "" : std::filesystem::path(path).lexically_normal().string();
}

std::map<uint64_t, Frames> AskOracle(const std::string& file, const std::vector<uint64_t>& addresses) {
  TempDir dir;
  std::ostringstream questions;
  for (const uint64_t address : addresses) questions << "0x" << std::hex << address << "\n";
  WriteFile(dir / "questions", questions.str());
  const Result result =
      Do({"/bin/sh", "-c",
          std::string(kOracle) + " --no-demangle --functions=linkage --inlining --obj=\"$0\" < \"$1\"", file,
          dir / "questions"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::istringstream answers(result.out);
  std::map<uint64_t, Frames> all;
  for (const uint64_t address : addresses) {
    Frames frames;
    for (std::string symbol, place; std::getline(answers, symbol) && !symbol.empty();) {
      std::getline(answers, place);
      place.resize(place.rfind(':'));  // the column
      const size_t colon = place.rfind(':');
      frames.push_back({symbol.substr(0, symbol.find('@')), Normal(place.substr(0, colon)),
                        std::stoll("0" + place.substr(colon + 1))});
    }
    if (!frames.empty() && frames[0].symbol != "??") all[address] = frames;
  }
  return all;
}

class Symbolize : public testing::Test {
 protected:
  // Symbolizes random addresses of `shape`, a form of the file that the oracle is asked about, and compares.
  void Compare(const std::string& original, const std::string& mapped,
               const std::vector<std::string>& options) {
    if (!HaveProgram(kOracle)) GTEST_SKIP() << kOracle << " is not installed";
    const std::vector<uint64_t> addresses = RandomAddresses(original);
    ASSERT_GT(addresses.size(), 9000u);
    WriteLocations(dir_ / "in.pb.gz", original, mapped, BuildIdOf(original), addresses);
    std::vector<std::string> words = {"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "out.pb.gz"};
    words.insert(words.end(), options.begin(), options.end());
    const Result result = RunCommand(words);
    ASSERT_TRUE(result.ok()) << result.Describe();
    const auto mine = ReadFrames(dir_ / "out.pb.gz"), theirs = AskOracle(original, addresses);
    EXPECT_GT(theirs.size(), addresses.size() / 2);
    size_t different = 0;
    for (const uint64_t address : addresses) {
      const auto a = mine.find(address), b = theirs.find(address);
      const Frames none;
      const Frames& left = a == mine.end() ? none : a->second;
      const Frames& right = b == theirs.end() ? none : b->second;
      if (left == right || ++different > 3) continue;
      ADD_FAILURE() << std::hex << address << "\n  ours   " << testing::PrintToString(left) << "\n  oracle "
                    << testing::PrintToString(right);
    }
    EXPECT_EQ(different, 0u);
  }

  // The file with debug information in a separate one, DIR/name and DIR/name.debug.
  void Strip(const std::string& original, const std::string& name) {
    const std::string file = dir_ / name;
    ASSERT_TRUE(Do({"objcopy", "--only-keep-debug", original, file + ".debug"}).ok());
    ASSERT_TRUE(Do({"objcopy", "--strip-all", original, file}).ok());
  }

  TempDir dir_;
  const std::string with_debug_ = HEAPPROF_SYMBOL_SUBJECT, plain_ = HEAPPROF_PLAIN_SUBJECT;
};

TEST_F(Symbolize, AgreesOnCodeWithDebugInformation) { Compare(with_debug_, with_debug_, {}); }

TEST_F(Symbolize, AgreesOnCodeWithASymbolTableOnly) { Compare(plain_, plain_, {}); }

TEST_F(Symbolize, FindsSeparateDebugFilesByBuildId) {
  Strip(with_debug_, "subject.so");
  const std::string id = BuildIdOf(with_debug_);
  ASSERT_GT(id.size(), 8u);
  std::filesystem::create_directories(dir_ / ("dbg/.build-id/" + id.substr(0, 2)));
  std::filesystem::rename(dir_ / "subject.so.debug",
                          dir_ / ("dbg/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug"));
  Compare(with_debug_, dir_ / "subject.so", {"--debug-path", dir_ / "dbg"});
  // The mapped file itself may be gone.
  Compare(with_debug_, dir_ / "gone.so", {"--debug-path", dir_ / "dbg"});
}

TEST_F(Symbolize, FindsSeparateDebugFilesByDebugLink) {
  Strip(with_debug_, "subject.so");
  ASSERT_TRUE(
      Do({"objcopy", "--add-gnu-debuglink=" + (dir_ / "subject.so.debug"), dir_ / "subject.so"}).ok());
  std::filesystem::create_directories(dir_ / ".debug");
  std::filesystem::rename(dir_ / "subject.so.debug", dir_ / ".debug/subject.so.debug");
  Compare(with_debug_, dir_ / "subject.so", {});
}

TEST_F(Symbolize, RefusesAFileWithAnotherBuildId) {
  WriteLocations(dir_ / "in.pb.gz", with_debug_, with_debug_, "00112233",
                 {TextOf(with_debug_).first + 0x100});
  const Result result = RunCommand({"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "out.pb.gz"});
  EXPECT_EQ(result.exit_status, 0) << result.Describe();
  EXPECT_EQ(result.err, "heapprof: " + with_debug_ +
                            " (build id 00112233): the file here is another one, of build id " +
                            BuildIdOf(with_debug_).substr(0, 12) + "..; debuginfod has not been asked\n");
  EXPECT_TRUE(ReadFrames(dir_ / "out.pb.gz").empty());
}

TEST_F(Symbolize, SaysWhenABinaryCannotBeReadAndKeepsTheLocations) {
  WriteFile(dir_ / "text", "no ELF file");
  for (const auto& [file, why] : {std::pair(dir_ / "missing.so", std::string("not here")),
                                  std::pair(dir_ / "text", std::string("no ELF file")),
                                  std::pair(std::string("/dev/null"), std::string("no ELF file"))}) {
    WriteLocations(dir_ / "in.pb.gz", with_debug_, file, "", {0x1000});
    const Result result = RunCommand({"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "out.pb.gz"});
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    EXPECT_EQ(result.err, "heapprof: " + file + ": " + why + "\n");
    EXPECT_EQ(ReadProfile(dir_ / "out.pb.gz").proto().location_size(), 1);
  }
}

TEST_F(Symbolize, LeavesNothingBehindWhenItCannotWrite) {
  WriteFile(dir_ / "in.pb.gz", Gzip(MakeProfile().SerializeAsString()));
  const Result result = RunCommand({"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "no/such/folder"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err,
              HasSubstr((dir_ / "no/such/folder") + " cannot be written: No such file or directory\n"));
  // A whole profile goes through unchanged, and to standard output.
  const Result out = RunCommand({"symbolize", "--quiet", dir_ / "in.pb.gz", "-o", "-"});
  ASSERT_EQ(out.exit_status, 0);
  const HeapProfile profile = ParseProfile(out.out);
  EXPECT_EQ(profile.error(), "");
  EXPECT_EQ(profile.proto().SerializeAsString(), MakeProfile().SerializeAsString());
  EXPECT_EQ(ListDir(dir_.path()).size(), 1u);
}

// Much debug information is read a part at a time.
TEST_F(Symbolize, ForgettingDebugInformationChangesNoName) {
  std::string reason;
  tools::DebugFiles all({}, false), little({}, false, 0);
  const auto holds_all = all.Open(with_debug_, "", {}, &reason),
             holds_little = little.Open(with_debug_, "", {}, &reason);
  ASSERT_TRUE(holds_all != nullptr && holds_little != nullptr) << reason;
  std::vector<uint64_t> addresses = RandomAddresses(with_debug_);
  constexpr size_t kFew = 40;
  ASSERT_GT(addresses.size(), kFew);
  addresses.resize(kFew);
  size_t inlined = 0;
  for (const uint64_t address : addresses) {
    const auto a = holds_all->FramesAt(address), b = holds_little->FramesAt(address);
    ASSERT_EQ(a.size(), b.size());
    inlined += a.size() > 1 ? 1 : 0;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].symbol, b[i].symbol);
      EXPECT_EQ(a[i].file, b[i].file);
      EXPECT_EQ(a[i].line, b[i].line);
    }
  }
  EXPECT_GT(inlined, 0u);
}

// Sources named from a build folder beside them: build/here.cc, source/there.cc and include/inner.h.
class RelativeSources : public Symbolize, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    for (const char* folder : {"build", "source", "include"}) {
      std::filesystem::create_directories(dir_ / folder);
    }
    WriteFile(dir_ / "include/inner.h",
              "inline __attribute__((always_inline)) int Inner(int* x) {\n  return *x += 3;\n}\n");
    WriteFile(dir_ / "build/here.cc", "#include \"inner.h\"\nint Here(int* x) { return Inner(x) / 7; }\n");
    WriteFile(dir_ / "source/there.cc", "#include \"inner.h\"\nint There(int* x) { return Inner(x) / 9; }\n");
  }

  // What the files are called when the prefix `from` of their paths is mapped `to` something else.
  std::set<std::string> Names(const std::string& from, const std::string& to) {
    const std::string file = dir_ / "subject.so";
    const Result made =
        Do({"/bin/sh", "-c",
            "cd \"$1/build\" && \"$0\" -O1 -shared -fPIC -nostartfiles \"$2\" \"-fdebug-prefix-map=$3=$4\" "
            "-I../include here.cc ../source/there.cc -o \"$5\"",
            HEAPPROF_COMPILER, dir_.path(), GetParam(), from, to, file});
    EXPECT_TRUE(made.ok()) << made.Describe();
    WriteLocations(dir_ / "in.pb.gz", file, file, "", RandomAddresses(file));
    const Result result = RunCommand({"symbolize", dir_ / "in.pb.gz", "-o", dir_ / "out.pb.gz"});
    EXPECT_TRUE(result.ok()) << result.Describe();
    std::set<std::string> names;
    for (const auto& [address, frames] : ReadFrames(dir_ / "out.pb.gz")) {
      for (const Frame& frame : frames) {
        if (!frame.file.empty()) names.insert(frame.file);
      }
    }
    return names;
  }

  static std::set<std::string> In(const std::string& folder) {
    return {folder + "/build/here.cc", folder + "/include/inner.h", folder + "/source/there.cc"};
  }
};
INSTANTIATE_TEST_SUITE_P(Dwarf, RelativeSources, testing::Values("-gdwarf-4", "-gdwarf-5"),
                         [](const auto& form) {
                           return "Version" + form.param.substr(form.param.size() - 1);
                         });

TEST_P(RelativeSources, AreInTheFolderOfTheCompiler) {
  EXPECT_EQ(Names("/nowhere", ""), In(dir_.path()));
  EXPECT_EQ(Names(dir_.path(), "/usr/src/it"), In("/usr/src/it"));
}

// llvm-symbolizer 14 and addr2line 2.40 put a relative folder of the compiler before itself in DWARF 5.
TEST_P(RelativeSources, StayRelativeWhereThatFolderIs) {
  EXPECT_EQ(Names(dir_.path(), "it"), In("it"));
  const std::set<std::string> beside = {"../include/inner.h", "../source/there.cc", "here.cc"};
  EXPECT_EQ(Names(dir_ / "build", "."), beside);
  // gcc leaves the folder in the table of DWARF 5 as it is, which makes here.cc absolute.
  std::set<std::string> names = Names(dir_ / "build", "");
  if (names.erase(dir_ / "build/here.cc") != 0) names.insert("here.cc");
  EXPECT_EQ(names, beside);
}

TEST(SymbolFile, ReadsABuildIdOfTwoBytes) {
  const auto file = tools::SymbolFile::Open(HEAPPROF_SHORT_ID_SUBJECT);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->build_id(), "abcd");
}

}  // namespace
}  // namespace heapprof::test
