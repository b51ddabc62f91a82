// SPDX-License-Identifier: Apache-2.0
// What the bench programs share: a small random generator and the reading of the one argument.
#ifndef HEAPPROF_BENCH_PROGRAMS_WORKLOAD_H_
#define HEAPPROF_BENCH_PROGRAMS_WORKLOAD_H_

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

namespace bench {

// xorshift64*: the same sequence on every machine, so that every run does the same work.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435769u + 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Dull;
  }
  uint64_t Below(uint64_t n) { return (Next() >> 33) % n; }

 private:
  uint64_t state_;
};

// The amount of work in percent of the usual: argv[1], 100 without one.
inline uint64_t Percent(int argc, char** argv) { return argc > 1 ? strtoull(argv[1], nullptr, 10) : 100; }

// Prints the result, so that no work can be optimised away and runs can be compared.
inline int Finish(uint64_t checksum) {
  printf("%llu\n", static_cast<unsigned long long>(checksum));
  return 0;
}

}  // namespace bench

#endif  // HEAPPROF_BENCH_PROGRAMS_WORKLOAD_H_
