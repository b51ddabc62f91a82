// SPDX-License-Identifier: Apache-2.0
// The library as a file: what leaves it, how it reaches its thread-local data, and how many instructions the
// fast paths run.
#include <gtest/gtest.h>
#include <jemalloc_bins_checked.h>
#include <stdio.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "alloc/backend/jemalloc_leaves.h"
#include "tests/support/subprocess.h"
#include "tests/support/under.h"

namespace heapprof::test {
namespace {

std::string Output(const std::vector<std::string>& argv) {
  Command command;
  command.argv = argv;
  Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  return result.out;
}

std::set<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::set<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.insert(line);
  return lines;
}

// Names of `nm --format=posix`: "name type ...".
std::set<std::string> Names(const std::string& listing) {
  std::set<std::string> names;
  std::istringstream stream(listing);
  for (std::string line; std::getline(stream, line);) {
    size_t space = line.find(' ');
    if (space != std::string::npos && space > 0) names.insert(line.substr(0, line.find_first_of("@ ")));
  }
  return names;
}

TEST(BinaryTest, ExportsExactlyTheList) {
  std::set<std::string> exported =
      Names(Output({NM, "-D", "--defined-only", "--format=posix", LibraryPath()}));
  EXPECT_EQ(exported.erase("HEAPPROF_0"), 1u);  // the version node
  EXPECT_EQ(exported, Lines(EXPORTS_FILE));
}

TEST(BinaryTest, TheArchiveDefinesExactlyTheList) {
  std::set<std::string> global =
      Names(Output({NM, "--extern-only", "--defined-only", "--format=posix", STATIC_LIBRARY}));
  std::set<std::string> listed = Lines(EXPORTS_FILE);
  // alloc/wrappers/child_waits.cc, notify.cc, rights_calls.cc and signal_waits.cc are the shared library's
  // only.
  for (const char* name :
       {"timer_create", "timer_delete", "mq_notify",  "sigwait", "sigwaitinfo", "sigtimedwait", "signalfd",
        "setuid",       "seteuid",      "setgid",     "setegid", "setreuid",    "setregid",     "setresuid",
        "setresgid",    "setgroups",    "initgroups", "unshare", "setns",       "chroot",       "capset",
        "prctl",        "setfsuid",     "setfsgid",   "waitpid", "wait3",       "wait4",        "waitid"}) {
    EXPECT_EQ(listed.erase(name), 1u) << name;
  }
  EXPECT_EQ(global, listed);
}

// A name without a version satisfies references to any: malloc@GLIBC_2.2.5 of a program, or that of a later
// libc.
TEST(BinaryTest, OurNamesHaveAVersionAndThoseOfOthersNone) {
  std::istringstream symbols(Output({NM, "-D", "--defined-only", "--with-symbol-versions", LibraryPath()}));
  int ours = 0, others = 0;
  for (std::string line; std::getline(symbols, line);) {
    const std::string name = line.substr(line.rfind(' ') + 1);
    if (name.compare(0, 9, "heapprof_") == 0) {
      EXPECT_NE(name.find("@@HEAPPROF_0"), std::string::npos) << line;
      ++ours;
    } else if (name.compare(0, 10, "HEAPPROF_0") != 0) {
      EXPECT_EQ(name.find('@'), std::string::npos) << line;
      ++others;
    }
  }
  EXPECT_GT(ours, 40);
  EXPECT_GT(others, 140);
}

// A dynamic TLS model would have malloc call __tls_get_addr, which allocates.
TEST(BinaryTest, ThreadLocalDataIsInitialExec) {
  std::string relocations = Output({READELF, "-rW", LibraryPath()});
  EXPECT_NE(relocations.find("R_X86_64_TPOFF64"), std::string::npos);
  EXPECT_EQ(relocations.find("DTPMOD"), std::string::npos);
  EXPECT_EQ(relocations.find("TLSDESC"), std::string::npos);
  std::string symbols = Output({NM, "-D", "--undefined-only", LibraryPath()});
  EXPECT_EQ(symbols.find("__tls_get_addr"), std::string::npos);
}

// They would run after the first allocations, and wipe what those left in a table.
TEST(BinaryTest, NoObjectOfOursHasAStaticConstructor) {
  EXPECT_EQ(Output({NM, LibraryPath()}).find("_GLOBAL__sub_I_"), std::string::npos);
}

// An empty table is zeroed memory. One field that is not would bring its arrays of some 100 KiB into the
// file.
TEST(BinaryTest, EmptyTablesTakeNoRoomInTheFile) {
  std::istringstream lines(Output({READELF, "-SW", LibraryPath()}));
  uint64_t data = 0, zeroed = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(line.find(']') + 1));
    std::string name, type, address, offset, size;
    words >> name >> type >> address >> offset >> size;
    if (name == ".data") data = std::stoull(size, nullptr, 16);
    if (name == ".bss") zeroed = std::stoull(size, nullptr, 16);
  }
  EXPECT_GT(data, 0u);
  EXPECT_LT(data, 64u << 10);
  EXPECT_GT(zeroed, 1u << 20);
}

TEST(BinaryTest, BindsAtStartAndStaysLoaded) {
  std::string dynamic = Output({READELF, "-dW", LibraryPath()});
  EXPECT_NE(dynamic.find("NOW"), std::string::npos);
  EXPECT_NE(dynamic.find("NODELETE"), std::string::npos);
}

