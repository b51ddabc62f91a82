// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/punycode.h"

#include <cstdint>
#include <vector>

#include "tools/symbols/utf8.h"

namespace heapprof::tools {
namespace {

// RFC 3492, section 5.
constexpr uint32_t kBase = 36, kMinThreshold = 1, kMaxThreshold = 26, kSkew = 38, kDamp = 700;
constexpr uint32_t kFirstBias = 72, kFirstPoint = 0x80, kPoints = 0x110000;

// 36: none.
uint32_t DigitOf(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a');
  if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0') + 26;
  return kBase;
}

// Section 6.1.
uint32_t NextBias(uint32_t delta, uint32_t points, bool is_first) {
  delta /= is_first ? kDamp : 2;
  delta += delta / points;
  uint32_t k = 0;
  for (; delta > (kBase - kMinThreshold) * kMaxThreshold / 2; k += kBase) delta /= kBase - kMinThreshold;
  return k + (kBase - kMinThreshold + 1) * delta / (delta + kSkew);
}

uint32_t Threshold(uint32_t k, uint32_t bias) {
  if (k <= bias + kMinThreshold) return kMinThreshold;
  return k >= bias + kMaxThreshold ? kMaxThreshold : k - bias;
}

}  // namespace

std::string DecodePunycode(std::string_view text) {
  constexpr size_t kMaxName = 4096;
  if (text.size() > kMaxName) return "";
  std::vector<uint32_t> points;
  const size_t delimiter = text.rfind('_');
  if (delimiter != std::string_view::npos) {
    for (const char c : text.substr(0, delimiter)) points.push_back(static_cast<unsigned char>(c));
    text.remove_prefix(delimiter + 1);
  }
  uint32_t bias = kFirstBias;
  uint64_t point = kFirstPoint, index = 0;
  bool is_first = true;
  while (!text.empty()) {
    const uint64_t before = index;
    uint64_t weight = 1;
    for (uint32_t k = kBase;; k += kBase) {
      if (text.empty()) return "";
      const uint32_t digit = DigitOf(text[0]);
      text.remove_prefix(1);
      if (digit == kBase) return "";
      index += digit * weight;
      const uint32_t threshold = Threshold(k, bias);
      if (digit < threshold) break;
      weight *= kBase - threshold;
      if (index > UINT32_MAX || weight > UINT32_MAX) return "";
    }
    const auto count = static_cast<uint32_t>(points.size()) + 1;
    bias = NextBias(static_cast<uint32_t>(index - before), count, is_first);
    is_first = false;
    point += index / count;
    index %= count;
    if (point >= kPoints) return "";
    points.insert(points.begin() + static_cast<std::ptrdiff_t>(index), static_cast<uint32_t>(point));
    ++index;
  }
  std::string out;
  for (const uint32_t each : points) {
    if (!AppendUtf8(each, &out)) return "";
  }
  return out;
}

}  // namespace heapprof::tools
