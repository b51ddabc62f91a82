// SPDX-License-Identifier: Apache-2.0
// Small in itself, heavy in what it includes and instantiates.
#include <algorithm>
#include <functional>
#include <future>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

int main() {
  std::istringstream text("pear apple plum fig grape");
  std::vector<std::string> words{std::istream_iterator<std::string>(text), {}};
  std::set<std::string> sorted(words.begin(), words.end());
  std::cout << "words " << words.size() << " sorted";
  for (const std::string& word : sorted) std::cout << ' ' << word;
  std::cout << " matched " << std::count_if(words.begin(), words.end(), [](const std::string& word) {
    return word[0] == 'p';
  });
  std::map<int, std::variant<int, std::string>> mixed{{1, 7}, {2, "two"}};
  std::unordered_map<std::string, std::unique_ptr<int>> owned;
  for (const std::string& word : words) owned[word] = std::make_unique<int>(static_cast<int>(word.size()));
  std::vector<int> range(16);
  std::iota(range.begin(), range.end(), 0);
  auto total = std::async(std::launch::async, [&] { return std::accumulate(range.begin(), range.end(), 0); });
  std::cout << " total " << total.get() << std::endl;
  return static_cast<int>(owned.size());
}
