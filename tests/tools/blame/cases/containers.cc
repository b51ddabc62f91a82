// SPDX-License-Identifier: Apache-2.0
// An index of strings: all of its memory is asked for by containers.
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

class Index {
 public:
  __attribute__((noinline)) void Add(const std::string& word, int place) {
    places_[word].push_back(place);
    by_length_[static_cast<int>(word.size())].push_back(word);
  }
  size_t size() const { return places_.size(); }

 private:
  std::map<std::string, std::vector<int>> places_;
  std::unordered_map<int, std::vector<std::string>> by_length_;
};

int main() {
  Index index;
  for (int i = 0; i < 20'000; ++i)
    index.Add("a word that is not stored in place " + std::to_string(i % 5'000), i);
  return index.size() == 5'000 ? 0 : 1;
}
