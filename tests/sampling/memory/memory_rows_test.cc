// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/memory_rows.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace heapprof {
namespace {

// A program with more files mapped than there is room for names of.
TEST(MemoryRows, KeepCausesApartHoweverManyNamesThereAre) {
  auto rows = std::make_unique<MemoryRows>();
  ASSERT_TRUE(rows->Init());
  ResidentBytes page;
  page.own = 4096;
  constexpr uint32_t kFiles = 20'000;
  for (uint32_t i = 0; i < kFiles; ++i) {
    rows->Add(rows->Name(cause::kFiles), rows->Name(("/file" + std::to_string(i)).c_str()), 0, 8192, page);
  }
  rows->Add(cause::kHeap, cause::kDirty, "[dirty]", 8192, 4096);
  rows->Add(cause::kNotExplained, "", "", 1, 1);
  EXPECT_EQ(rows->Resident(), (kFiles + 1) * uint64_t{4096} + 1);
  EXPECT_EQ(rows->Mapped(), (kFiles + 1) * uint64_t{8192} + 1);
  uint64_t heap = 0, not_explained = 0;
  for (uint32_t i = 0; i < rows->count(); ++i) {
    const std::string first = rows->NameAt(rows->at(i).names[0]);
    if (first == cause::kHeap) heap += rows->at(i).resident;
    if (first == cause::kNotExplained) not_explained += rows->at(i).resident;
  }
  EXPECT_EQ(heap, 4096u);
  EXPECT_EQ(not_explained, 1u);
}

}  // namespace
}  // namespace heapprof
