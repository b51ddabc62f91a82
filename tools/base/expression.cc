// SPDX-License-Identifier: Apache-2.0
#include "tools/base/expression.h"

#include <re2/re2.h>

#include "tools/base/failure.h"

namespace heapprof::tools {

Expression::Expression(std::string_view text, const char* origin) {
  RE2::Options options(RE2::Quiet);
  compiled_ = std::make_unique<RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!compiled_->ok()) {
    throw Failure(std::string(origin) + ": no regular expression: " + Printable(compiled_->error()));
  }
}

Expression::~Expression() = default;
Expression::Expression(Expression&&) noexcept = default;

bool Expression::FoundIn(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

bool Expression::IsWhole(std::string_view text) const {
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

bool Expression::Find(std::string_view text, size_t from, size_t* begin, size_t* end) const {
  re2::StringPiece found;
  if (!compiled_->Match({text.data(), text.size()}, from, text.size(), RE2::UNANCHORED, &found, 1))
    return false;
  *begin = static_cast<size_t>(found.data() - text.data());
  *end = *begin + found.size();
  return true;
}

}  // namespace heapprof::tools
