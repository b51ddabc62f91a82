// SPDX-License-Identifier: Apache-2.0
// Programs that map memory: mappings SHAPE FILE writes the profile `memory` to FILE. Each function that maps
// has a name of its own.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

constexpr size_t kMiB = 1 << 20;
const char* g_path;

void Write(const char* path) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  CHECK(heapprof_write_profile("memory", fd, 0) == 0);
  close(fd);
}

char* Map(size_t size, char* where = nullptr, int flags = MAP_PRIVATE,
          int protection = PROT_READ | PROT_WRITE) {
  void* memory =
      mmap(where, size, protection, flags | MAP_ANONYMOUS | (where != nullptr ? MAP_FIXED : 0), -1, 0);
  CHECK(memory != MAP_FAILED);
  madvise(memory, size, MADV_NOHUGEPAGE);
  return static_cast<char*>(memory);
}

__attribute__((noinline)) char* MapsWhole() {
  char* memory = Map(16 * kMiB);
  memset(memory, 1, 16 * kMiB);
  return memory;
}
// In the midst of another's.
__attribute__((noinline)) void MapsOver(char* where) { memset(Map(4 * kMiB, where), 2, 4 * kMiB); }
__attribute__((noinline)) char* Grows(char* memory) {
  void* larger = mremap(memory, 8 * kMiB, 24 * kMiB, MREMAP_MAYMOVE);
  CHECK(larger != MAP_FAILED);
  return static_cast<char*>(larger);
}
__attribute__((noinline)) char* MapsSmall() {
  char* memory = Map(8 * kMiB);
  memset(memory, 1, 8 * kMiB);
  return memory;
}
__attribute__((noinline)) char* Reserves() {
  return Map(64 * kMiB, nullptr, MAP_PRIVATE | MAP_NORESERVE, PROT_NONE);
}

// 16 MiB of MapsWhole: 4 of them given back, 4 mapped anew by MapsOver.
void Parts() {
  char* memory = MapsWhole();
  CHECK(munmap(memory + 2 * kMiB, 4 * kMiB) == 0);
  CHECK(munmap(memory + 1, kMiB) == -1 && errno == EINVAL);
  MapsOver(memory + 8 * kMiB);
  // Refused: what both had mapped stays theirs.
  CHECK(mremap(memory + 6 * kMiB, 4 * kMiB, 8 * kMiB, 0) == MAP_FAILED);
  char* grown = Grows(MapsSmall());
  // What shrinks stays whose it is.
  char* shrunk = MapsSmall();
  CHECK(mremap(shrunk, 8 * kMiB, 2 * kMiB, 0) == shrunk);
  CHECK(Reserves() != nullptr);
  CHECK(grown != nullptr);
}

__attribute__((noinline)) void Attaches(std::vector<void*>* segments) {
  for (int i = 0; i < 2; ++i) {
    const int id = shmget(IPC_PRIVATE, 4 * kMiB, IPC_CREAT | 0600);
    CHECK(id >= 0);
    void* memory = shmat(id, nullptr, 0);
    CHECK(shmctl(id, IPC_RMID, nullptr) == 0);
    CHECK(memory != reinterpret_cast<void*>(-1));
    memset(memory, 1, 4 * kMiB);
    segments->push_back(memory);
  }
}
__attribute__((noinline)) char* MapsShared() {
  char* memory = Map(4 * kMiB, nullptr, MAP_SHARED);
  memset(memory, 1, 2 * kMiB);
  return memory;
}
__attribute__((noinline)) void RaisesBreak() {
  void* memory = sbrk(3 * kMiB);
  CHECK(memory != reinterpret_cast<void*>(-1));
  memset(memory, 1, 3 * kMiB);
  CHECK(brk(static_cast<char*>(memory) + 2 * kMiB) == 0);
}
void Others() {
  std::vector<void*> segments;
  Attaches(&segments);
  CHECK(shmdt(segments[0]) == 0);
  CHECK(MapsShared() != nullptr);
  RaisesBreak();
}

