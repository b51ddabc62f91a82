// SPDX-License-Identifier: Apache-2.0
// A regular expression that a user gave: RE2's syntax, found anywhere in a name.
//
// Thread-safety: reading, yes. Errors: Failure.
#ifndef HEAPPROF_TOOLS_BASE_EXPRESSION_H_
#define HEAPPROF_TOOLS_BASE_EXPRESSION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace heapprof::tools {

class Expression {
 public:
  // `origin` is what a message calls it, "--focus" say.
  Expression(std::string_view text, const char* origin);
  ~Expression();
  Expression(Expression&&) noexcept;
  bool FoundIn(std::string_view text) const;
  bool IsWhole(std::string_view text) const;
  // The first place at `from` or behind it where it is found. False: there is none.
  bool Find(std::string_view text, size_t from, size_t* begin, size_t* end) const;

 private:
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BASE_EXPRESSION_H_
