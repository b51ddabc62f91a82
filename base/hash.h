// SPDX-License-Identifier: Apache-2.0
// Mixing of bits: hashes of keys, seeds.
//
// Thread-safety, signal-safety: pure. Allocates: never.
#ifndef HEAPPROF_BASE_HASH_H_
#define HEAPPROF_BASE_HASH_H_

#include <stdint.h>

namespace heapprof {

// 2^64 divided by the golden ratio: multiples of it lie far apart, and its high bits spread neighbours.
inline constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;

// Distributes the bits of x; splitmix64's finisher (Steele, Lea, Flood).
inline uint64_t MixBits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace heapprof

#endif  // HEAPPROF_BASE_HASH_H_
