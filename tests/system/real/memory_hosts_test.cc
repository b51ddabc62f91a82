// SPDX-License-Identifier: Apache-2.0
// The profile `memory` of programs that nobody here wrote: its sum is VmRSS, nearly nothing of it is not
// explained, and what is known of their memory is found there.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/system/over_time/memory_profile.h"
#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

constexpr char kMapped[] = "[mapped by the program]", kShared[] = "[shared memory]";
constexpr int64_t kMiB = 1 << 20;

#define SKIP_WITHOUT(condition, package) \
  if (!(condition)) GTEST_SKIP() << "the package " << (package) << " is missing"

class MemoryOf : public testing::Test {
 protected:
  // A program under the library. A handler of its own has SIGUSR2 in some.
  std::unique_ptr<Process> Start(const std::vector<std::string>& argv) {
    Command command = Under(dir_, argv, "dump_signal=40");
    command.directory = dir_.path();
    return std::make_unique<Process>(command);
  }
  MemoryProfile Asked(pid_t pid) {
    const Result asked =
        RunProgram({{HEAPPROF_COMMAND, "dump", "--profile", "memory", std::to_string(pid)}, {}, "", 60, {}});
    EXPECT_TRUE(asked.ok()) << asked.Describe();
    MemoryProfile profile(ReadFile(asked.out.substr(0, asked.out.find('\n'))));
    profile.ExpectWhole();
    return profile;
  }
  TempDir dir_;
};

// Small objects lie in arenas that the interpreter maps, a large list in a block of malloc's.
TEST_F(MemoryOf, Python) {
  SKIP_WITHOUT(HaveProgram("/usr/bin/python3"), "python3");
  const auto python = Start({"/usr/bin/python3", "-S", "-c",
                             "import time; rows = [float(i) for i in range(500_000)]; "
                             "print('ready', flush=True); time.sleep(60)"});
  ASSERT_TRUE(python->WaitForOutput("ready"));
  const MemoryProfile profile = Asked(python->pid());
  EXPECT_GT(profile.Of({kMapped}).resident, 11 * kMiB);
  EXPECT_LT(profile.Of({kMapped, "[before heapprof, or unseen]"}).resident, kMiB);
  EXPECT_GT(profile.Of({"[heap]", "[live blocks]"}).resident, 3 * kMiB);
}

TEST_F(MemoryOf, Node) {
  SKIP_WITHOUT(HaveProgram("node"), "nodejs");
  const auto node = Start({"node", "-e",
                           "global.a = []; for (let i = 0; i < 200000; i++) a.push({i, s: 'x' + i});"
                           "console.log('ready'); setTimeout(() => {}, 60000)"});
  ASSERT_TRUE(node->WaitForOutput("ready"));
  const MemoryProfile profile = Asked(node->pid());
  EXPECT_GT(profile.Of({kMapped}).resident, 10 * kMiB);
  EXPECT_LT(profile.Of({kMapped, "[before heapprof, or unseen]"}).resident, kMiB);
}

