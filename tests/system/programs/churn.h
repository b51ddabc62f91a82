// SPDX-License-Identifier: Apache-2.0
// Allocation load that checks itself: blocks of many sizes hold a pattern that is verified before their free.
#ifndef HEAPPROF_TESTS_SYSTEM_PROGRAMS_CHURN_H_
#define HEAPPROF_TESTS_SYSTEM_PROGRAMS_CHURN_H_

#include <stdint.h>

#include "tests/system/programs/program.h"

// One thread's load. Sizes are up to 4 KiB, one in 256 up to 1 MiB; 128 different ones, so that a profile of
// it does not grow with time.
class Churn {
 public:
  explicit Churn(uint64_t seed) : state_(seed * 2654435761u + 1) {}
  ~Churn() {
    for (Block& block : blocks_) Release(&block);
  }

  void Steps(int count) {
    for (int i = 0; i < count; ++i) Step();
  }

 private:
  static constexpr int kBlocks = 64, kSizes = 64;
  struct Block {
    unsigned char* data = nullptr;
    size_t size = 0;
  };

  uint64_t Random() {  // splitmix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  static unsigned char Mark(const Block& block) {
    return static_cast<unsigned char>(block.size * 131 + reinterpret_cast<uintptr_t>(block.data) / 16);
  }
  void Fill(Block* block, void* data, size_t size) {
    CHECK(data != nullptr);
    block->data = static_cast<unsigned char*>(data);
    block->size = size;
    block->data[0] = block->data[size - 1] = Mark(*block);
  }
  void Release(Block* block) {
    if (block->data == nullptr) return;
    CHECK(block->data[0] == Mark(*block) && block->data[block->size - 1] == Mark(*block));
    free(block->data);
    block->data = nullptr;
  }
  void Step() {
    const uint64_t random = Random();
    Block& block = blocks_[random % kBlocks];
    const size_t size = (1 + (random >> 8) % kSizes) * ((random >> 40) % 256 == 0 ? 16381 : 61);
    if (block.data != nullptr && (random >> 50) % 4 == 0) {
      CHECK(block.data[0] == Mark(block));
      Fill(&block, realloc(block.data, size), size);
      return;
    }
    Release(&block);
    void* data = nullptr;
    switch ((random >> 52) % 8) {
      case 0:
        data = calloc(1, size);
        CHECK(data != nullptr && *static_cast<unsigned char*>(data) == 0);
        break;
      case 1:
        CHECK(posix_memalign(&data, size_t{16} << (random >> 56) % 6, size) == 0);
        break;
      default:
        data = malloc(size);
    }
    Fill(&block, data, size);
  }

  uint64_t state_;
  Block blocks_[kBlocks];
};

#endif  // HEAPPROF_TESTS_SYSTEM_PROGRAMS_CHURN_H_
