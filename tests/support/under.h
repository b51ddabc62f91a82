// SPDX-License-Identifier: Apache-2.0
// Commands that run under the library, as tests of whole programs need them.
//
//   TempDir dir;
//   Result result = RunProgram(Under(dir, {"/usr/bin/git", "gc"}, "sample_interval=4k"));
//   ExpectGoodProfiles(dir.path());
#ifndef HEAPPROF_TESTS_SUPPORT_UNDER_H_
#define HEAPPROF_TESTS_SUPPORT_UNDER_H_

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/support/subprocess.h"

namespace heapprof::test {

// The path of the built libheapprof.so.0.
std::string LibraryPath();

// `argv` with the library preloaded and HEAPPROF_OPTIONS = `options`, over output=DIR/h.%p.%n.
Command Under(const TempDir& dir, const std::vector<std::string>& argv, const std::string& options);

// Removes the temporary files of processes that were killed (SIGKILL) while they wrote; those that are still
// writing are waited for. For a program that kills its children as soon as it has asked them to end.
void RemoveWhatTheKilledLeft(const std::string& folder);

// Fails the running test unless every profile in `folder` is whole and right, and no temporary file is left
// beside them. Returns the profiles in the order of their names.
std::vector<HeapProfile> ExpectGoodProfiles(const std::string& folder);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SUPPORT_UNDER_H_
