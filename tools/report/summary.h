// SPDX-License-Identifier: Apache-2.0
// A profile in one line: its total and the function with the largest part.
#ifndef HEAPPROF_TOOLS_REPORT_SUMMARY_H_
#define HEAPPROF_TOOLS_REPORT_SUMMARY_H_

#include <cstddef>
#include <string>

#include "tools/profile/profile.h"

namespace heapprof::tools {

// The type that says more than what is in use (`in_use`), -1: none. A program that cleans up behind itself
// has little or nothing left in the end: what libraries keep for good.
ptrdiff_t WhatWasAllocated(const Profile& profile, size_t in_use);

// What to do where a profile has no samples at all; "": it has some.
std::string WhyEmpty(const Profile& profile);

// "inuse_space 1.5 MiB, most in ParseFile (1.1 MiB)", of the profile's default sample type. Errors: Failure.
std::string Summary(Profile profile);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_REPORT_SUMMARY_H_
