// SPDX-License-Identifier: Apache-2.0
// A program that installs seccomp filters late, which answer some calls with EPERM.
//   start      no timers: a CPU profile does not start, by call or by signal
//   fallback   no timers for threads: one for the process stands in
//   during     no timers from the middle of a profile on, nor a way to end those there are
//   heap       first no look at memory, then no files
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include <initializer_list>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/cpu/load.h"

namespace {

void Forbid(std::initializer_list<int> calls) {
  const auto count = static_cast<uint8_t>(calls.size());
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  uint8_t left = count;
  for (int call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(call), left, 0));
    --left;
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

NOINLINE void Before() { BurnFor(100'000'000); }
NOINLINE void After() { BurnFor(100'000'000); }

void Start() {
  Forbid({SYS_timer_create, SYS_setitimer, SYS_perf_event_open, SYS_tgkill});
  const int fd = OpenNew("start.cpu.pb.gz");
  for (int i = 0; i < 3; ++i) CHECK(heapprof_start_cpu_profile(fd, 1000) == -EPERM);
  CHECK(heapprof_stop_cpu_profile() == -ENOENT);
  CHECK(kill(getpid(), SIGUSR1) == 0);
  After();
  std::thread(After).join();
}

void Fallback() {
  Forbid({SYS_timer_create, SYS_perf_event_open});
  const int fd = OpenNew("fallback.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  After();
  CHECK(heapprof_stop_cpu_profile() == 0);
}

void During() {
  const int fd = OpenNew("during.cpu.pb.gz");
  CHECK(heapprof_start_cpu_profile(fd, 1000) == 0);
  std::thread(Before).join();
  Forbid({SYS_timer_create, SYS_timer_settime, SYS_timer_delete, SYS_setitimer, SYS_perf_event_open,
          SYS_ioctl, SYS_tgkill});
  std::thread(Before).join();  // it has no clock
  After();
  CHECK(heapprof_stop_cpu_profile() == 0);
  CHECK(heapprof_start_cpu_profile(fd, 1000) == -EPERM);
  After();  // under ticks that could not be ended
}

void Heap() {
  std::vector<void*> kept;
  for (size_t i = 0; i < 100; ++i) kept.push_back(malloc(1000));
  Forbid({SYS_process_vm_readv});
  CHECK(heapprof_dump_heap(nullptr) == 0);
  Forbid({SYS_openat});
#ifdef SYS_open
  Forbid({SYS_open});
#endif
  CHECK(heapprof_dump_heap(nullptr) == -EPERM);
  for (void* block : kept) free(block);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const std::string mode = argv[1];
  if (mode == "start") Start();
  if (mode == "fallback") Fallback();
  if (mode == "during") During();
  if (mode == "heap") Heap();
  Finish();
}
