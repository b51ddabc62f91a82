// SPDX-License-Identifier: Apache-2.0
// Does what libraries that are preloaded beside ours stand before: clocks, owners of files, fsync, the malloc
// family with the functions that other allocators leave out, threads, fork, exec, dlopen. Tells the year and
// the owner that it sees, and OK.
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace {

void Check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "not so: %s\n", what);
  _exit(9);
}

// What one function of the family made another one takes.
void UseTheFamily(size_t round) {
  char* block = static_cast<char*>(malloc(100 + round));
  block = static_cast<char*>(reallocarray(block, 10 + round, 100));
  memset(block, 1, (10 + round) * 100);
  block = static_cast<char*>(reallocarray(block, 10, 10));
  Check(block[99] == 1 && malloc_usable_size(block) >= 100, "reallocarray");
  free(block);
  free(reallocarray(nullptr, 10, 10));
  void* page = pvalloc(100);
  Check(malloc_usable_size(page) >= 4096 && reinterpret_cast<uintptr_t>(page) % 4096 == 0, "pvalloc");
  memset(page, 1, 4096);
  free(page);
  void* aligned = nullptr;
  Check(posix_memalign(&aligned, 64, 100) == 0, "posix_memalign");
  free(realloc(aligned, 5000));
  free(valloc(10));
  free(memalign(64, 10));
  free(aligned_alloc(64, 128));
  free(calloc(10, 10));
  free(strdup("text"));
  delete new std::string(100, 'x');
}

void WaitForEachOther() {
  std::mutex mutex;
  std::condition_variable changed;
  int done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (size_t round = 0; round < 200; ++round) UseTheFamily(round);
      const std::lock_guard<std::mutex> lock(mutex);
      ++done;
      changed.notify_all();
    });
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait_for(lock, std::chrono::seconds(100), [&] { return done == 4; });
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  Check(done == 4, "threads");
}

void WriteAFile() {
  const int fd = open("file", O_CREAT | O_RDWR, 0600);
  Check(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && close(fd) == 0, "file");
  struct stat facts;
  Check(chown("file", 4711, 4711) == 0 && stat("file", &facts) == 0, "chown");
  printf("owner %u\n", facts.st_uid);
}

int StatusOf(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0) {
  }
  return status;
}

}  // namespace

extern "C" __attribute__((noinline)) void* KeepForGood() { return malloc(123456); }

int main(int argc, char** argv) {
  if (argc > 1) {
    UseTheFamily(1);
    return 7;
  }
  static void* volatile kept = KeepForGood();
  Check(kept != nullptr, "malloc");
  WaitForEachOther();
  WriteAFile();
  const time_t now = time(nullptr);
  timespec clock;
  Check(clock_gettime(CLOCK_REALTIME, &clock) == 0 && clock.tv_sec - now < 100, "clocks");
  printf("year %d\n", localtime(&now)->tm_year + 1900);
  fflush(stdout);
  if (const pid_t child = fork()) {
    Check(StatusOf(child) == 0, "child of fork");
  } else {
    WaitForEachOther();
    exit(0);
  }
  char child[] = "child";
  char* words[] = {argv[0], child, nullptr};
  pid_t spawned = -1;
  Check(posix_spawn(&spawned, "/proc/self/exe", nullptr, nullptr, words, environ) == 0, "posix_spawn");
  Check(WEXITSTATUS(StatusOf(spawned)) == 7, "spawned child");
  if (void* library = dlopen("libz.so.1", RTLD_NOW)) dlclose(library);
  timespec brief = {0, 1000000};
  nanosleep(&brief, nullptr);
  puts("OK");
  return 0;
}
