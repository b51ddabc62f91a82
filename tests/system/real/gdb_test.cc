// SPDX-License-Identifier: Apache-2.0
// The stacks of all threads beside gdb's, address by address, of servers and interpreters that are idle.
#include <grp.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "tests/system/real/real.h"

namespace heapprof::test {
namespace {

constexpr uid_t kNobody = 65534;
constexpr int kSignal = 45;  // none of those that programs use

using Stacks = std::map<int, std::vector<uint64_t>>;

// "thread 12 ..." begins one; "#\t0x..." is a frame of it, up to "# created by".
Stacks OfDump(const std::string& text) {
  Stacks stacks;
  std::istringstream lines(text);
  std::vector<uint64_t>* stack = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("thread ", 0) == 0) stack = &stacks[std::stoi(line.substr(7))];
    if (line.empty() || line == "# created by") stack = nullptr;
    if (stack != nullptr && line.rfind("#\t0x", 0) == 0)
      stack->push_back(std::stoull(line.substr(2), nullptr, 16));
  }
  return stacks;
}

Stacks OfGdb(const std::string& text) {
  Stacks stacks;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    int tid;
    if (!(words >> word >> tid) || word != "thread") continue;
    for (uint64_t address; words >> std::hex >> address;) stacks[tid].push_back(address);
  }
  return stacks;
}

// Of one thread. A call that was interrupted begins anew, two bytes earlier.
bool AreSame(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  constexpr uint64_t kInstruction = 2;
  if (a.size() != b.size() || a.empty()) return false;
  const uint64_t distance = a[0] > b[0] ? a[0] - b[0] : b[0] - a[0];
  return (distance == 0 || distance == kInstruction) && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
}

std::string TextOf(const Stacks& stacks) {
  std::ostringstream text;
  for (const auto& [tid, stack] : stacks) {
    text << tid << std::hex;
    for (const uint64_t address : stack) text << " " << address;
    text << std::dec << "\n";
  }
  return text.str();
}

class BesideGdb : public testing::Test {
 protected:
  Command Start(const std::vector<std::string>& argv) {
    Command command =
        Under(profiles_, argv,
              "thread_dump_signal=" + std::to_string(kSignal) + ":log_path=" + (profiles_ / "log"));
    command.directory = work_.path();
    return command;
  }
  std::string DumpOf(int pid, size_t dumps) {
    const std::string file = profiles_ / ("log." + std::to_string(pid) + ".threads.txt");
    EXPECT_EQ(kill(pid, kSignal), 0);
    // The head and each paragraph end with an empty line; the last is complete when gdb can stop the process.
    for (;;) {
      const std::string text = ReadFile(file);
      size_t at = std::string::npos, count = 0;
      for (size_t next = text.find(" threads of process "); next != std::string::npos;
           next = text.find(" threads of process ", next + 1)) {
        at = text.rfind('\n', next);
        ++count;
      }
      if (count == dumps && text.size() > 2 && text.substr(text.size() - 2) == "\n\n") {
        const std::string last = at == std::string::npos ? text : text.substr(at + 1);
        const size_t head = std::stoul(last);
        size_t threads = 0;
        for (size_t next = last.find("\nthread "); next != std::string::npos;
             next = last.find("\nthread ", next + 1))
          ++threads;
        if (threads == head) return last;
      }
      usleep(1000);
    }
  }
  // A thread that does something in between has another stack: a few tries. That of thread `busy` is not
  // compared, which runs, but goes as far as to `root`.
  void Compare(int pid, int busy = 0, const std::string& root = "") {
    REQUIRE_PROGRAM("gdb", "gdb");
    constexpr int kTries = 5;
    std::string ours, theirs;
    for (int i = 1; i <= kTries; ++i) {
      const std::string text = DumpOf(pid, static_cast<size_t>(i));
      const Result gdb = RunProgram(
          {{"gdb", "-nx", "-batch", "-p", std::to_string(pid), "-ex", "source " + Input("stacks.py")},
           {{"DEBUGINFOD_URLS", ""}},
           work_.path(),
           60,
           nullptr});
      const Stacks a = OfDump(text), b = OfGdb(gdb.out);
      bool same = a.size() == b.size() && !a.empty();
      for (const auto& [tid, stack] : a) {
        same = same && b.count(tid) != 0 && (tid == busy || AreSame(stack, b.at(tid)));
      }
      const size_t at = busy == 0 ? 0 : text.find("thread " + std::to_string(busy) + " ");
      const std::string paragraph = at == std::string::npos ? "" : text.substr(at);
      same = same && paragraph.substr(0, paragraph.find("\n\n")).find(root) != std::string::npos;
      if (same) {
        RecordProperty("threads", static_cast<int>(a.size()));
        return;
      }
      ours = text + TextOf(a);
      theirs = TextOf(b) + gdb.err;
    }
    ADD_FAILURE() << "ours:\n" << ours << "gdb's:\n" << theirs;
  }
  TempDir work_, profiles_;
};

