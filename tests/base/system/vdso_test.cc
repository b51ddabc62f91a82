// SPDX-License-Identifier: Apache-2.0
#include "base/system/vdso.h"

#include <gtest/gtest.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include <vector>

namespace heapprof {
namespace {

using Clock = int(clockid_t, timespec*);

TEST(VdsoTest, TheClockGoesAsLibcs) {
  uintptr_t image = getauxval(AT_SYSINFO_EHDR);
  if (image == 0) GTEST_SKIP() << "this kernel gives none";
  auto* clock = reinterpret_cast<Clock*>(FindInVdso(image, "__vdso_clock_gettime"));
  ASSERT_NE(clock, nullptr);
  for (clockid_t id : {CLOCK_MONOTONIC, CLOCK_REALTIME}) {
    timespec before, now, after;
    ASSERT_EQ(clock_gettime(id, &before), 0);
    ASSERT_EQ(clock(id, &now), 0);
    ASSERT_EQ(clock_gettime(id, &after), 0);
    auto nanos = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
    EXPECT_LE(nanos(before), nanos(now));
    EXPECT_LE(nanos(now), nanos(after));
  }
  EXPECT_EQ(FindInVdso(image, "__vdso_no_such_function"), nullptr);
  EXPECT_EQ(FindInVdso(0, "__vdso_clock_gettime"), nullptr);
}

// The kernel's images have had one of the tables, or both.
TEST(VdsoTest, EitherTableOfNamesTellsTheSymbols) {
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr segments[2];
    Elf64_Dyn dynamic[4];
    Elf64_Sym symbols[4];
    uint32_t hash[2];
    uint32_t gnu_hash[4 + 2 + 2 + 3];
    char strings[32];
  } image = {};
  auto offset = [&image](const void* part) {
    return reinterpret_cast<uintptr_t>(part) - reinterpret_cast<uintptr_t>(&image);
  };
  constexpr uint64_t kBase = 0x1000;  // where it was linked to
  image.header.e_phoff = offset(image.segments);
  image.header.e_phnum = 2;
  image.segments[0].p_type = PT_LOAD;
  image.segments[0].p_vaddr = kBase;
  image.segments[1].p_type = PT_DYNAMIC;
  image.segments[1].p_vaddr = kBase + offset(image.dynamic);
  memcpy(image.strings, "\0one\0two\0three", 15);
  const uint32_t names[] = {0, 1, 5, 9};
  for (int i = 1; i < 4; ++i) {
    image.symbols[i].st_name = names[i];
    image.symbols[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    image.symbols[i].st_shndx = 1;
    image.symbols[i].st_value = kBase + 100 * i;
  }
  image.hash[1] = 4;
  // Two buckets, symbols from 1 on, one word of the filter; chains {1, 2} and {3}.
  const uint32_t gnu_hash[] = {2, 1, 1, 0, 0, 0, 1, 3, 0x10, 0x11, 0x21};
  static_assert(sizeof(gnu_hash) == sizeof(image.gnu_hash));
  memcpy(image.gnu_hash, gnu_hash, sizeof(gnu_hash));
  auto start = reinterpret_cast<uintptr_t>(&image);
  for (bool gnu : {false, true}) {
    image.dynamic[0] = {DT_SYMTAB, {kBase + offset(image.symbols)}};
    image.dynamic[1] = {DT_STRTAB, {kBase + offset(image.strings)}};
    image.dynamic[2] = {DT_HASH, {kBase + offset(image.hash)}};
    if (gnu) image.dynamic[2] = {DT_GNU_HASH, {kBase + offset(image.gnu_hash)}};
    EXPECT_EQ(FindInVdso(start, "one"), reinterpret_cast<void*>(start + 100));
    EXPECT_EQ(FindInVdso(start, "three"), reinterpret_cast<void*>(start + 300));
    EXPECT_EQ(FindInVdso(start, "four"), nullptr);
  }
  image.dynamic[2] = {DT_NULL, {0}};
  EXPECT_EQ(FindInVdso(start, "one"), nullptr);
}

}  // namespace
}  // namespace heapprof
