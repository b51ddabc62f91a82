// SPDX-License-Identifier: Apache-2.0
// What stands below the router in its tests and its fuzzer: profiles of a few bytes, clocks that run nowhere,
// and two options that may change. The registry of profiles is the real one.
//
// Thread-safety: none.
#ifndef HEAPPROF_TESTS_HTTP_FAKE_PROFILES_H_
#define HEAPPROF_TESTS_HTTP_FAKE_PROFILES_H_

#include <string>

namespace heapprof::http {

struct FakeProfiles {
  int error = 0;     // of whatever is written or started next
  bool cpu = false;  // which clock runs
  bool wall = false;
  int moments = 0;  // that are held
  std::string interval = "512k", dump_every = "0";
};
FakeProfiles& Fake();

}  // namespace heapprof::http

#endif  // HEAPPROF_TESTS_HTTP_FAKE_PROFILES_H_
