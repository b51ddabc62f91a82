// SPDX-License-Identifier: Apache-2.0
// What the programs of this folder share: the library's calls, if it is there, and real time.
#ifndef HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_
#define HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/system/cpu/load.h"

extern "C" {
extern __typeof__(heapprof_start_wall_profile) heapprof_start_wall_profile __attribute__((weak));
extern __typeof__(heapprof_stop_wall_profile) heapprof_stop_wall_profile __attribute__((weak));
}

inline int64_t RealNanos() { return Nanos(CLOCK_MONOTONIC); }

// Begins a profile that is kept in `name`; nothing without the library.
inline void StartWall(const char* name, int hz) {
  if (heapprof_start_wall_profile == nullptr) return;
  const int fd = OpenNew(name);
  CHECK(heapprof_start_wall_profile(fd, hz) == 0);
}
inline void StopWall() {
  if (heapprof_stop_wall_profile != nullptr) CHECK(heapprof_stop_wall_profile() == 0);
}

NOINLINE inline void Work(int64_t nanos) { BurnFor(nanos); }

// use(folder in /proc) for each process that is this one or its child.
template <typename Use>
int ForEachChild(Use use) {
  DIR* folder = opendir("/proc");
  CHECK(folder != nullptr);
  int count = 0;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const std::string path = std::string("/proc/") + entry->d_name;
    FILE* status = fopen((path + "/status").c_str(), "r");
    if (status == nullptr) continue;
    char line[256];
    int parent = 0, ids[4] = {};
    while (fgets(line, sizeof(line), status) != nullptr) {
      sscanf(line, "PPid: %d", &parent);
      sscanf(line, "Uid: %d %d %d %d", &ids[0], &ids[1], &ids[2], &ids[3]);
    }
    fclose(status);
    if (parent != getpid()) continue;
    ++count;
    use(ids);
  }
  closedir(folder);
  return count;
}

NOINLINE inline void ShortLife() {
  timespec time = {0, 200'000};
  nanosleep(&time, nullptr);
}

#endif  // HEAPPROF_TESTS_SYSTEM_WALL_WALL_H_
