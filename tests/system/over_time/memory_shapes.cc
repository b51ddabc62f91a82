// SPDX-License-Identifier: Apache-2.0
// Programs whose memory is known by cause: memory_shapes SHAPE FILE writes the profile `memory` to FILE.
#include <errno.h>
#include <fcntl.h>
#include <heapprof/heapprof.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <vector>

// What is free stays dirty.
extern "C" {
const char* malloc_conf = "dirty_decay_ms:-1";
}

namespace {

constexpr size_t kMiB = 1 << 20;
const char* g_path;

int Write(const char* path, int debug = 0) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  const int result = heapprof_write_profile("memory", fd, debug);
  close(fd);
  return result;
}

char* Map(size_t size, int flags = MAP_PRIVATE | MAP_ANONYMOUS, int fd = -1) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, fd, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

// Many small blocks, and a large one of which a part was touched.
__attribute__((noinline)) char* AllocateUntouched() {
  char* block = static_cast<char*>(malloc(100 * kMiB));
  memset(block, 1, 30 * kMiB);
  return block;
}
__attribute__((noinline)) std::vector<char*> AllocateSmall(size_t count) {
  std::vector<char*> blocks(count);
  for (char*& block : blocks) block = static_cast<char*>(malloc(100));
  for (char* block : blocks) memset(block, 1, 100);
  return blocks;
}

