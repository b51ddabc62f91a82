// SPDX-License-Identifier: Apache-2.0
#include "sampling/heap/sampler.h"

#include <sys/syscall.h>

#include "base/hash.h"
#include "base/real_functions.h"
#include "base/system/float_environment.h"
#include "base/system/raw_syscall.h"
#include "sampling/heap/exponential.h"

namespace heapprof {
namespace {

// A draw of 53 bits, the high ones, which are the generator's best; and such bits as a fraction of 2^53.
constexpr int kDrawnBits = 53;
uint64_t Draw(Sampler* sampler) { return sampler->NextRandom() >> (64 - kDrawnBits); }
double Fraction(uint64_t bits) {
  constexpr double kUnit = 1.0 / (uint64_t{1} << kDrawnBits);
  return static_cast<double>(Pinned(bits)) * kUnit;
}

}  // namespace

void Sampler::Seed(uint64_t seed) {
  state[0] = MixBits(seed + kGoldenRatio);
  state[1] = MixBits(seed + 2 * kGoldenRatio) | 1;  // never both zero
}

uint64_t Sampler::NextRandom() {
  auto rotate = [](uint64_t x, int k) { return (x << k) | (x >> (64 - k)); };
  uint64_t a = state[0], b = state[1];
  uint64_t result = a + b;
  b ^= a;
  state[0] = rotate(a, 24) ^ b ^ (b << 16);
  state[1] = rotate(b, 37);
  return result;
}

uint64_t Sampler::NextCountdown(uint64_t mean) {
  __extension__ using Uint128 = unsigned __int128;
  const Uint128 x = static_cast<Uint128>(exponential::FromBits(NextRandom())) * mean;
  return static_cast<uint64_t>(x >> exponential::kFraction) + 1;  // at most 44.4 * 2^47
}

bool Sampler::StaysSample(uint64_t before, uint64_t after, uint64_t mean) {
  OwnFloatEnvironment environment;
  auto rate = static_cast<double>(Pinned(mean));
  double uniform = Fraction(Draw(this));  // in [0, 1)
  double chance_before = -Expm1(-static_cast<double>(Pinned(before)) / rate);
  double chance_after = -Expm1(-static_cast<double>(Pinned(after)) / rate);
  return Pinned(static_cast<uint64_t>(uniform * chance_before < chance_after)) != 0;
}

uint64_t TrueRandom() {
  uint64_t value = 0;
  constexpr long kNonBlocking = 1;  // GRND_NONBLOCK: an early boot must not hang in a malloc
  if (RawSyscall(SYS_getrandom, reinterpret_cast<long>(&value), sizeof(value), kNonBlocking) ==
      sizeof(value)) {
    return value;
  }
  return MixBits(static_cast<uint64_t>(RawMonotonicNanos())) ^ reinterpret_cast<uintptr_t>(&value) ^
         (static_cast<uint64_t>(RawGetTid()) << 32);
}

}  // namespace heapprof
