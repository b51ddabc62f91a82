// SPDX-License-Identifier: Apache-2.0
#include "leak/report/findings.h"

#include <algorithm>

#include "base/system/raw_syscall.h"
#include "leak/report/classes.h"
#include "sampling/heap/heap_tables.h"
#include "sampling/heap/live_table.h"

namespace heapprof::leak {
namespace {

constexpr int kKinds = 3;

}  // namespace

Findings::~Findings() {
  if (findings_ != nullptr) RawUnmap(findings_, capacity_ * sizeof(Finding));
}

bool Findings::Collect(const BlockIndex& index, const Marking& marking, uint32_t since, bool live,
                       const BlockClasses* classes) {
  uint32_t buckets = HeapBuckets().count() + 1;
  size_t bytes = size_t{buckets} * kKinds * sizeof(uint32_t);
  auto* counts = static_cast<uint32_t*>(RawMap(bytes));
  if (counts == nullptr) return false;
  size_t distinct = 0;
  for (uint32_t block = 0; block < index.count(); ++block) {
    BlockState state = marking.state(block);
    FindingKind kind;
    if (state == BlockState::kDirect || state == BlockState::kUnseen) {
      kind = FindingKind::kDirect;
    } else if (state == BlockState::kIndirect) {
      kind = FindingKind::kIndirect;
    } else if (live && state != BlockState::kSuppressed &&
               (classes == nullptr || !classes->IsSuppressed(index.bucket(block)))) {
      kind = FindingKind::kLive;
    } else {
      continue;
    }
    if ((index.tag(block) & live::kEpochMask) < since || (index.tag(block) & live::kIgnoredTag) != 0)
      continue;
    if (counts[index.bucket(block) * kKinds + static_cast<size_t>(kind)]++ == 0) ++distinct;
  }
  capacity_ = distinct + 1;
  findings_ = static_cast<Finding*>(RawMap(capacity_ * sizeof(Finding)));
  if (findings_ != nullptr) {
    for (uint32_t bucket = 1; bucket < buckets && count_ < distinct; ++bucket) {
      for (int kind = 0; kind < kKinds; ++kind) {
        uint32_t blocks = counts[bucket * kKinds + static_cast<size_t>(kind)];
        if (blocks == 0) continue;
        const Bucket& of = *HeapBuckets().At(bucket);
        findings_[count_++] = {of.stack, static_cast<FindingKind>(kind), bucket, blocks, blocks * of.size};
        blocks_ += blocks;
        bytes_ += blocks * of.size;
      }
    }
  }
  RawUnmap(counts, bytes);
  return findings_ != nullptr;
}

void Findings::Group() {
  if (count_ == 0) return;
  std::sort(findings_, findings_ + count_, [](const Finding& a, const Finding& b) {
    return a.stack != b.stack ? a.stack < b.stack : a.kind < b.kind;
  });
  size_t last = 0;
  for (size_t i = 1; i < count_; ++i) {
    if (findings_[i].stack == findings_[last].stack && findings_[i].kind == findings_[last].kind) {
      findings_[last].blocks += findings_[i].blocks;
      findings_[last].bytes += findings_[i].bytes;
    } else {
      findings_[++last] = findings_[i];
    }
  }
  count_ = last + 1;
  std::sort(findings_, findings_ + count_, [](const Finding& a, const Finding& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack;
  });
}

}  // namespace heapprof::leak
