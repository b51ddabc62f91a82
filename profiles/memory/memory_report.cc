// SPDX-License-Identifier: Apache-2.0
#include "profiles/memory/memory_report.h"

#include <errno.h>

namespace heapprof {
namespace {

constexpr char kAlignment[] = "[alignment of samples]", kWithoutStack[] = "[without a stack]";

uint64_t Missing(uint64_t whole, uint64_t part) { return whole > part ? whole - part : 0; }

}  // namespace

int MemoryReport::Collect(const HeapSource& source, ResidentPages::Source best,
                          bool (*read)(ProcessMemory*)) {
  if (const int error = state_.Collect(best, read)) return error;
  MemoryRows* rows = state_.rows();
  ShareBytes given;
  if (const HeapView* view = GetHeapView()) {
    if (!shares_.Compute(source, state_.heap(), view->usable)) return -ENOMEM;
    const auto add = [&](const char* first, const char* second, const char* third, ShareBytes bytes) {
      if (bytes.mapped == 0 && bytes.resident == 0) return;
      rows->Add(first, second, third, static_cast<uint64_t>(bytes.mapped),
                static_cast<uint64_t>(bytes.resident));
    };
    add(cause::kOwn, kAlignment, "", shares_.alignment());
    add(cause::kHeap, cause::kLive, kWithoutStack, shares_.without_stack());
    given = shares_.total();
  }
  const ProcessMemory& process = state_.process();
  const uint64_t counted = rows->Resident() + static_cast<uint64_t>(given.resident);
  not_explained_ = Missing(process.resident, counted);
  if (process.resident != 0) counted_above_ = Missing(counted, process.resident);
  const uint64_t mapped = Missing(process.size, rows->Mapped() + static_cast<uint64_t>(given.mapped));
  rows->Add(cause::kNotExplained, "", "", mapped, not_explained_);
  return 0;
}

}  // namespace heapprof
