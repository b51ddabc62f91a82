// SPDX-License-Identifier: Apache-2.0
// The CPU profiles that a run of a program left.
#ifndef HEAPPROF_TESTS_SYSTEM_CPU_CPU_PROFILES_H_
#define HEAPPROF_TESTS_SYSTEM_CPU_CPU_PROFILES_H_

#include <string>
#include <vector>

#include "tests/system/programs/hazard.h"

namespace heapprof::test {

inline std::vector<CountProfile> CpuProfiles(const ProgramRun& run) {
  std::vector<CountProfile> profiles;
  for (const std::string& name : ListDir(run.dir().path())) {
    constexpr char kSuffix[] = ".cpu.pb.gz";
    const size_t at = name.rfind(kSuffix);
    if (at == std::string::npos || at + sizeof kSuffix - 1 != name.size()) continue;
    profiles.emplace_back(ReadFile(run.dir() / name));
    EXPECT_EQ(profiles.back().error(), "") << name;
  }
  return profiles;
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_CPU_CPU_PROFILES_H_
