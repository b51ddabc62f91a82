// SPDX-License-Identifier: Apache-2.0
#include "tools/base/suggestion.h"

#include <algorithm>

namespace heapprof::tools {
namespace {

// The least number of letters to add, leave out, change, or swap with the next one (optimal string
// alignment).
size_t Distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> least(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        least[i][j] = i + j;
        continue;
      }
      least[i][j] = std::min(
          {least[i - 1][j] + 1, least[i][j - 1] + 1, least[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        least[i][j] = std::min(least[i][j], least[i - 2][j - 2] + 1);
      }
    }
  }
  return least[a.size()][b.size()];
}

}  // namespace

std::string Nearest(const std::string& word, const std::vector<std::string>& known) {
  constexpr size_t kLongest = 64;
  std::string nearest;
  if (word.size() > kLongest) return nearest;
  size_t least = std::max<size_t>(word.size(), 3) / 3 + 1;
  for (const std::string& candidate : known) {
    const size_t distance = Distance(word, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  // Or its beginning, a few letters of it at least.
  constexpr size_t kFewest = 4;
  for (const std::string& candidate : known) {
    if (nearest.empty() && word.size() >= kFewest && candidate.compare(0, word.size(), word) == 0)
      return candidate;
  }
  return nearest;
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  return nearest.empty() ? "" : " (did you mean " + nearest + "?)";
}

}  // namespace heapprof::tools