int Blocks() {
  char* volatile large = AllocateUntouched();
  const std::vector<char*> small = AllocateSmall(200'000);
  const int result = Write(g_path);
  return large != nullptr && !small.empty() ? result : 1;
}

// Every second block is freed: slabs stay half empty. What is freed whole stays as dirty pages.
int Slack() {
  std::vector<char*> small = AllocateSmall(400'000);
  for (size_t i = 0; i < small.size(); i += 2) free(small[i]);
  std::vector<char*> pages(1000);
  for (char*& block : pages) memset(block = static_cast<char*>(malloc(64 << 10)), 1, 64 << 10);
  for (char* block : pages) free(block);
  return Write(g_path);
}

int Mapped(size_t mapped, size_t touched) {
  char* memory = Map(mapped, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  if (memory == nullptr) return 1;
  madvise(memory, mapped, MADV_NOHUGEPAGE);
  memset(memory, 1, touched);
  long least = LONG_MAX;
  int result = 0;
  for (int round = 0; round < 3 && result == 0; ++round) {
    timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    result = Write(g_path);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    const long took = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1'000'000;
    if (took < least) least = took;
  }
  printf("milliseconds %ld\n", least);
  return result;
}

int HugePages() {
  char* memory = Map(34 * kMiB);
  char* aligned = memory + (-reinterpret_cast<uintptr_t>(memory) & (2 * kMiB - 1));
  madvise(aligned, 32 * kMiB, MADV_HUGEPAGE);
  for (size_t i = 0; i < 16 * kMiB; i += 4096) aligned[i] = 1;
  return Write(g_path);
}

// Reads pages that nobody wrote: the page of zeros counts for nothing.
int Zeros() {
  char* memory = Map(64 * kMiB);
  madvise(memory, 64 * kMiB, MADV_NOHUGEPAGE);
  volatile char sum = 0;
  for (size_t i = 0; i < 64 * kMiB; i += 4096) sum = static_cast<char>(sum + memory[i]);
  return Write(g_path);
}

int Shared() {
  const std::string name = std::string(g_path) + ".shared";
  const int fd = open(name.c_str(), O_CREAT | O_RDWR, 0600);
  if (ftruncate(fd, 32 * kMiB) != 0) return 1;
  char* file = Map(32 * kMiB, MAP_SHARED, fd);
  char* anonymous = Map(32 * kMiB, MAP_SHARED | MAP_ANONYMOUS);
  char* copied = Map(32 * kMiB, MAP_PRIVATE, fd);
  memset(file, 1, 8 * kMiB);
  memset(anonymous, 1, 4 * kMiB);
  memset(copied, 2, 2 * kMiB);
  return Write(g_path);
}

pthread_barrier_t g_begun, g_over;
void* Thread(void*) {
  pthread_setname_np(pthread_self(), "worker");
  volatile char stack[64 << 10];
  for (size_t i = 0; i < sizeof(stack); i += 4096) stack[i] = 1;
  free(malloc(100));
  pthread_barrier_wait(&g_begun);
  pthread_barrier_wait(&g_over);
  return nullptr;
}
int Threads(unsigned count) {
  pthread_barrier_init(&g_begun, nullptr, count + 1);
  pthread_barrier_init(&g_over, nullptr, count + 1);
  std::vector<pthread_t> threads(count);
  for (pthread_t& thread : threads) {
    if (pthread_create(&thread, nullptr, Thread, nullptr) != 0) return 1;
  }
  pthread_barrier_wait(&g_begun);
  const int result = Write(g_path);
  pthread_barrier_wait(&g_over);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
  return result;
}

// A thread on memory that the program gave it.
int GivenStack() {
  constexpr size_t kSize = 8 * kMiB;
  char* memory = Map(kSize);
  pthread_barrier_init(&g_begun, nullptr, 2);
  pthread_barrier_init(&g_over, nullptr, 2);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  if (pthread_attr_setstack(&attributes, memory, kSize) != 0 ||
      pthread_create(&thread, &attributes, Thread, nullptr) != 0) {
    return 1;
  }
  pthread_barrier_wait(&g_begun);
  const int result = Write(g_path);
  pthread_barrier_wait(&g_over);
  pthread_join(thread, nullptr);
  return result;
}

// Filters as sandboxes have them: one way to ask for pages after the other is refused.
int Filtered() {
  constexpr int kRefused[] = {SYS_ioctl, SYS_pread64};
  Map(8 * kMiB)[0] = 1;
  const std::vector<char*> small = AllocateSmall(100'000);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 1;
  for (int i = 0; i < 2; ++i) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(kRefused[i]), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return 1;
    const int result = Write((std::string(g_path) + std::to_string(i)).c_str());
    if (result != 0) return result;
  }
  return small.empty() ? 1 : Write(g_path);
}

volatile sig_atomic_t g_result = 1;
void Handler(int) { g_result = Write(g_path); }
// A timer's signal comes wherever the allocator is.
int InHandler() {
  signal(SIGALRM, Handler);
  timer_t timer;
  sigevent event = {};
  event.sigev_signo = SIGALRM;
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  for (int round = 0; round < 20; ++round) {
    g_result = 1;
    itimerspec soon = {{0, 0}, {0, 200'000 + 37'000 * round}};
    timer_settime(timer, 0, &soon, nullptr);
    std::vector<char*> blocks;
    while (g_result == 1) blocks.push_back(static_cast<char*>(malloc(100 + blocks.size() % 20'000)));
    for (char* block : blocks) free(block);
    if (g_result != 0) return g_result;
  }
  return 0;
}

int Child() {
  const std::vector<char*> small = AllocateSmall(100'000);
  char* memory = Map(16 * kMiB);
  memset(memory, 1, 16 * kMiB);
  const pid_t child = fork();
  if (child == 0) _exit(Write(g_path) == 0 && !small.empty() ? 0 : 1);
  int status;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int Text() {
  char* volatile large = AllocateUntouched();
  return Write(g_path, large != nullptr ? 1 : 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string shape = argv[1];
  g_path = argv[2];
  const int result = shape == "blocks"        ? Blocks()
                     : shape == "slack"       ? Slack()
                     : shape == "mapped"      ? Mapped(10240 * kMiB, 128 * kMiB)
                     : shape == "mapped1g"    ? Mapped(10240 * kMiB, 1024 * kMiB)
                     : shape == "huge"        ? HugePages()
                     : shape == "zeros"       ? Zeros()
                     : shape == "shared"      ? Shared()
                     : shape == "threads"     ? Threads(100)
                     : shape == "threads1000" ? Threads(1000)
                     : shape == "given"       ? GivenStack()
                     : shape == "handler"     ? InHandler()
                     : shape == "child"       ? Child()
                     : shape == "filtered"    ? Filtered()
                     : shape == "text"        ? Text()
                                              : 2;
  if (result == 0) puts("OK");
  return result == 0 ? 0 : 1;
}
