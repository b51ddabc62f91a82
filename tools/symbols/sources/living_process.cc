// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/living_process.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace heapprof::tools {
namespace {

pid_t ParsePid(std::string_view text) {
  pid_t pid = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), pid);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && pid > 0 ? pid : 0;
}

time_t ParseTime(std::string_view text) {
  tm parts = {};
  const char* end = strptime(std::string(text).c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return end != nullptr && *end == '\0' ? timegm(&parts) : 0;
}

// When the process began, by its 22nd field in /proc/PID/stat; 0 if there is none.
time_t StartOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kFieldsBetween = 19;
  for (int i = 0; i < kFieldsBetween; ++i) fields >> skipped;
  long long ticks = 0;
  timespec real, boot;
  if (!(fields >> ticks) || clock_gettime(CLOCK_REALTIME, &real) != 0 ||
      clock_gettime(CLOCK_BOOTTIME, &boot) != 0) {
    return 0;
  }
  return real.tv_sec - boot.tv_sec + ticks / sysconf(_SC_CLK_TCK);
}

}  // namespace

LivingProcess::LivingProcess(const Profile& profile)
    : pid_(ParsePid(CommentValue(profile, "pid"))), start_(ParseTime(CommentValue(profile, "start-time"))) {
  const time_t now = pid_ == 0 || start_ == 0 ? 0 : StartOf(pid_);
  lives_ = now != 0 && std::abs(now - start_) <= kStartTolerance;
}

std::vector<std::string> LivingProcess::PlacesOf(const std::string& path, uint64_t start, uint64_t limit,
                                                 bool is_program) const {
  if (!lives_) return {};
  const std::string folder = "/proc/" + std::to_string(pid_);
  char range[64];
  std::snprintf(range, sizeof range, "/map_files/%llx-%llx", static_cast<unsigned long long>(start),
                static_cast<unsigned long long>(limit));
  std::vector<std::string> places = {folder + range, folder + "/root" + path};  // the first is root's to open
  if (is_program) places.push_back(folder + "/exe");
  return places;
}

}  // namespace heapprof::tools
