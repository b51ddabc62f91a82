// SPDX-License-Identifier: Apache-2.0
#include "profiles/memory/memory_shares.h"

#include <math.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

// Of samples at interval R (docs/design.md, the walk of an allocation).
size_t SampleAlignmentAt(uint64_t interval) {
  constexpr uint64_t kLeast = 16, kMost = 4096, kShare = 64;
  uint64_t alignment = kLeast;
  while (alignment < kMost && alignment * 2 <= interval / kShare) alignment *= 2;
  return alignment;
}

int64_t Rounded(double value, double u) { return value <= 0 ? 0 : static_cast<int64_t>(value + u); }

int64_t AtLeastNothing(double value) { return value <= 0 ? 0 : static_cast<int64_t>(value); }

}  // namespace

void MemoryShares::Sum::Add(double weight, double count, double bytes, double of_alignment) {
  sampled += bytes + of_alignment;
  alignment += of_alignment;
  estimate += (weight - 1) * bytes;
  variance += weight * (weight - 1) * bytes * bytes / count;
}

void MemoryShares::Sum::Finish() {
  if (sampled > total) of_samples = total / sampled;
  const double others = total - sampled;
  if (estimate <= 0 || others <= 0) return;
  constexpr double kDeviations = 4;
  factor = std::min(others / estimate, 1 + kDeviations * sqrt(variance) / estimate);
}

MemoryShares::~MemoryShares() {
  if (shares_ != nullptr) RawUnmap(shares_, (size_t{count_} + 1) * sizeof(MemoryShare));
}

bool MemoryShares::Read(const Bucket* bucket, uint32_t id, const HeapAccount& heap,
                        size_t (*usable)(size_t, size_t), Sampled* sampled) {
  if (bucket == nullptr) return false;
  const SampleCounts counts = ReadCounts(*bucket);
  if (counts.allocations == counts.frees) return false;
  const auto n = static_cast<double>(counts.allocations - counts.frees);
  const auto size = static_cast<double>(bucket->size);
  const auto of_class = static_cast<double>(usable(bucket->size, 1));
  const auto aligned = static_cast<double>(usable(bucket->size, SampleAlignmentAt(bucket->interval)));
  const double extra = n * std::max(0.0, aligned - of_class);
  sampled->count = n;
  sampled->weight = SampleWeight(bucket->size, bucket->interval);
  const FoundBlocks& found = heap.found(id);
  const double scale = found.count != 0 ? n / static_cast<double>(found.count) : 0;
  const double asked[2] = {static_cast<double>(found.asked) * scale, n * size};
  const double rest[2] = {static_cast<double>(found.rest) * scale,
                          std::max(0.0, static_cast<double>(found.usable) * scale - n * size)};
  // Those that were not looked up lie in slabs, of which the resident part is known.
  const bool counted = found.count == 0;
  const double part[2] = {counted ? heap.ResidentShare(static_cast<size_t>(aligned)) : 1, 1};
  for (int i = 0; i < 2; ++i) {
    sampled->live[i] = counted ? part[i] * n * size : asked[i];
    sampled->alignment[i] = counted ? part[i] * extra : std::min(rest[i], extra);
    sampled->rounding[i] =
        counted ? part[i] * n * std::max(0.0, of_class - size) : rest[i] - sampled->alignment[i];
  }
  return true;
}

void MemoryShares::Give(const Sampled& sampled, double u, MemoryShare* share) {
  const double by[2] = {resident_.of_samples + (sampled.weight - 1) * resident_.factor,
                        mapped_.of_samples + (sampled.weight - 1) * mapped_.factor};
  share->live = {Rounded(sampled.live[0] * by[0], u), Rounded(sampled.live[1] * by[1], u)};
  share->rounding = {Rounded(sampled.rounding[0] * by[0], u), Rounded(sampled.rounding[1] * by[1], u)};
  resident_.given += share->live.resident + share->rounding.resident;
  mapped_.given += share->live.mapped + share->rounding.mapped;
}

bool MemoryShares::Compute(const HeapSource& source, const HeapAccount& heap,
                           size_t (*usable)(size_t, size_t)) {
  count_ = heap.buckets();
  const size_t sampled_bytes = (size_t{count_} + 1) * sizeof(Sampled);
  shares_ = static_cast<MemoryShare*>(RawMap((size_t{count_} + 1) * sizeof(MemoryShare)));
  auto* sampled = static_cast<Sampled*>(RawMap(sampled_bytes));
  const bool good = shares_ != nullptr && sampled != nullptr;
  resident_.total = static_cast<double>(heap.live().resident);
  mapped_.total = static_cast<double>(heap.live().mapped);
  // Counts go on: each is read once.
  for (uint32_t id = 1; good && id <= count_; ++id) {
    Sampled& of = sampled[id];
    if (!Read(source.BucketAt(id), id, heap, usable, &of)) continue;
    resident_.Add(of.weight, of.count, of.live[0] + of.rounding[0], of.alignment[0]);
    mapped_.Add(of.weight, of.count, of.live[1] + of.rounding[1], of.alignment[1]);
  }
  resident_.Finish();
  mapped_.Finish();
  for (uint32_t id = 1; good && id <= count_; ++id) {
    if (sampled[id].count > 0) {
      Give(sampled[id], RoundingOffset(source.BucketAt(id)->key_hash), &shares_[id]);
    }
  }
  if (sampled != nullptr) RawUnmap(sampled, sampled_bytes);
  return good;
}

uint64_t MemoryShares::not_sampled() const {
  return static_cast<uint64_t>(AtLeastNothing(resident_.total - resident_.sampled));
}

ShareBytes MemoryShares::alignment() const {
  return {AtLeastNothing(resident_.alignment * resident_.of_samples),
          AtLeastNothing(mapped_.alignment * mapped_.of_samples)};
}

ShareBytes MemoryShares::without_stack() const {
  const auto left = [](const Sum& sum) {
    return AtLeastNothing(sum.total - static_cast<double>(sum.given) - sum.alignment * sum.of_samples);
  };
  return {left(resident_), left(mapped_)};
}

}  // namespace heapprof
