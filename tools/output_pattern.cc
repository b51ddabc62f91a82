#include "tools/output_pattern.h"

#include <cstddef>

#include "tools/failure.h"

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

OutputPattern::OutputPattern(const std::string& pattern, long pid, std::vector<std::string> programs)
    : pid_(std::to_string(pid)), programs_(std::move(programs)) {
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

bool OutputPattern::Matches(std::string_view name) const { return MatchesFrom(name_, name); }

bool OutputPattern::MatchesFrom(std::string_view pattern, std::string_view name) const {
  while (!pattern.empty()) {
    const std::string_view token = pattern.substr(0, 2);
    const std::string_view rest = pattern.size() >= 2 ? pattern.substr(2) : std::string_view();
    if (token == "%p") {
      if (!StartsWith(name, pid_)) return false;
      name.remove_prefix(pid_.size());
      pattern = rest;
    } else if (token == "%e") {
      for (const std::string& program : programs_) {
        if (StartsWith(name, program) && MatchesFrom(rest, name.substr(program.size()))) return true;
      }
      return false;
    } else if (token == "%n") {
      constexpr size_t kLeastDigits = 4;
      for (size_t digits = 1; digits <= name.size(); ++digits) {
        if (name[digits - 1] < '0' || name[digits - 1] > '9') return false;
        if (digits >= kLeastDigits && MatchesFrom(rest, name.substr(digits))) return true;
      }
      return false;
    } else {
      if (token == "%%") pattern.remove_prefix(1);
      if (name.empty() || name.front() != pattern.front()) return false;
      name.remove_prefix(1);
      pattern.remove_prefix(1);
    }
  }
  return name == kHeapSuffix;
}

}  // namespace heapprof::tools
