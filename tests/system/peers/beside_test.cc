// SPDX-License-Identifier: Apache-2.0
// What else is preloaded, in both orders: libraries that stand before functions of libc, and other
// allocators.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

constexpr char kFolder[] = "/usr/lib/x86_64-linux-gnu/";

struct Peer {
  const char* name;
  std::string library;
  const char* package;
  bool allocates;  // it has a malloc of its own, so that ours is used where ours stands first
  const char* says;
};

std::ostream& operator<<(std::ostream& out, const Peer& peer) { return out << peer.name; }

const Peer kPeers[] = {
    {"faketime", "faketime/libfaketime.so.1", "libfaketime", false, "year 2001\n"},
    {"faketimeMT", "faketime/libfaketimeMT.so.1", "libfaketime", false, "year 2001\n"},
    {"fakeroot", "libfakeroot/libfakeroot-tcp.so", "fakeroot", false, "owner 4711\n"},
    {"eatmydata", "libeatmydata.so.1", "libeatmydata1", false, ""},
    {"jemalloc", "libjemalloc.so.2", "libjemalloc2", true, ""},
    {"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", true, ""},
    {"tcmallocDebug", "libtcmalloc_minimal_debug.so.4", "libtcmalloc-minimal4", true, ""},
};

class BesideTest : public testing::TestWithParam<Peer> {
 protected:
  // In the order of `preload`; the folder has the profiles.
  static Result Run(ProgramRun* run, const std::string& preload) {
    Command& command = run->command();
    for (auto& [name, value] : command.env) {
      if (name == "LD_PRELOAD") value = preload;
    }
    command.env.insert(command.env.end(), {{"FAKETIME", "@2001-02-03 04:05:06"}, {"TZ", "UTC"}});
    if (std::string(GetParam().name) == "fakeroot") {
      // Its server is started by it; it puts its own library before what is preloaded.
      command.argv = {"fakeroot-tcp", "sh", "-c", "LD_PRELOAD=" + preload + " exec " + command.argv[0]};
      for (auto& [name, value] : command.env) {
        if (name == "LD_PRELOAD") value = "";
      }
    }
    return run->Execute();
  }
};

TEST_P(BesideTest, BothOrders) {
  const Peer& peer = GetParam();
  const std::string library = kFolder + peer.library;
  if (access(library.c_str(), R_OK) != 0)
    GTEST_SKIP() << "no " << library << " (package " << peer.package << ")";
  for (const bool first : {true, false}) {
    for (const std::string options :
         {"sample_interval=1",
          "sample_interval=64k:cpu_at_start=1:wall_at_start=1:contention_interval=1us:"
          "dump_every=1s:lifetimes=1"}) {
      ProgramRun run({Program("beside_user")}, options + ":dump_at_exit=1", 30);
      const Result result = Run(&run, first ? LibraryPath() + ":" + library : library + ":" + LibraryPath());
      ASSERT_TRUE(result.ok()) << (first ? "first, " : "second, ") << options << "\n" << result.Describe();
      EXPECT_EQ(result.err, "") << options;
      EXPECT_NE(result.out.find("OK\n"), std::string::npos) << result.out;
      EXPECT_NE(result.out.find(peer.says), std::string::npos) << result.out;
      bool found = false;
      for (const std::string& path : FindProfiles(run.dir().path())) {
        const HeapProfile profile = ReadProfile(path);
        EXPECT_EQ(profile.error(), "") << path;
        found = found || profile.In("KeepForGood").inuse_space >= 123456;
      }
      if (options == "sample_interval=1") {
        EXPECT_EQ(found, first || !peer.allocates) << (first ? "first" : "second");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Peers, BesideTest, testing::ValuesIn(kPeers),
                         [](const testing::TestParamInfo<Peer>& info) { return info.param.name; });

}  // namespace
}  // namespace heapprof::test
