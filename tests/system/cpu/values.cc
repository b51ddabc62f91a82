// SPDX-License-Identifier: Apache-2.0
// A program whose named profiles have values.
//   values PROFILE.debug0 PROFILE.debug1 HUGE.debug0 HUGE.debug1 CHILD.debug1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "heapprof/heapprof.hpp"
#include "tests/system/programs/program.h"

namespace {

using heapprof::Profile;

char g_keys[100'000];

NOINLINE void OpenFiles(Profile profile) {
  for (int i = 0; i < 10; ++i) CHECK(!profile.AddValue(&g_keys[i], 1, 3, "handles"));
}
NOINLINE void OpenSockets(Profile profile) {
  heapprof::ScopedLabels labels("peer", "10.0.0.1");
  CHECK(!profile.AddValue(&g_keys[10], 4, 100, "handles"));
}
NOINLINE void Plain(Profile profile) {
  for (int i = 20; i < 25; ++i) CHECK(!profile.Add(&g_keys[i]));
}

void WriteTo(const char* path, const char* name, heapprof::Format format) {
  const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(!heapprof::WriteProfile(name, fd, format));
  CHECK(close(fd) == 0);
}

void Refusals(heapprof_profile* profile) {
  const char* const good = "handles";
  const struct {
    heapprof_profile* profile;
    int skip;
    int64_t count, amount;
    const char* unit;
    int result;
  } kCases[] = {
      {nullptr, 0, 1, 1, good, -EINVAL},         {profile, -1, 1, 1, good, -EINVAL},
      {profile, 0, -1, 1, good, -EINVAL},        {profile, 0, 1, -1, good, -EINVAL},
      {profile, 0, 1, 1, nullptr, -EINVAL},      {profile, 0, 1, 1, "", -EINVAL},
      {profile, 0, 1, 1, "\xff", -EINVAL},       {profile, 0, 1, 1, "bytes", -EINVAL},
      {profile, 0, 1, 1, "handle", -EINVAL},     {heapprof_profile_lookup("heap"), 0, 1, 1, good, -EPERM},
      {profile, 0, INT64_MIN, 1, good, -EINVAL},
  };
  for (const auto& one : kCases) {
    CHECK(heapprof_profile_add_value(one.profile, &kCases, one.skip, one.count, one.amount, one.unit) ==
          one.result);
  }
  CHECK(heapprof_profile_add_value(profile, &g_keys[0], 0, 1, 1, good) == -EEXIST);
  CHECK(heapprof_profile_add_value(profile, &g_keys[20], 0, 1, 1, good) == -EEXIST);
  CHECK(heapprof_profile_add(profile, &g_keys[0], 0) == -EEXIST);
}

// The header of the text form. Needs no heap.
void ReadTotals(const char* name, unsigned long long* count, unsigned long long* amount) {
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  CHECK(fd >= 0 && heapprof_write_profile(name, fd, 1) == 0);
  char text[200] = {};
  CHECK(pread(fd, text, sizeof text - 1, 0) > 0);
  close(fd);
  const char* const total = strstr(text, "profile: total ");
  CHECK(total != nullptr);
  char* end = nullptr;
  *count = strtoull(total + strlen("profile: total "), &end, 10);
  CHECK(end[0] == ':' && end[1] == ' ');
  *amount = strtoull(end + 2, nullptr, 10);
}

std::atomic<int> g_dumps{0};

// What a handler sees belongs together, whatever it interrupted.
void OnAlarm(int) {
  const int saved_errno = errno;
  unsigned long long count = 0, amount = 0;
  ReadTotals("app.blocks", &count, &amount);
  CHECK(amount == count * 64);
  ++g_dumps;
  errno = saved_errno;
}

NOINLINE void Churn(Profile profile, char* keys, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    for (int key = 0; key < 50; ++key) CHECK(!profile.AddValue(&keys[key], 1, 64, "bytes"));
    for (int key = 0; key < 50; ++key) CHECK(!profile.Remove(&keys[key]));
  }
}

void InHandlers(Profile profile) {
  struct sigaction action = {};
  action.sa_handler = OnAlarm;
  CHECK(sigaction(SIGALRM, &action, nullptr) == 0);
  CHECK(!profile.AddValue(&g_keys[1000], 1, 64, "bytes"));
  timer_t timer;
  struct sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  const struct itimerspec often = {{0, 2'000'000}, {0, 2'000'000}};
  CHECK(timer_settime(timer, 0, &often, nullptr) == 0);
  while (g_dumps < 20) Churn(profile, g_keys, 1);
  CHECK(timer_delete(timer) == 0);
  CHECK(signal(SIGALRM, SIG_IGN) != SIG_ERR);
}

// Children are made while threads are in the middle of adding; a child adds and writes.
void InChildren(Profile profile, const char* path) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 1; t <= 2; ++t) {
    threads.emplace_back([&stop, profile, t] {
      while (!stop) Churn(profile, g_keys + 100 * t, 1);
    });
  }
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      unsigned long long before = 0, count = 0, amount = 0;
      ReadTotals("app.blocks", &before, &amount);
      CHECK(amount == before * 64);
      CHECK(!profile.AddValue(&g_keys[5000], 1, 64, "bytes"));
      CHECK(profile.AddValue(&g_keys[5000], 1, 64, "bytes") == std::errc::file_exists);
      CHECK(profile.AddValue(&g_keys[5001], 1, 1, "handles") == std::errc::invalid_argument);
      ReadTotals("app.blocks", &count, &amount);
      CHECK(count == before + 1 && amount == count * 64);
      if (i == 0) WriteTo(path, "app.blocks", heapprof::Format::kText);
      _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  unsigned long long count = 0, amount = 0;
  ReadTotals("app.blocks", &count, &amount);
  CHECK(count == 1 && amount == 64);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 6);
  const Profile handles("app.handles"), huge("app.huge"), blocks("app.blocks");
  Plain(handles);
  OpenFiles(handles);
  OpenSockets(handles);
  Refusals(heapprof_profile_lookup("app.handles"));
  CHECK(handles.count() == 16);
  Profile(handles).Remove(&g_keys[9]);
  Profile(handles).Remove(&g_keys[24]);
  WriteTo(argv[1], "app.handles", heapprof::Format::kProto);
  WriteTo(argv[2], "app.handles", heapprof::Format::kText);

  for (int i = 0; i < 3; ++i) CHECK(!Profile(huge).AddValue(&g_keys[i], INT64_MAX, INT64_MAX - 5, "bytes"));
  WriteTo(argv[3], "app.huge", heapprof::Format::kProto);
  WriteTo(argv[4], "app.huge", heapprof::Format::kText);

  InHandlers(blocks);
  InChildren(blocks, argv[5]);
  Finish();
}
