// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kArguments = "<..>", kCut = "...";
// Less of a name tells nothing.
constexpr size_t kMinColumns = 12;

size_t Columns(std::string_view text) {
  size_t columns = 0;
  for (const char c : text) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return columns;
}

// Where the sign of an operator ends that begins at `at`, behind the word. "operator<<int>" is operator<.
size_t EndOfSign(std::string_view name, size_t at) {
  const size_t end = std::min(name.find_first_not_of("<>=-*", at), name.size());
  if (end - at >= 2 && name[end - 1] == '<' && name[end - 2] == '<' && end < name.size() &&
      name[end] != '(') {
    return end - 1;
  }
  return end;
}

struct Piece {
  size_t begin, size;
};

// The lists of template arguments that are in no other and are worth leaving out.
std::vector<Piece> OuterArguments(std::string_view name) {
  constexpr std::string_view kOperator = "operator";
  std::vector<Piece> found;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name.substr(i, kOperator.size()) == kOperator) {
      i = EndOfSign(name, i + kOperator.size()) - 1;
      continue;
    }
    if (name[i] == '<' && depth++ == 0) begin = i;
    if (name[i] == '>' && depth > 0 && --depth == 0 && i + 1 - begin > kArguments.size()) {
      found.push_back({begin, i + 1 - begin});
    }
  }
  return found;
}

// Leaves out what the arguments of templates are, of the longest lists first.
std::string WithoutArguments(std::string_view name, size_t columns) {
  std::vector<Piece> left_out = OuterArguments(name);
  std::stable_sort(left_out.begin(), left_out.end(),
                   [](const Piece& a, const Piece& b) { return a.size > b.size; });
  size_t count = 0;
  for (size_t left = Columns(name); left > columns && count < left_out.size(); ++count) {
    left -= Columns(name.substr(left_out[count].begin, left_out[count].size)) - kArguments.size();
  }
  left_out.resize(count);
  std::sort(left_out.begin(), left_out.end(),
            [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  std::string text;
  size_t done = 0;
  for (const Piece& piece : left_out) {
    text.append(name.substr(done, piece.begin - done)).append(kArguments);
    done = piece.begin + piece.size;
  }
  return text.append(name.substr(done));
}

bool IsMiddleOfCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string ShortenName(std::string_view name, size_t columns) {
  if (columns < kMinColumns) return std::string(name);
  std::string text = WithoutArguments(name, columns);
  if (Columns(text) <= columns) return text;
  // The end says which function it is, the beginning whose.
  const size_t kept = columns - kCut.size(), head = kept / 3, tail = kept - head;
  size_t from = 0, to = text.size();
  for (size_t i = 0; i < head; ++i) {
    for (++from; from < text.size() && IsMiddleOfCharacter(text[from]);) ++from;
  }
  for (size_t i = 0; i < tail; ++i) {
    for (--to; to > 0 && IsMiddleOfCharacter(text[to]);) --to;
  }
  return text.substr(0, from) + std::string(kCut) + text.substr(to);
}

}  // namespace heapprof::tools
