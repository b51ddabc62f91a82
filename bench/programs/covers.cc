// SPDX-License-Identifier: Apache-2.0
// Sets of bit vectors that grow, split and are sorted, in the manner of logic minimisers: realloc and blocks
// from 16 bytes to some KiB.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/programs/workload.h"

namespace {

struct Cover {
  uint32_t count = 0;
  uint32_t capacity = 0;
  uint64_t** cubes = nullptr;
};

void Add(Cover* cover, uint64_t* cube) {
  if (cover->count == cover->capacity) {
    cover->capacity = cover->capacity == 0 ? 4 : 2 * cover->capacity;
    cover->cubes = static_cast<uint64_t**>(realloc(cover->cubes, cover->capacity * sizeof(uint64_t*)));
  }
  cover->cubes[cover->count++] = cube;
}

uint64_t* Copy(const uint64_t* from, uint32_t words) {
  auto* to = static_cast<uint64_t*>(malloc(words * sizeof(uint64_t)));
  memcpy(to, from, words * sizeof(uint64_t));
  return to;
}

void Free(Cover* cover) {
  for (uint32_t i = 0; i < cover->count; ++i) free(cover->cubes[i]);
  free(cover->cubes);
}

// Shannon's expansion: the cubes that agree with bit `bit` of 1 and of 0, one level deeper until few are
// left.
uint64_t Expand(const Cover& cover, uint32_t words, uint32_t bit) {
  if (cover.count < 4 || bit >= 64 * words) return cover.count;
  Cover half[2];
  for (uint32_t i = 0; i < cover.count; ++i) {
    const uint64_t* cube = cover.cubes[i];
    Add(&half[cube[bit / 64] >> (bit % 64) & 1], Copy(cube, words));
  }
  const uint64_t size = Expand(half[0], words, bit + 1) + Expand(half[1], words, bit + 1);
  Free(&half[0]);
  Free(&half[1]);
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = 700 * bench::Percent(argc, argv) / 100;
  bench::Random random(3);
  uint64_t checksum = 0;
  for (uint64_t round = 0; round < rounds; ++round) {
    const uint32_t words = 2 + static_cast<uint32_t>(random.Below(6));
    Cover cover;
    for (uint32_t i = 0; i < 2000; ++i) {
      uint64_t cube[8];
      for (uint64_t& word : cube) word = random.Next();
      Add(&cover, Copy(cube, words));
    }
    checksum += Expand(cover, words, 0);
    Free(&cover);
  }
  return bench::Finish(checksum);
}
