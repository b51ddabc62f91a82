// SPDX-License-Identifier: Apache-2.0
// The second lambda of main holds the memory; it runs behind std::function, std::for_each and a thread.
#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace {
std::vector<std::unique_ptr<char[]>> kept;
}

int main() {
  const auto little = [](size_t size) { kept.push_back(std::make_unique<char[]>(size)); };
  const auto much = [](size_t size) { kept.push_back(std::make_unique<char[]>(size * 100)); };
  std::vector<size_t> sizes(64, 1000);
  std::function<void(size_t)> work = little;
  std::for_each(sizes.begin(), sizes.end(), work);
  work = much;
  std::thread([&] { std::for_each(sizes.begin(), sizes.end(), work); }).join();
  return static_cast<int>(kept.size()) - 128;
}
