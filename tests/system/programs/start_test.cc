// SPDX-License-Identifier: Apache-2.0
// The first allocations of a process, in places where little works yet.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

class Start : public AtInterval {
 protected:
  // Both ways of linking, each with the loader told to bind at once and not.
  void InAllBindings(const std::string& program, size_t dumps) {
    for (const char* linked : {"_now", "_lazy"}) {
      for (const char* bind_now : {"", "1"}) {
        SCOPED_TRACE(program + linked + " LD_BIND_NOW=" + bind_now);
        auto run = Hazard({Program(program + linked)});
        if (Bare()) run->command().env.clear();
        run->command().env.push_back({"LD_BIND_NOW", bind_now});
        ExpectWell(run->Execute());
        EXPECT_TRUE(run->Said().empty()) << run->result().err;
        EXPECT_EQ(run->Profiles().size(), Bare() ? 0 : dumps);
      }
    }
  }
};
INTERVALS(Start);

TEST_P(Start, InAnIfuncResolver) { InAllBindings("early_ifunc", 2); }

TEST_P(Start, InPreinitArrayAndConstructors) { InAllBindings("early_constructors", 2); }

TEST_P(Start, OnTheStackOfACoroutine) {
  auto run = Hazard({Program("first_on_coroutine")});
  ExpectRunsWell(run.get());
  const std::vector<HeapProfile> profiles = run->Profiles();
  ASSERT_EQ(profiles.size(), Bare() ? 0u : 2u);
  if (GetParam() != "1") return;
  const Totals coroutine{2, 20000, 2, 20000}, deep{1, 20000, 1, 20000};
  EXPECT_EQ(profiles[0].AtLeaf("alloc_in_coroutine"), coroutine);
  EXPECT_EQ(profiles[0].In("Coroutine"), coroutine);
  EXPECT_EQ(profiles[0].AtLeaf("alloc_deep_in_main"), deep);
  // the main thread's own stack is walked to its end
  bool reached_main = false;
  for (const pb::Sample& sample : profiles[0].proto().sample()) {
    const std::vector<std::string> stack = profiles[0].Stack(sample);
    if (stack.front() != "alloc_deep_in_main") continue;
    EXPECT_EQ(std::count(stack.begin(), stack.end(), "alloc_deep_in_main"), 41);
    reached_main = std::find(stack.begin(), stack.end(), "main") != stack.end();
  }
  EXPECT_TRUE(reached_main);
  const Totals freed{1, 20000, 0, 0};
  EXPECT_EQ(profiles[1].AtLeaf("alloc_deep_in_main"), freed);
}

// Each library that comes is told to the audit library, while threads allocate. The room for thread-local
// data must be asked for: without, the loader says that there is none, and starts no program with any such
// malloc.
TEST_P(Start, BesideAnAuditLibraryThatAllocates) {
  for (const char* bind_now : {"", "1"}) {
    auto run = Hazard({Program("dlopen_loop"), Program("plugin.so"), "10"});
    if (Bare()) run->command().env.clear();
    run->command().env.insert(run->command().env.end(),
                              {{"LD_AUDIT", Program("auditor.so")},
                               {"LD_BIND_NOW", bind_now},
                               {"GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=8192"}});
    ExpectWell(run->Execute());
    EXPECT_TRUE(run->Said().empty()) << run->result().err;
    EXPECT_EQ(run->Profiles().size(), Bare() ? 0u : 1u);
  }
}

// Nothing but the program's name stands behind the environment, and then the stack ends.
TEST(StartBare, WithALastVariableThatIsEmpty) {
  TempDir dir;
  ASSERT_EQ(symlink("/bin/true", (dir / "p").c_str()), 0);
  std::string preload = "LD_PRELOAD=" + LibraryPath();
  char name[] = "p", empty[] = "";
  char* words[] = {name, nullptr};
  char* environment[] = {preload.data(), empty, nullptr};
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(dir.path().c_str()) == 0) execve(name, words, environment);
    _exit(1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace heapprof::test
