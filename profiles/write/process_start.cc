// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/process_start.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

constexpr int64_t kTicksPerSecond = 100;  // USER_HZ, which is part of the kernel's ABI
constexpr int64_t kNanosPerTick = 1000000000 / kTicksPerSecond;
constexpr int kFieldsFromState = 19;  // starttime is field 22, the state (right after the name) field 3

}  // namespace

int64_t ProcessStartSeconds() {
  char text[1024];
  int fd = RawOpen("/proc/self/stat", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  ssize_t size;
  do {
    size = RawRead(fd, text, sizeof(text) - 1);
  } while (size == -EINTR);
  RawClose(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  // The name may hold anything, blanks and brackets too: it ends at the last bracket.
  const char* at = strrchr(text, ')');
  for (int field = 0; at != nullptr && field <= kFieldsFromState; field++) {
    at = strchr(at + 1, ' ');
  }
  if (at == nullptr) return 0;
  int64_t ticks = 0;
  for (at++; *at >= '0' && *at <= '9'; at++) ticks = ticks * 10 + (*at - '0');
  timespec since_boot = {};
  RawSyscall(SYS_clock_gettime, CLOCK_BOOTTIME, reinterpret_cast<long>(&since_boot));
  int64_t age = int64_t{since_boot.tv_sec} * 1000000000 + since_boot.tv_nsec - ticks * kNanosPerTick;
  // Rounded to a tick first: the two clocks are read one after the other, and the answer is to stay the same.
  return (RawRealtimeNanos() - age + kNanosPerTick / 2) / kNanosPerTick / kTicksPerSecond;
}

void AppendUtc(int64_t seconds, TextWriter* text) {
  constexpr int64_t kDay = 86400;
  // Days are counted from 1 March of the year 0, so that the leap day is the last of its year; 400 years have
  // 146,097 days, and five months from March on have 153.
  int64_t days = seconds / kDay + 719468;
  int64_t era = days / 146097, day_of_era = days % 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month = (5 * day_of_year + 2) / 153;  // 0 = March
  int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
  int64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
  month = month < 10 ? month + 3 : month - 9;
  int64_t second = seconds % kDay;
  text->UDec(static_cast<uint64_t>(year), 4).Char('-').UDec(static_cast<uint64_t>(month), 2).Char('-');
  text->UDec(static_cast<uint64_t>(day), 2).Char('T').UDec(static_cast<uint64_t>(second / 3600), 2).Char(':');
  text->UDec(static_cast<uint64_t>(second / 60 % 60), 2).Char(':');
  text->UDec(static_cast<uint64_t>(second % 60), 2).Char('Z');
}

}  // namespace heapprof
