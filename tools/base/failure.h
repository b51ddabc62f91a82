// SPDX-License-Identifier: Apache-2.0
// Why a command cannot go on: one line for stderr and an exit status.
//
// Thread-safety: a value. The command is single-threaded throughout; it allocates and throws freely.
#ifndef HEAPPROF_TOOLS_BASE_FAILURE_H_
#define HEAPPROF_TOOLS_BASE_FAILURE_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace heapprof::tools {

inline constexpr int kStatusGood = 0;
inline constexpr int kStatusNo = 1;               // what was asked is not so: growth was found
inline constexpr int kStatusUnusable = 2;         // wrong usage, or an input that cannot be read
inline constexpr int kStatusCannotExecute = 126;  // as shells have it: found, but cannot be executed
inline constexpr int kStatusNotFound = 127;       // as shells have it: no such program

// what() is one line, without the prefix "heapprof: " and without a newline.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& line, int status = kStatusUnusable)
      : std::runtime_error(line), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

// The text of an errno value.
std::string ErrorText(int error);

// Writes "heapprof: <line>\n" to stderr.
void Tell(const std::string& line);

// Likewise, of a part of the input that is left out. The command goes on, and ends with kStatusUnusable.
void TellOfUnusable(const std::string& line);
bool WasAnyUnusable();

// `text` with control characters and broken bytes shown as \xNN, so that names out of hostile files or other
// processes neither break a line nor reach a terminal's escape sequences. UTF-8 beyond ASCII passes.
std::string Printable(std::string_view text);

// `text` with U+FFFD in place of each byte that belongs to no well-formed UTF-8: what strict readers of
// profiles take.
std::string WellFormed(std::string_view text);

// The length of the well-formed UTF-8 sequence beyond ASCII that starts at `at`, 0 if there is none. C1
// controls (U+0080..U+009F) count as none: terminals obey them.
size_t Utf8Length(std::string_view text, size_t at);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_FAILURE_H_
