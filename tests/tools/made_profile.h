// SPDX-License-Identifier: Apache-2.0
// Profiles that tests make by protobuf's own code, and break.
//
// Thread-safety: functions without state. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_TOOLS_MADE_PROFILE_H_
#define HEAPPROF_TESTS_TOOLS_MADE_PROFILE_H_

#include <string>
#include <vector>

#include "profile.pb.h"
#include "tests/support/subprocess.h"

namespace heapprof::test {

// A heap profile with two samples (values 1 2048 1 2048 and 2 4096 0 0), two locations, one function, one
// mapping, a comment, and every field of the header.
pb::Profile MakeProfile();

// The index of `text` in the string table, where it is put if need be.
int64_t Intern(pb::Profile* profile, const std::string& text);

// RFC 1952.
std::string Gzip(const std::string& plain);

// Runs the command with `words`.
Result RunCommand(const std::vector<std::string>& words);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_TOOLS_MADE_PROFILE_H_