// Four threads map, split and unmap, in a range that all share; at last each leaves 1 MiB by its own
// function.
char* Touched() {
  char* memory = Map(kMiB);
  memset(memory, 1, kMiB);
  return memory;
}
__attribute__((noinline)) char* First() { return Touched() + 1; }
__attribute__((noinline)) char* Second() { return Touched() + 2; }
__attribute__((noinline)) char* Third() { return Touched() + 3; }
__attribute__((noinline)) char* Fourth() { return Touched() + 4; }
void* Churn(void* last) {
  for (int round = 0; round < 2000; ++round) {
    char* memory = Map(16 << 12);
    munmap(memory + (4 << 12), 4 << 12);
    Map(2 << 12, memory + (9 << 12));
    munmap(memory, 4 << 12);
    munmap(memory + (8 << 12), 8 << 12);
  }
  return (*reinterpret_cast<char* (**)()>(last))();
}
void Threads() {
  pthread_t threads[4];
  static char* (*last[])() = {First, Second, Third, Fourth};
  for (int i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], nullptr, Churn, &last[i]) == 0);
  for (const pthread_t thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
}

volatile sig_atomic_t g_handled = 0;
void Handler(int) {
  const int saved = errno;
  munmap(Map(8 << 12), 8 << 12);
  Write(g_path);
  errno = saved;
  ++g_handled;
}
// A timer's signal comes in the midst of a call, too; its handler maps and writes the profile.
void InHandler() {
  MapsWhole();
  signal(SIGALRM, Handler);
  timer_t timer;
  sigevent event = {};
  event.sigev_signo = SIGALRM;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  for (int round = 0; round < 20; ++round) {
    const int before = g_handled;
    const itimerspec soon = {{0, 0}, {0, 200'000 + 37'000 * round}};
    CHECK(timer_settime(timer, 0, &soon, nullptr) == 0);
    while (g_handled == before) munmap(Map(4 << 12), 4 << 12);
  }
}

void* MapForEver(void*) {
  for (;;) munmap(Map(4 << 12), 4 << 12);
}
// Children of forks that come in the midst of another thread's calls.
void Children() {
  MapsWhole();
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, MapForEver, nullptr) == 0);
  for (int round = 0; round < 20; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      MapsSmall();
      if (round == 0) Write((std::string(g_path) + ".child").c_str());
      _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
}

// 30,000 mappings of two functions in turn, of which every third is unmapped.
__attribute__((noinline)) void MapsEven(char* where) { Map(4096, where)[0] = 1; }
__attribute__((noinline)) void MapsOdd(char* where) { Map(4096, where)[0] = 1; }
void Many() {
  constexpr size_t kCount = 30'000;
  char* memory = Map(kCount * 4096, nullptr, MAP_PRIVATE | MAP_NORESERVE, PROT_NONE);
  for (size_t i = 0; i < kCount / 2; ++i) {
    MapsEven(memory + 4096 * (2 * i));
    MapsOdd(memory + 4096 * (2 * i + 1));
  }
  for (size_t i = 0; i + 512 < kCount; i += 1024) CHECK(munmap(memory + 4096 * i, 512 * 4096) == 0);
}

// The function that the program's slot leads to; with the option off nobody's but libc's.
void Off() {
  void* (*volatile map)(void*, size_t, int, int, int, off_t) = mmap;
  printf("slot %s\n", reinterpret_cast<void*>(map) == dlsym(RTLD_DEFAULT, "mmap") ? "libc's" : "a wrapper");
  MapsWhole();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  const std::string shape = argv[1];
  g_path = argv[2];
  if (shape == "parts") Parts();
  if (shape == "others") Others();
  if (shape == "threads") Threads();
  if (shape == "handler") InHandler();
  if (shape == "children") Children();
  if (shape == "many") Many();
  if (shape == "off") Off();
  Write(g_path);
  puts("OK");
  return 0;
}
