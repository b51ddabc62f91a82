// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/short_rules.h"

namespace heapprof::unwind {
namespace {

constexpr int64_t kWordBytes = sizeof(uintptr_t);
constexpr int64_t kMaxSize = 1023 * kWordBytes, kMaxFpBelow = 63 * kWordBytes;

// 0: it fits no short one.
uint64_t Shortened(Rule rule) {
  if (rule.is_plain_fp()) return kShortPlainFp;
  const bool framed = rule.is_sp_with_fp_saved();
  if (!rule.is_set() || !(framed || rule.is_plain())) return 0;
  const auto size = static_cast<int64_t>(framed ? rule.framed_sp_a() : rule.plain_sp_a());
  const int64_t below = framed ? -rule.framed_sp_b() : 0;
  if (size > kMaxSize || size % kWordBytes != 0 || below > kMaxFpBelow || below % kWordBytes != 0) return 0;
  return static_cast<uint64_t>(size / kWordBytes) | static_cast<uint64_t>(below / kWordBytes) << 10;
}

// The other one of a pair, which lies in the same line.
std::atomic<uint64_t>* Beside(std::atomic<uint64_t>* place) {
  return &g_short_rules[static_cast<uint64_t>(place - g_short_rules) ^ 1];
}

}  // namespace

alignas(64) std::atomic<uint64_t> g_short_rules[1 << kLgShortRules];

__attribute__((noinline)) uint64_t FindShortRule(uintptr_t pc, uint64_t mark) {
  if (pc == 0) return kShortEnd;
  const uint64_t hash = ShortHash(pc), key = ShortKey(hash, mark);
  std::atomic<uint64_t>* const place = ShortPlaceOf(hash);
  std::atomic<uint64_t>* const beside = Beside(place);
  const bool is_code = pc >> kPcBits == 0;
  uint64_t word = beside->load(std::memory_order_relaxed) ^ key;
  if (word >> kShortBits == 0 && is_code) return word;

  const Rule rule = FindRule(pc).rule;
  if (rule.kind() == Rule::kEnd) return kShortEnd;
  word = Shortened(rule);
  if (word == 0)
    return rule.is_set() && (rule.is_plain() || rule.is_sp_with_fp_saved()) ? kShortLong : kShortOther;
  if (!is_code || ShortMark(GenerationNumber()) != mark) return word;
  // What has this place now goes to the other one, if it is of this generation.
  const uint64_t before = place->load(std::memory_order_relaxed);
  if (((before ^ mark) & kShortMarkMask) == 0) beside->store(before, std::memory_order_relaxed);
  place->store(key | word, std::memory_order_relaxed);
  return word;
}

void StartShortGeneration(uint64_t number) {
  if (number % (kShortMarks / 2) != 0) return;
  for (std::atomic<uint64_t>& word : g_short_rules) word.store(0, std::memory_order_relaxed);
}

}  // namespace heapprof::unwind
