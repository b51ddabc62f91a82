// SPDX-License-Identifier: Apache-2.0
// A service that mostly waits: ten times a second it takes and gives back 20 blocks, at some hundred stacks.
// bench/fleet.py has an agent watch many of it.
#include <cstdlib>
#include <ctime>

namespace {

template <int kPlace>
__attribute__((noinline)) void* Take(int depth, size_t size) {
  void* block = depth > 0 ? Take<kPlace>(depth - 1, size) : std::malloc(size);
  __asm__ volatile("" : : "r"(block) : "memory");  // no tail call
  return block;
}

}  // namespace

int main() {
  constexpr size_t kPlaces = 8, kDepths = 12, kKept = 256;
  using Function = void* (*)(int, size_t);
  constexpr Function kFunctions[kPlaces] = {Take<0>, Take<1>, Take<2>, Take<3>,
                                            Take<4>, Take<5>, Take<6>, Take<7>};
  static void* kept[kKept];
  for (size_t i = 0;;) {
    for (int k = 0; k < 20; ++k, ++i) {
      std::free(kept[i % kKept]);
      kept[i % kKept] = kFunctions[i % kPlaces](static_cast<int>(i / kPlaces % kDepths), 20'000 + i % 1'000);
    }
    const timespec pause = {0, 100'000'000};
    nanosleep(&pause, nullptr);
  }
}
