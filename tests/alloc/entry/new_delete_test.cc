// SPDX-License-Identifier: Apache-2.0
// Every operator new with every operator delete that may follow it, for sizes and alignments around the
// edges.
#include <gtest/gtest.h>
#include <stdint.h>
#include <string.h>

#include <new>
#include <vector>

#include "tests/alloc/intervals.h"

namespace heapprof::test {
namespace {

class NewDeleteTest : public AtInterval {};
HEAPPROF_AT_INTERVALS(NewDeleteTest);

const std::vector<size_t> kSizes = {0,     1,     7,     8,      9,       15,     16,   17,
                                    24,    100,   255,   256,    1000,    4095,   4096, 4097,
                                    14336, 14337, 16384, 100000, 1 << 20, 5 << 20};

TEST_P(NewDeleteTest, UnalignedPairs) {
  uint64_t live = Stats().live_samples;
  for (size_t size : kSizes) {
    for (int round = 0; round < 40; ++round) {
      for (int how = 0; how < 8; ++how) {
        bool array = how & 1;
        void* block =
            how & 4 ? (array ? ::operator new[](size, std::nothrow) : ::operator new(size, std::nothrow))
                    : (array ? ::operator new[](size) : ::operator new(size));
        ASSERT_NE(block, nullptr);
        ASSERT_TRUE(size < 16 || reinterpret_cast<uintptr_t>(block) % 16 == 0);
        memset(block, 0xa5, size);
        if (how & 2) {
          array ? ::operator delete[](block, size) : ::operator delete(block, size);
        } else if (how & 4) {
          array ? ::operator delete[](block, std::nothrow) : ::operator delete(block, std::nothrow);
        } else {
          array ? ::operator delete[](block) : ::operator delete(block);
        }
      }
    }
  }
  EXPECT_EQ(Stats().live_samples, live);
}

TEST_P(NewDeleteTest, AlignedPairs) {
  uint64_t live = Stats().live_samples;
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    auto align = static_cast<std::align_val_t>(alignment);
    for (size_t size : kSizes) {
      for (int how = 0; how < 8; ++how) {
        bool array = how & 1;
        void* block = how & 4 ? (array ? ::operator new[](size, align, std::nothrow)
                                       : ::operator new(size, align, std::nothrow))
                              : (array ? ::operator new[](size, align) : ::operator new(size, align));
        ASSERT_NE(block, nullptr);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % alignment, 0u);
        memset(block, 0x5a, size);
        if (how & 2) {
          array ? ::operator delete[](block, size, align) : ::operator delete(block, size, align);
        } else if (how & 4) {
          array ? ::operator delete[](block, align, std::nothrow)
                : ::operator delete(block, align, std::nothrow);
        } else {
          array ? ::operator delete[](block, align) : ::operator delete(block, align);
        }
      }
    }
  }
  EXPECT_EQ(Stats().live_samples, live);
}

// jemalloc 5.3.0 put such a block into another size class on its way back, and later calls met in one block.
TEST_P(NewDeleteTest, ZeroSizeAlignedBlocksDoNotSpoilTheHeap) {
  auto align = static_cast<std::align_val_t>(4096);
  for (int i = 0; i < 1000; ++i) ::operator delete(::operator new(0, align), 0, align);
  std::vector<unsigned char*> blocks;
  for (int i = 0; i < 2000; ++i) {
    blocks.push_back(static_cast<unsigned char*>(::operator new(1 + i % 64)));
    memset(blocks.back(), i & 0xff, 1 + i % 64);
  }
  for (int i = 0; i < 2000; ++i) {
    for (int k = 0; k < 1 + i % 64; ++k) ASSERT_EQ(blocks[i][k], i & 0xff);
    ::operator delete(blocks[i]);
  }
}

TEST_P(NewDeleteTest, NullMayBeDeleted) {
  uint64_t live = Stats().live_samples;
  void* null = nullptr;
  ::operator delete(null);
  ::operator delete[](null);
  ::operator delete (null, size_t{8});
  ::operator delete[](null, size_t{8});
  ::operator delete (null, std::align_val_t{64});
  ::operator delete (null, size_t{0}, std::align_val_t{64});
  EXPECT_EQ(Stats().live_samples, live);
}

}  // namespace
}  // namespace heapprof::test