TEST(BinaryTest, NeedsLibcAndTheLoaderAlone) {
  std::set<std::string> needed;
  std::istringstream dynamic(Output({READELF, "-dW", LibraryPath()}));
  for (std::string line; std::getline(dynamic, line);) {
    if (line.find("(NEEDED)") == std::string::npos) continue;
    const size_t from = line.find('[') + 1;
    needed.insert(line.substr(from, line.find(']') - from));
  }
  needed.erase("ld-linux-x86-64.so.2");
  EXPECT_EQ(needed, std::set<std::string>{"libc.so.6"});
}

// What a libc does not have since 2.28 is looked for by name (alloc/libc/). One version above it in the file,
// and the loader of an older libc refuses it.
TEST(BinaryTest, ReferencesNoVersionAboveGlibc228) {
  std::istringstream symbols(Output({NM, "-D", "--undefined-only", "--with-symbol-versions", LibraryPath()}));
  int seen = 0;
  for (std::string line; std::getline(symbols, line);) {
    const size_t at = line.find("@GLIBC_");
    if (at == std::string::npos) continue;
    int major = 0, minor = 0;
    ASSERT_EQ(sscanf(line.c_str() + at, "@GLIBC_%d.%d", &major, &minor), 2) << line;
    EXPECT_EQ(major, 2) << line;
    EXPECT_LE(minor, 28) << line;
    ++seen;
  }
  EXPECT_GT(seen, 40);
}

// A process without threads has libc alone: libpthread, libdl and librt were files of their own before glibc
// 2.34.
TEST(BinaryTest, CallsNothingOfTheLibrariesThatLibcWasWithout) {
  const std::string symbols = Output({NM, "-D", "--undefined-only", "--format=posix", LibraryPath()});
  const std::set<std::string> in_old_libc = {
      "pthread_cond_init",  "pthread_cond_signal", "pthread_cond_timedwait", "pthread_cond_wait",
      "pthread_mutex_init", "pthread_mutex_lock",  "pthread_mutex_unlock"};
  for (const std::string& name : Names(symbols)) {
    const bool suspect = name.find("pthread") != std::string::npos || name == "dlsym" || name == "dladdr1" ||
                         name == "dlopen" || name == "dlclose" || name == "dladdr" || name == "dlerror" ||
                         name.compare(0, 6, "timer_") == 0 || name.compare(0, 3, "mq_") == 0 ||
                         name.compare(0, 4, "sem_") == 0 || name.compare(0, 3, "aio") == 0;
    EXPECT_TRUE(!suspect || in_old_libc.count(name) == 1) << name;
  }
}

struct WayLength {
  int own;    // instructions of ours, before the way into the thread's cache, or into jemalloc, begins
  int whole;  // up to the first return, that one counted
};

// Of the straight way, where no jump is taken. -1: it does not get there.
WayLength LengthOf(const std::string& function) {
  std::istringstream lines(
      Output({OBJDUMP, "-d", "--no-show-raw-insn", "--disassemble=" + function, LibraryPath()}));
  WayLength length = {-1, -1};
  int count = 0;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("<" + function + ">:") != std::string::npos) {
      inside = true;
    } else if (inside && line.find(":\t") != std::string::npos) {
      // The first that either way begins with: the size against the largest cached one (for malloc, in a
      // register that tells of the interval too), the thread pointer, the jump.
      bool enters = line.find("$0x1000,") != std::string::npos ||
                    line.find("cmp    %rdx,%rdi") != std::string::npos ||
                    line.find("%fs:0x0,") != std::string::npos || line.find("<hpje_") != std::string::npos;
      if (length.own < 0 && enters) length.own = count;
      ++count;
      if (line.find("ret") != std::string::npos) {
        length.whole = count;
        return length;
      }
    }
  }
  return length;
}

TEST(BinaryTest, FastPathsAreAsLongAsTheGoldenFileSays) {
  if (!HEAPPROF_JEMALLOC_BINS) GTEST_SKIP() << "this jemalloc has a layout of its own: malloc jumps into it";
  std::ifstream golden(GOLDEN_FILE);
  int checked = 0;
  for (std::string line; std::getline(golden, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string function;
    WayLength expected = {-2, -2};
    words >> function >> expected.own >> expected.whole;
    WayLength length = LengthOf(function);
#if defined(JE_WIDE_ADDRESSES)  // its leaves have a step more
    for (const char* asks_page : {"free", "_ZdlPv", "realloc", "malloc_usable_size"}) {
      if (function == asks_page) expected.whole += 3;
    }
#endif
    EXPECT_EQ(length.own, expected.own) << function;
    EXPECT_EQ(length.whole, expected.whole) << function;
    ++checked;
  }
  EXPECT_EQ(checked, 14);
}

TEST(BinaryTest, MallocAndFreeAddAtMostSixAndFourInstructions) {
  EXPECT_GE(LengthOf("malloc").own, 1);
  EXPECT_LE(LengthOf("malloc").own, 6);
  EXPECT_GE(LengthOf("free").own, 1);
  EXPECT_LE(LengthOf("free").own, 4);
}

TEST(BinaryTest, TheWholeWayIsNoLongerThanJemallocsOwn) {
  if (!HEAPPROF_JEMALLOC_BINS) GTEST_SKIP() << "this jemalloc has a layout of its own: malloc jumps into it";
  for (auto [ours, jemallocs] :
       {std::pair("malloc", "hpje_malloc"), std::pair("free", "hpje_free"), std::pair("_Znwm", "hpje_malloc"),
        std::pair("_ZdlPv", "hpje_free"), std::pair("_ZdlPvm", "hpje_je_je_sdallocx_noflags")}) {
    EXPECT_GT(LengthOf(ours).whole, 10) << ours;
    EXPECT_LE(LengthOf(ours).whole, LengthOf(jemallocs).whole) << ours;
  }
}

}  // namespace
}  // namespace heapprof::test
