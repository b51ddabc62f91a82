// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/process_start.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <time.h>

#include <cstdio>
#include <string>

namespace heapprof {
namespace {

TEST(ProcessStart, UtcAsLibcWritesIt) {
  for (int64_t t = 0; t < 5000000000; t += 86399 * 7 + 11) {
    Text<64> text;
    AppendUtc(t, &text);
    time_t seconds = t;
    struct tm parts;
    char expected[64];
    strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
    ASSERT_STREQ(text.data(), expected);
  }
}

TEST(ProcessStart, IsNotLongAgoAndStaysTheSame) {
  int64_t start = ProcessStartSeconds();
  EXPECT_LE(start, time(nullptr));
  EXPECT_GT(start, time(nullptr) - 600) << "tests end sooner";
  // A name with blanks and brackets must not shift the fields.
  char name[16];
  prctl(PR_GET_NAME, name);
  prctl(PR_SET_NAME, "a) 1 (b 2) 3");
  EXPECT_NEAR(static_cast<double>(ProcessStartSeconds()), static_cast<double>(start), 1);
  prctl(PR_SET_NAME, name);
}

}  // namespace
}  // namespace heapprof
