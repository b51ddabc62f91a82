// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: the seeds given as files, and mutations of them, from a fixed seed.
//   TARGET ROUNDS [FILE...]
#include <stdint.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 1000;
  std::vector<std::vector<uint8_t>> seeds = {{}};
  for (int i = 2; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  for (const std::vector<uint8_t>& seed : seeds) LLVMFuzzerTestOneInput(seed.data(), seed.size());
  std::mt19937_64 random(7);
  for (int i = 0; i < rounds; ++i) {
    std::vector<uint8_t> input = seeds[random() % seeds.size()];
    input.resize(random() % 3 == 0 ? random() % 600 : input.size() + random() % 64);
    for (uint64_t changes = random() % 32; !input.empty() && changes > 0; --changes) {
      input[random() % input.size()] = static_cast<uint8_t>(random());
    }
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