TEST_F(BesideGdb, Redis) {
  REQUIRE_PROGRAM("redis-server", "redis-server");
  Process server(Start({"redis-server", "--port", std::to_string(FreePort()), "--bind", "127.0.0.1", "--save",
                        "", "--dir", work_.path()}));
  ASSERT_TRUE(server.WaitForOutput("Ready to accept connections")) << server.so_far().Describe();
  Compare(server.pid());
}

TEST_F(BesideGdb, PythonWithThreads) {
  REQUIRE_PROGRAM("/usr/bin/python3", "python3");
  Process program(Start({"/usr/bin/python3", Input("threads.py")}));
  ASSERT_TRUE(program.WaitForOutput("ready")) << program.so_far().Describe();
  Compare(program.pid());
}

TEST_F(BesideGdb, Node) {
  REQUIRE_PROGRAM("/usr/bin/node", "nodejs");
  Process program(Start({"/usr/bin/node", "-e", "console.log('ready'); setTimeout(() => {}, 600000)"}));
  ASSERT_TRUE(program.WaitForOutput("ready")) << program.so_far().Describe();
  Compare(program.pid());
}

// V8's own frames are walked, too, by their frame pointers; gdb finds others there.
TEST_F(BesideGdb, NodeThatComputes) {
  REQUIRE_PROGRAM("/usr/bin/node", "nodejs");
  const std::string script =
      "function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); }\nconsole.log('ready'); for (;;) f(25);";
  Process program(Start({"/usr/bin/node", "-e", script}));
  ASSERT_TRUE(program.WaitForOutput("ready")) << program.so_far().Describe();
  Compare(program.pid(), program.pid(), "\tnode::Start(");
}

TEST_F(BesideGdb, Postgres) {
  std::error_code ignored;
  std::string folder;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored)) {
    folder = std::max(folder, (entry.path() / "bin").string());
  }
  REQUIRE_PROGRAM(folder + "/postgres", "postgresql");
  const auto as_nobody = [](Command command) {
    command.before_exec = [] {  // the server refuses to be root's
      if (geteuid() == 0 && (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0))
        _exit(125);
    };
    command.env.insert(command.env.end(), {{"LC_ALL", "C"}, {"HOME", "/"}});
    return command;
  };
  std::filesystem::permissions(work_.path(), std::filesystem::perms::all);
  std::filesystem::permissions(profiles_.path(), std::filesystem::perms::all);
  Command initdb =
      as_nobody(Start({folder + "/initdb", "-D", "data", "-A", "trust", "-U", "tester", "--no-sync"}));
  const Result made = RunProgram(initdb);
  ASSERT_TRUE(made.ok()) << made.Describe();
  Process server(
      as_nobody(Start({folder + "/postgres", "-D", "data", "-k", work_.path(), "-c", "listen_addresses="})));
  ASSERT_TRUE(server.WaitForError("ready to accept connections")) << server.so_far().Describe();
  Compare(server.pid());
}

}  // namespace
}  // namespace heapprof::test