// What was deleted is holes in slabs, by size class.
TEST_F(MemoryOf, Redis) {
  SKIP_WITHOUT(HaveProgram("redis-server"), "redis-server");
  SKIP_WITHOUT(HaveProgram("redis-cli"), "redis-tools");
  const std::string socket = dir_ / "s";
  const auto server = Start({"redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                             "--appendonly", "no", "--enable-debug-command", "yes", "--hz", "1"});
  ASSERT_TRUE(server->WaitForOutput("The server is now ready"));
  const auto client = [&](const std::string& script) {
    const Result result = WithoutTheLibrary({"redis-cli", "-s", socket, "eval", script, "0"}, dir_.path());
    EXPECT_TRUE(result.ok()) << result.Describe();
  };
  client("for i = 1, 100000 do redis.call('set', 'key:' .. i, string.rep('v', 40)) end");
  const MemoryProfile full = Asked(server->pid());
  client("for i = 1, 100000, 2 do redis.call('del', 'key:' .. i) end");
  const MemoryProfile half = Asked(server->pid());
  EXPECT_GT(half.Of({"[heap]", "[free in slabs]", "[64-byte blocks]"}).resident,
            full.Of({"[heap]", "[free in slabs]", "[64-byte blocks]"}).resident + 2 * kMiB);
  EXPECT_LT(half.Of({"[heap]", "[live blocks]"}).resident,
            full.Of({"[heap]", "[live blocks]"}).resident - 2 * kMiB);
}

// A compiler's own collector maps its pages. It stands still where nobody reads what it writes.
TEST_F(MemoryOf, Compiler) {
  const Result where = WithoutTheLibrary({"g++", "-print-prog-name=cc1plus"}, dir_.path());
  const std::string compiler = where.out.substr(0, where.out.find('\n'));
  SKIP_WITHOUT(where.ok() && compiler[0] == '/', "g++");
  std::ofstream(dir_ / "a.cc")
      << "template <int N> struct Each { static long f(long x) { return Each<N - 1>::f(x * N + 1); } };\n"
         "template <> struct Each<0> { static long f(long x) { return x; } };\n"
         "long all(long x) { return Each<800>::f(x); }\n";
  const std::string out = dir_ / "out";
  ASSERT_EQ(mkfifo(out.c_str(), 0600), 0);
  const int fd = open(out.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  const auto cc1plus = Start({compiler, "-quiet", "-O0", "-ftemplate-depth=2000", dir_ / "a.cc", "-o", out});
  constexpr int kPipe = 65536;
  for (int held = 0; held < kPipe && kill(cc1plus->pid(), 0) == 0;) {
    ASSERT_EQ(ioctl(fd, FIONREAD, &held), 0);
    usleep(1000);
  }
  const MemoryProfile profile = Asked(cc1plus->pid());
  close(fd);
  EXPECT_GT(profile.Of({kMapped}).resident, kMiB);
  EXPECT_LT(profile.Of({kMapped, "[before heapprof, or unseen]"}).resident, kMiB);
}

std::string ReadIfThere(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string PostgresFolder() {
  std::error_code ignored;
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    newest = std::max(newest, (entry.path() / "bin/").string());
  }
  return newest;
}

// A backend has the server's buffers, which its parent has mapped.
TEST_F(MemoryOf, PostgresBackend) {
  const std::string folder = PostgresFolder();
  SKIP_WITHOUT(!folder.empty(), "postgresql");
  ASSERT_EQ(chmod(dir_.path().c_str(), 0777), 0);
  const auto command = [&](std::vector<std::string> argv) {
    argv[0] = folder + argv[0];
    Command made = Under(dir_, argv, "dump_signal=40");
    made.directory = dir_.path();
    made.before_exec = [] {  // the server refuses to be root's
      constexpr uid_t kNobody = 65534;
      if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(125);
    };
    return made;
  };
  Command init = command({"initdb", "-D", "data", "-A", "trust", "-U", "u", "--no-sync", "-E", "UTF8"});
  init.env.clear();
  const Result made = RunProgram(init);
  ASSERT_TRUE(made.ok()) << made.Describe();
  Process server(
      command({"postgres", "-D", "data", "-k", dir_.path(), "-c", "listen_addresses=", "-c", "fsync=off"}));
  ASSERT_TRUE(server.WaitForError("ready to accept connections")) << server.so_far().Describe();
  Command ask = command({"psql", "-h", dir_.path(), "-U", "u", "-At", "-d", "postgres", "-c",
                         "create table t as select i, md5(i::text) from generate_series(1, 100000) i", "-c",
                         "select 'pid ' || pg_backend_pid() || '.'", "-c", "select pg_sleep(60)"});
  ask.env.clear();
  Process client(ask);
  ASSERT_TRUE(client.WaitForOutput(".\n")) << client.so_far().Describe();
  const std::string& told = client.so_far().out;
  const MemoryProfile profile = Asked(std::stoi(told.substr(told.find("pid ") + 4)));
  EXPECT_GT(profile.In({kShared}, "PGSharedMemoryCreate").resident, 4 * kMiB);
  EXPECT_GT(profile.In({kShared}, "PGSharedMemoryCreate").mapped, 128 * kMiB);
  EXPECT_EQ(kill(server.pid(), SIGQUIT), 0);
  server.Wait();
}

// Its allocator is its own, and maps what it hands out.
TEST_F(MemoryOf, ChromiumRenderer) {
  const std::string chromium = "/usr/lib/chromium/chromium";
  SKIP_WITHOUT(std::filesystem::exists(chromium), "chromium");
  std::ofstream(dir_ / "page.html")
      << "<script>var a = []; for (let i = 0; i < 300000; i++) a.push({i, s: 'x' + i});"
         "console.log('page is ready')</script>";
  const auto browser =
      Start({chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--enable-logging=stderr", "--user-data-dir=" + dir_ / "user", "file://" + dir_ / "page.html"});
  ASSERT_TRUE(browser->WaitForError("page is ready")) << browser->so_far().Describe();
  // Which of its renderers has the page is not told: the one with the most memory.
  pid_t renderer = 0;
  long most = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string line = ReadIfThere(entry.path() / "cmdline");
    if (line.find("--type=renderer") == std::string::npos || line.find(dir_.path()) == std::string::npos)
      continue;
    long size = 0, resident = 0;
    std::ifstream(entry.path() / "statm") >> size >> resident;
    if (resident > most) renderer = std::stoi(entry.path().filename());
    most = std::max(most, resident);
  }
  ASSERT_NE(renderer, 0);
  const MemoryProfile profile = Asked(renderer);
  EXPECT_GT(profile.Of({kMapped}).resident, 10 * kMiB);
}

}  // namespace
}  // namespace heapprof::test
