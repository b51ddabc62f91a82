// SPDX-License-Identifier: Apache-2.0
#include "tools/names/name_expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Only then its forms differ from it.
bool HasForms(std::string_view name) { return name.find_first_of("<([{") != std::string_view::npos; }

// The length of a symbol that is part of a name though it has brackets: "operator<<", "(anonymous
// namespace)".
size_t BracketsOfName(std::string_view name, size_t at, bool in_arguments) {
  static constexpr std::array<std::string_view, 13> kOperators = {
      "operator()", "operator<<=", "operator<<", "operator<=>", "operator<=", "operator<", "operator>>=",
      "operator>>", "operator>=",  "operator>",  "operator->*", "operator->", "operator[]"};
  static constexpr std::array<std::string_view, 3> kWords = {"(anonymous namespace)", "(resume)",
                                                             "(destroy)"};
  static constexpr std::array<std::string_view, 2> kOpening = {"<lambda", "<unnamed"};
  const std::string_view rest = name.substr(at);
  if (at == 0 || !IsWordCharacter(name[at - 1])) {
    for (const std::string_view word : kOperators) {
      if (StartsWith(rest, word)) return word.size();
    }
  }
  for (const std::string_view word : kWords) {
    if (StartsWith(rest, word)) return word.size();
  }
  if (in_arguments) return 0;
  for (const std::string_view word : kOpening) {
    if (StartsWith(rest, word)) return word.size();
  }
  return 0;
}

// Which characters of a name are its own, and not template arguments, parameters or the return type.
std::vector<bool> OwnCharacters(std::string_view name) {
  std::vector<bool> own(name.size());
  size_t depth = 0, start = 0;
  bool had_parameters = false, is_operator = false;
  for (size_t i = 0; i < name.size();) {
    const size_t length = BracketsOfName(name, i, depth != 0);
    if (length != 0) {
      is_operator = is_operator || (depth == 0 && name[i] == 'o');
      if (depth == 0) std::fill_n(own.begin() + static_cast<std::ptrdiff_t>(i), length, true);
      i += length;
      continue;
    }
    const char c = name[i];
    // Rust's "<T as Trait>::f" begins with what it is a function of.
    const bool opens = c == '(' || (c == '<' && i != 0);
    const bool closes = (c == ')' || (c == '>' && name[i - (i != 0)] != '-')) && depth != 0;
    if (closes && --depth == 0 && c == ')') had_parameters = true;
    own[i] = depth == 0 && !opens && !closes;
    if (opens) ++depth;
    if (depth == 0 && StartsWith(name.substr(i), "operator") && (i == 0 || !IsWordCharacter(name[i - 1]))) {
      is_operator = true;  // "operator new", "operator unsigned int"
    }
    // What is in front of a space is the return type.
    if (depth == 0 && c == ' ' && !had_parameters && !is_operator && name.substr(i + 1, 1) != "(" &&
        name.substr(i + 1, 1) != "[") {
      std::fill(own.begin() + static_cast<std::ptrdiff_t>(start),
                own.begin() + static_cast<std::ptrdiff_t>(i), false);
      start = i + 1;
    }
    ++i;
  }
  return own;
}

}  // namespace

bool NameExpression::FoundIn(std::string_view whole) const {
  if (expression_.FoundIn(whole)) return true;
  return HasForms(whole) &&
         (expression_.FoundIn(DisplayName(whole)) || expression_.FoundIn(DisplaySignature(whole)) ||
          expression_.FoundIn(BareName(whole)));
}

bool NameExpression::NamesForm(std::string_view form) const {
  size_t begin = 0, end = 0;
  if (!expression_.Find(form, 0, &begin, &end)) return false;
  const std::vector<bool> own = OwnCharacters(form);
  const auto at = [&](size_t place) { return own.begin() + static_cast<std::ptrdiff_t>(place); };
  do {
    if (begin == end || std::find(at(begin), at(end), true) != at(end)) return true;
  } while (end < form.size() && expression_.Find(form, end, &begin, &end));
  return false;
}

bool NameExpression::Names(std::string_view whole) const {
  if (!HasForms(whole)) return expression_.FoundIn(whole);
  return NamesForm(DisplayName(whole)) || NamesForm(whole) || NamesForm(DisplaySignature(whole)) ||
         NamesForm(BareName(whole));
}

}  // namespace heapprof::tools
