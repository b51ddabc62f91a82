// SPDX-License-Identifier: Apache-2.0
// The library where system calls are missing that came after Linux 4.18 (that of RHEL 8), and where a
// container's filter refuses what the library asks for: the same profiles and reports, and not a word.
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "tests/support/refused_calls.h"
#include "tests/system/programs/hazard.h"

namespace heapprof::test {
namespace {

// The same numbers on all architectures; libc's headers of some may not have them yet.
constexpr long kPidfdSendSignal = 424, kPidfdOpen = 434, kClone3 = 435, kCloseRange = 436, kOpenat2 = 437,
               kPidfdGetfd = 438, kFaccessat2 = 439, kProcessMadvise = 440, kEpollPwait2 = 441,
               kLandlockRestrictSelf = 446, kMemfdSecret = 447, kFutexWaitv = 449;
const std::vector<long> kNewer = {kPidfdSendSignal,      kPidfdOpen,   kCloseRange,     kOpenat2,
                                  kPidfdGetfd,           kFaccessat2,  kProcessMadvise, kEpollPwait2,
                                  kLandlockRestrictSelf, kMemfdSecret, kFutexWaitv};

// Kinds of profiles, with how many there are, and what was said.
std::multiset<std::string> Written(const std::vector<long>& calls, int error) {
  ProgramRun run({Program("busy")},
                 "sample_interval=1:dump_at_exit=1:cpu_at_start=1:wall_at_start=1:contention_interval=1:"
                 "http=unix:@heapprof-older-kernel-" +
                     std::to_string(getpid()));
  run.command().before_exec = [&] {
    if (!calls.empty() && !RefuseCalls(calls, error)) _exit(99);
  };
  ExpectWell(run.Execute());
  EXPECT_EQ(run.result().err, "");
  EXPECT_EQ(run.ProfileCount(), 2u);
  std::multiset<std::string> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(run.dir().path())) {
    const std::string name = entry.path().filename();
    kinds.insert(name.substr(name.find(".0001.")));
  }
  return kinds;
}

void ExpectLeakFound(const std::vector<long>& calls, int error) {
  ProgramRun run({Program("busy")}, "leak_check=unreachable");
  run.command().before_exec = [&] {
    if (!RefuseCalls(calls, error)) _exit(99);
  };
  ExpectWell(run.Execute(), 23);
  EXPECT_NE(run.result().err.find("Direct leak of 1234 byte(s) in 1 object(s)"), std::string::npos);
  EXPECT_NE(run.result().err.find("::Lose"), std::string::npos);
  for (const std::string& line : run.Said()) EXPECT_EQ(line.rfind("heapprof: as a profile: ", 0), 0u) << line;
}

TEST(OlderKernel, WithoutEachCallProfilesAndReportsAreTheSame) {
  const std::multiset<std::string> usual = Written({}, 0);
  EXPECT_GE(usual.size(), 7u);
  const std::vector<std::vector<long>> refused = {kNewer,
                                                  {kPidfdOpen},
                                                  {SYS_membarrier},
                                                  {SYS_perf_event_open},
                                                  {SYS_process_vm_readv},
                                                  {SYS_ptrace},
                                                  {SYS_mincore},
                                                  {SYS_renameat2},
                                                  {SYS_sched_getattr, SYS_sched_setattr},
                                                  {SYS_unshare, kCloseRange}};
  for (const std::vector<long>& calls : refused) {
    for (const int error : {ENOSYS, EPERM}) {
      SCOPED_TRACE(std::to_string(calls[0]) + " " + std::to_string(error));
      EXPECT_EQ(Written(calls, error), usual);
    }
  }
  EXPECT_EQ(Written({kClone3}, ENOSYS), usual);  // of EPERM libc itself makes no thread
}

TEST(OlderKernel, LeaksAreFoundWithoutEachCall) {
  ExpectLeakFound(kNewer, ENOSYS);
  ExpectLeakFound({SYS_ptrace, SYS_memfd_create}, EPERM);
  ExpectLeakFound({SYS_process_vm_readv, SYS_mincore, SYS_memfd_create}, EPERM);
}

}  // namespace
}  // namespace heapprof::test
