// SPDX-License-Identifier: Apache-2.0
// threads SCENARIO WORDS...; before the scenario may stand "untraced" (as in a sandbox that forbids ptrace)
// and "unlooked" (threads that wait cannot be seen without a stop, as where /proc does not tell).
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "tests/system/threads/scenario.h"

void WriteThreads(const char* path, int debug) {
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(heapprof_write_profile("threads", fd, debug) == 0);
  CHECK(close(fd) == 0);
}

std::string Paragraphs() {
  char name[] = "paragraphs.XXXXXX";
  const int fd = mkstemp(name);
  CHECK(fd >= 0 && unlink(name) == 0);
  CHECK(heapprof_write_profile("threads", fd, 2) == 0);
  std::string text(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  CHECK(pread(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  close(fd);
  return text;
}

void DumpAway() {
  static const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  CHECK(heapprof_write_profile("threads", null, 0) == 0);
}

int OwnTid() { return static_cast<int>(syscall(SYS_gettid)); }

namespace {

// What the kernel says of a thread in the file `name`; empty: nothing.
struct ThreadFile {
  ThreadFile(int tid, const char* name) {
    char path[64];
    snprintf(path, sizeof path, "/proc/thread-self/../%d/%s", tid, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[got > 0 ? got : 0] = '\0';
  }
  char text[512];
};

}  // namespace

void AwaitState(int tid, char letter) {
  for (;; sched_yield()) {
    const ThreadFile stat(tid, "stat");
    const char* at = strrchr(stat.text, ')');
    if (at != nullptr && at[1] == ' ' && at[2] == letter) return;
  }
}

void AwaitCall(int tid, long number) {
  for (;; sched_yield()) {
    char* end;
    const ThreadFile call(tid, "syscall");
    if (strtol(call.text, &end, 10) == number && end != call.text) return;
  }
}

namespace {

void Forbid(unsigned call) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

struct Scenario {
  const char* name;
  void (*run)(Words words);
};
constexpr Scenario kScenarios[] = {
    {"known", Known},   {"serve", Serve},         {"thousand", Thousand}, {"blocked", Blocked},
    {"vfork", InVfork}, {"main_ends", MainEnds},  {"calls", Calls},       {"handlers", Handlers},
    {"storm", Storm},   {"coroutine", Coroutine}, {"churn", Churn},       {"forks", Forks},
    {"execs", Execs},   {"loads", Loads},
};

}  // namespace

int main(int argc, char** argv) {
  Words words = {argc - 1, argv + 1};
  for (; words.count > 0; --words.count, ++words.at) {
    if (strcmp(words.at[0], "untraced") == 0) {
      Forbid(SYS_ptrace);
    } else if (strcmp(words.at[0], "unlooked") == 0) {
      Forbid(SYS_get_robust_list);
    } else {
      break;
    }
  }
  for (const Scenario& scenario : kScenarios) {
    if (words.count == 0 || strcmp(words.at[0], scenario.name) != 0) continue;
    scenario.run({words.count - 1, words.at + 1});
    Finish();
    return 0;
  }
  return 97;
}
