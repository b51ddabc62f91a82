// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/lock/owner_lock.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/cpu_profile.h"
#include "profiles/peers/cpu_words.h"
#include "profiles/peers/gperftools.h"
#include "profiles/peers/gperftools_settings.h"
#include "profiles/peers/own_stack.h"
#include "profiles/triggers.h"
#include "proto/descriptor_sink.h"
#include "proto/text_stream.h"

namespace heapprof::gperftools {
namespace {

constexpr int kDefaultHz = 100;
CpuSettings g_settings = {kDefaultHz, 0, ""};

// Of the profile that runs. Written by who starts one, who has g_busy.
char g_path[kPathCapacity];
std::atomic<bool> g_busy{false};
int64_t g_start = 0;
std::atomic<uint32_t> g_profiles{0};  // that a signal has started

// The profile's path as it stays when the program changes its folder. The file is made, or emptied.
int MakeFile(const char* path) {
  constexpr int kMode = 0644;
  const int fd = RawOpen(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, kMode);
  if (fd < 0) return fd;
  Text<64> link;
  link.Str("/proc/self/fd/").Dec(fd);
  const long size = RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>(link.data()),
                               reinterpret_cast<long>(g_path), sizeof(g_path) - 1);
  RawClose(fd);
  if (size > 0 && g_path[0] == '/') {
    g_path[size] = '\0';
    return 0;
  }
  TextWriter text(g_path, sizeof(g_path));
  return text.Str(path).cut() ? -ENAMETOOLONG : 0;
}

int Write(const cpu::CpuProfile& profile, void* workspace) {
  const int fd = RawOpen(g_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
  int error = fd;
  if (fd >= 0) {
    DescriptorSink sink(fd);
    error = WriteCpuWords(profile, &sink, static_cast<char*>(workspace));
    const int closed = RawClose(fd);
    if (error == 0 && closed != -EINTR) error = closed;
  }
  Text<kPathCapacity + 128> line;
  if (error != 0) {
    Say(line.Str("cannot write CPU profile ").Str(g_path).Str(": ").Str(ErrnoText(-error)));
  } else if (GetOptions().verbose) {
    Say(line.Str("wrote ").Str(g_path));
  }
  g_busy.store(false, std::memory_order_release);
  return error;
}

void Toggle(void*) {
  if (g_busy.load(std::memory_order_relaxed)) return StopCpu();
  Text<kPathCapacity> path;
  path.Str(g_settings.path).Char('.').UDec(g_profiles.fetch_add(1, std::memory_order_relaxed));
  StartCpu(path.data());
}

void OnSignal(int, siginfo_t*, void*) { CallOnOwnStack(Toggle); }

}  // namespace

void ConfigureCpu(const CpuSettings& settings) { g_settings = settings; }

void InstallCpu() {
  if (g_settings.signal != 0) return InstallHandler(g_settings.signal, OnSignal);
  if (g_settings.path[0] == '\0' || StartCpu(g_settings.path)) return;
  Text<kPathCapacity + 128> line;
  Say(line.Str("CPUPROFILE: no CPU profile to ").Str(g_settings.path));
}

bool StartCpu(const char* path) {
  if (path == nullptr || g_busy.exchange(true, std::memory_order_acquire)) return false;
  const int saved_errno = errno;
  int error = MakeFile(path);
  if (error == 0) error = StartCpuProfileFor(Write, g_settings.hz);
  if (error == 0) {
    constexpr int64_t kSecond = 1'000'000'000;
    g_start = RawRealtimeNanos() / kSecond;
    errno = saved_errno;
    return true;
  }
  g_busy.store(false, std::memory_order_release);
  errno = -error;
  return false;
}

void StopCpu() {
  if (g_busy.load(std::memory_order_relaxed)) StopCpuProfile();
}

CpuState StateOfCpu() {
  const bool on = g_busy.load(std::memory_order_acquire) && cpu::HasProfile();
  return {on, on ? g_start : 0, on ? g_path : ""};
}

void CpuAfterForkInChild() { g_busy.store(false, std::memory_order_relaxed); }

}  // namespace heapprof::gperftools
