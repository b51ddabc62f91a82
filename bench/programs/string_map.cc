// SPDX-License-Identifier: Apache-2.0
// A cache of strings by string: node containers, growing vectors, blocks beyond the small string's.
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/programs/workload.h"

namespace {

std::string Key(uint64_t i) { return "key/of/some/length/" + std::to_string(i); }

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = 3000000 * bench::Percent(argc, argv) / 100;
  std::unordered_map<std::string, std::vector<std::string>> cache;
  bench::Random random(2);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    const std::string key = Key(random.Below(20000));
    auto found = cache.find(key);
    if (found == cache.end()) {
      cache[key].push_back(std::string(24 + random.Below(100), 'v'));
    } else if (found->second.size() < 4) {
      found->second.push_back(key + "/again");
      checksum += found->second.size();
    } else {
      cache.erase(found);
    }
  }
  return bench::Finish(checksum + cache.size());
}
