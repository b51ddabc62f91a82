// SPDX-License-Identifier: Apache-2.0
// Texts that are no UTF-8, and more of them than a profile has names.
//   odd_texts FOLDER PLUGIN    copies the plugin to a path that is no UTF-8, lets it allocate, in a thread
//   too
//                              whose name is none, and writes a profile of each kind: odd.KIND.pb.gz
//   odd_texts labels COUNT     as many distinct values of a label, each on a block that stays
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <string>

#include "tests/system/programs/program.h"

extern "C" {
extern __typeof__(heapprof_start_cpu_profile) heapprof_start_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_stop_cpu_profile) heapprof_stop_cpu_profile __attribute__((weak));
extern __typeof__(heapprof_start_wall_profile) heapprof_start_wall_profile __attribute__((weak));
extern __typeof__(heapprof_stop_wall_profile) heapprof_stop_wall_profile __attribute__((weak));
extern __typeof__(heapprof_profile_new) heapprof_profile_new __attribute__((weak));
extern __typeof__(heapprof_profile_add) heapprof_profile_add __attribute__((weak));
extern __typeof__(heapprof_profile_count) heapprof_profile_count __attribute__((weak));
extern __typeof__(heapprof_profile_add_value) heapprof_profile_add_value __attribute__((weak));
extern __typeof__(heapprof_labels_set) heapprof_labels_set __attribute__((weak));
extern __typeof__(heapprof_labels_get) heapprof_labels_get __attribute__((weak));
}

namespace {

int Create(const std::string& name) {
  const int fd = open(name.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0700);
  CHECK(fd >= 0);
  return fd;
}

void Copy(const char* from, const std::string& to) {
  const int in = open(from, O_RDONLY | O_CLOEXEC), out = Create(to);
  CHECK(in >= 0);
  char piece[4096];
  ssize_t size;
  while ((size = read(in, piece, sizeof piece)) > 0) CHECK(write(out, piece, size) == size);
  CHECK(size == 0 && close(in) == 0 && close(out) == 0);
}

void WriteTo(const char* name, const char* kind) {
  const int fd = Create(std::string("odd.") + kind + ".pb.gz");
  CHECK(heapprof_write_profile(name, fd, 0) == 0);
  CHECK(close(fd) == 0);
}

// Latin-1, a surrogate, an overlong form of "/" and one of NUL.
constexpr char kThreadName[] = "\xfc \xed\xa0\x80\xc0\xaf\xc0\x80";

void Refused() {
  heapprof_profile* profile = heapprof_profile_new("values");
  for (const char* bad :
       {"\xff", "caf\xe9", "\xed\xa0\x80", "\xc0\x80", "cut \xe2\x82", "\xf4\x90\x80\x80"}) {
    CHECK(heapprof_labels_set("key", bad) == -EINVAL);
    CHECK(heapprof_labels_set(bad, "value") == -EINVAL);
    CHECK(heapprof_profile_new(bad) == nullptr && errno == EINVAL);
    CHECK(heapprof_profile_add_value(profile, bad, 0, 1, 1, bad) == -EINVAL);
  }
  CHECK(heapprof_labels_get("key") == nullptr && heapprof_profile_count(profile) == 0);
  CHECK(heapprof_labels_set("\xce\xba\xce\xbb\xce\xb5\xce\xb9\xce\xb4\xce\xaf", "caf\xc3\xa9") == 0);
}

using Allocate = void* (*)(size_t);

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<bool> g_held{false};
int g_end[2];  // a pipe

// Until the first thread sleeps: it waits for the lock.
void AwaitSleep() {
  char state = '?';
  while (state != 'S') {
    FILE* stat = fopen("/proc/self/stat", "re");
    CHECK(stat != nullptr && fscanf(stat, "%*d %*[^)]) %c", &state) == 1 && fclose(stat) == 0);
  }
}

void* OddThread(void* allocate) {
  CHECK(pthread_setname_np(pthread_self(), kThreadName) == 0);
  void* kept = reinterpret_cast<Allocate>(allocate)(5000);
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  g_held.store(true);
  AwaitSleep();
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
  char byte;
  CHECK(read(g_end[0], &byte, 1) == 1);
  free(kept);
  return nullptr;
}

// Profiles that run for some time.
template <typename Start, typename Stop>
void WriteWhile(Allocate allocate, const char* kind, Start start, Stop stop) {
  const int fd = Create(std::string("odd.") + kind + ".pb.gz");
  CHECK(start(fd, 1000) == 0);
  for (int i = 0; i < 3000; ++i) free(allocate(100));
  CHECK(stop() == 0 && close(fd) == 0);
}

void WriteAll(Allocate allocate) {
  Refused();
  void* kept = allocate(100'000);
  heapprof_profile* profile = heapprof_profile_new("d\xc3\xa9tails");
  CHECK(profile != nullptr && heapprof_profile_add(profile, kept, 0) == 0);
  CHECK(heapprof_profile_add_value(profile, &profile, 0, 1, 1,
                                   "pi\xc3\xa8"
                                   "ces") == 0);
  CHECK(pipe(g_end) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, nullptr, OddThread, reinterpret_cast<void*>(allocate)) == 0);
  while (!g_held.load()) sched_yield();
  CHECK(pthread_mutex_lock(&g_mutex) == 0 && pthread_mutex_unlock(&g_mutex) == 0);
  WriteWhile(allocate, "cpu", heapprof_start_cpu_profile, heapprof_stop_cpu_profile);
  WriteWhile(allocate, "wall", heapprof_start_wall_profile, heapprof_stop_wall_profile);
  for (const char* kind :
       {"heap", "allocs", "peak", "growth", "threadcreate", "threads", "block", "mutex", "memory"}) {
    WriteTo(kind, kind);
  }
  WriteTo("d\xc3\xa9tails", "named");
  CHECK(write(g_end[1], "", 1) == 1 && pthread_join(thread, nullptr) == 0);
  free(kept);
}

void Texts(const std::string& folder, const char* plugin) {
  const std::string odd = folder + "/caf\xe9 \xe2\x82.so";
  Copy(plugin, odd);
  void* handle = dlopen(odd.c_str(), RTLD_NOW | RTLD_LOCAL);
  CHECK(handle != nullptr);
  auto allocate = reinterpret_cast<Allocate>(dlsym(handle, "plugin_alloc"));
  if (HasLibrary()) WriteAll(allocate);
  CHECK(unlink(odd.c_str()) == 0);
  Finish();
}

NOINLINE void* alloc_labelled() { return malloc(1000); }

void Labels(int count) {
  for (int i = 0; i < count && HasLibrary(); ++i) {
    CHECK(heapprof_labels_set("request", ("number " + std::to_string(i)).c_str()) == 0);
    void* volatile kept = alloc_labelled();
    CHECK(kept != nullptr);
  }
  Dump();
  Finish();
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  if (strcmp(argv[1], "labels") == 0) {
    Labels(atoi(argv[2]));
  } else {
    Texts(argv[1], argv[2]);
  }
}
