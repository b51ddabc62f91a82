// SPDX-License-Identifier: Apache-2.0
#include "tools/process/output_pattern.h"

#include <cstddef>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

std::string LiteralPattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) pattern.append(c == '%' ? 2 : 1, c);
  return pattern;
}

OutputPattern::OutputPattern(const std::string& pattern, long pid, std::vector<std::string> programs,
                             const char* suffix)
    : pid_(std::to_string(pid)), programs_(std::move(programs)), suffix_(suffix) {
  const size_t slash = pattern.rfind('/');
  name_ = slash == std::string::npos ? pattern : pattern.substr(slash + 1);
  if (slash == std::string::npos) return;
  const std::string folder = slash == 0 ? "/" : pattern.substr(0, slash);
  for (size_t at = 0; at < folder.size(); ++at) {
    const char field = folder[at] == '%' && at + 1 < folder.size() ? folder[++at] : '\0';
    switch (field) {
      case '\0':
        folder_ += folder[at];
        break;
      case '%':
        folder_ += '%';
        break;
      case 'p':
        folder_ += pid_;
        break;
      case 'e':
        folder_ += programs_.empty() ? "" : programs_.front();
        break;
      case 'n':
        throw Failure("the pattern " + Printable(pattern) +
                      " counts in its folder, so where the next file goes is not known");
      default:
        folder_.append({'%', field});
    }
  }
}

std::string OutputPattern::name() const {
  std::string name;
  for (size_t at = 0; at < name_.size(); ++at) {
    const char field = name_[at] == '%' && at + 1 < name_.size() ? name_[++at] : '\0';
    if (field == '\0' || field == '%') {
      name += name_[at];
    } else if (field == 'p') {
      name += pid_;
    } else if (field == 'e') {
      name += programs_.empty() ? "*" : programs_.front();
    } else if (field == 'n') {
      name += '*';
    } else {
      name.append({'%', field});
    }
  }
  return name + suffix_;
}

bool OutputPattern::MatchesFrom(std::string_view pattern, std::string_view name, bool any) const {
  // Tries every length of digits from `least` on.
  const auto digits = [&](size_t least, std::string_view rest) {
    for (size_t count = 1; count <= name.size() && name[count - 1] >= '0' && name[count - 1] <= '9';
         ++count) {
      if (count >= least && MatchesFrom(rest, name.substr(count), any)) return true;
    }
    return false;
  };
  while (!pattern.empty()) {
    const std::string_view token = pattern.substr(0, 2);
    const std::string_view rest = pattern.size() >= 2 ? pattern.substr(2) : std::string_view();
    if (token == "%p") {
      if (any) return digits(1, rest);
      if (!StartsWith(name, pid_)) return false;
      name.remove_prefix(pid_.size());
      pattern = rest;
    } else if (token == "%e" && any) {
      for (size_t length = 1; length <= name.size(); ++length) {
        if (MatchesFrom(rest, name.substr(length), any)) return true;
      }
      return false;
    } else if (token == "%e") {
      for (const std::string& program : programs_) {
        if (StartsWith(name, program) && MatchesFrom(rest, name.substr(program.size()), any)) return true;
      }
      return false;
    } else if (token == "%n") {
      constexpr size_t kMinDigits = 4;
      return digits(kMinDigits, rest);
    } else {
      if (token == "%%") pattern.remove_prefix(1);
      if (name.empty() || name.front() != pattern.front()) return false;
      name.remove_prefix(1);
      pattern.remove_prefix(1);
    }
  }
  return name == suffix_ || (any && (name == kCpuSuffix || name == kWallSuffix || name == kLeakSuffix ||
                                     name == kThreadsSuffix || name == kMemorySuffix || name == kPeakSuffix ||
                                     name == kGrowthSuffix || name == kLifetimesSuffix));
}

}  // namespace heapprof::tools
