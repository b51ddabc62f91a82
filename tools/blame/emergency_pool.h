// SPDX-License-Identifier: Apache-2.0
// The block that libstdc++ takes when it is loaded, for exceptions that are thrown when memory is out.
//
// Every process with libstdc++ has it, and in a small program it is the largest block of all. The library is
// stripped, so that it would stand there as an address. It is told by what it is: a block of that kind of
// size that code of libstdc++ asks for while it is initialized, or the constructor's name where it is linked
// in. Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_BLAME_EMERGENCY_POOL_H_
#define HEAPPROF_TOOLS_BLAME_EMERGENCY_POOL_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools {

inline constexpr std::string_view kEmergencyPool = "[libstdc++: emergency pool]";

// Gives the place that asks for the pool that name. Values and stacks stay. Returns the locations that got
// it.
std::vector<uint32_t> NameEmergencyPool(Profile* profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_EMERGENCY_POOL_H_
