// SPDX-License-Identifier: Apache-2.0
// A regular expression for functions. It is looked for in the names that a function goes by: as it is in the
// profile, as reports show it (with and without parameters), and without any template arguments.
//
// Thread-safety: reading, yes. Errors: Failure.
#ifndef HEAPPROF_TOOLS_NAMES_NAME_EXPRESSION_H_
#define HEAPPROF_TOOLS_NAMES_NAME_EXPRESSION_H_

#include <string_view>

#include "tools/base/expression.h"

namespace heapprof::tools {

class NameExpression {
 public:
  // `origin` is what a message calls it, "--focus" say.
  NameExpression(std::string_view text, const char* origin) : expression_(text, origin) {}

  // Found anywhere, as in pprof: what filters go by.
  bool FoundIn(std::string_view whole) const;
  // Found, and not only in template arguments, parameters or the return type: std::function's members, of
  // which a lambda of Enqueue is an argument, are not Enqueue. What asks for functions goes by it.
  bool Names(std::string_view whole) const;
  // For paths.
  bool FoundInText(std::string_view text) const { return expression_.FoundIn(text); }

 private:
  bool NamesForm(std::string_view form) const;

  Expression expression_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_NAMES_NAME_EXPRESSION_H_
