// SPDX-License-Identifier: Apache-2.0
// The option `output`: which files may a process' dumps be?
//
// %p is the pid, as the process itself sees it; %n a count of four digits or more; %e the program's name; %%
// a percent sign. The kind and the format follow the pattern: ".heap.pb.gz".
// Thread-safety: a value.
#ifndef HEAPPROF_TOOLS_PROCESS_OUTPUT_PATTERN_H_
#define HEAPPROF_TOOLS_PROCESS_OUTPUT_PATTERN_H_

#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

inline constexpr char kDefaultOutput[] = "heapprof.%p.%n";
// A pattern that stands for `path` itself.
std::string LiteralPattern(const std::string& path);

inline constexpr char kHeapSuffix[] = ".heap.pb.gz";
inline constexpr char kCpuSuffix[] = ".cpu.pb.gz";
inline constexpr char kWallSuffix[] = ".wall.pb.gz";
inline constexpr char kLeakSuffix[] = ".leak.pb.gz";
inline constexpr char kMemorySuffix[] = ".memory.pb.gz";
inline constexpr char kPeakSuffix[] = ".peak.pb.gz";
inline constexpr char kGrowthSuffix[] = ".growth.pb.gz";
inline constexpr char kLifetimesSuffix[] = ".lifetimes.pb.gz";
inline constexpr char kThreadsSuffix[] = ".threads.pb.gz";

class OutputPattern {
 public:
  // `programs`: the names that %e may stand for; `suffix`: of the files. Errors: Failure, where the folder
  // itself contains %n.
  OutputPattern(const std::string& pattern, long pid, std::vector<std::string> programs,
                const char* suffix = kHeapSuffix);

  // The folder, with %p and %e (the first of `programs`) filled in; "" is the process' current folder.
  const std::string& folder() const { return folder_; }
  // The last part of the pattern, with the suffix, for messages: %p and %e filled in, "*" for the count.
  std::string name() const;
  // True if `name`, without a folder, is one that the pattern gives.
  bool Matches(std::string_view name) const { return MatchesFrom(name_, name, false); }
  // Likewise for a process of any pid and program name, and for profiles of every kind.
  bool MatchesAnyProcess(std::string_view name) const { return MatchesFrom(name_, name, true); }

 private:
  bool MatchesFrom(std::string_view pattern, std::string_view name, bool any) const;

  std::string folder_;
  std::string name_;
  std::string pid_;
  std::vector<std::string> programs_;
  const char* suffix_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_OUTPUT_PATTERN_H_
