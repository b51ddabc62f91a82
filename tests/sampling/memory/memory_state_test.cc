// SPDX-License-Identifier: Apache-2.0
// Whatever tells of resident pages, the sums of memory of a known shape are the same.
#include "sampling/memory/memory_state.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>

namespace heapprof {
namespace {

constexpr size_t kMiB = 1 << 20;
constexpr size_t kMapped = 32 * kMiB, kPrivate = 8 * kMiB, kFile = 4 * kMiB, kShared = 2 * kMiB,
                 kCopied = 1 * kMiB;

struct Bytes {
  uint64_t resident = 0, mapped = 0;
};

Bytes Of(const MemoryRows& rows, const std::string& first, const std::string& second = "",
         const std::string& third = "") {
  const std::string wanted[] = {first, second, third};
  Bytes sum;
  for (uint32_t i = 0; i < rows.count(); ++i) {
    bool same = true;
    for (int k = 0; k < MemoryRow::kNames; ++k) {
      const uint32_t name = rows.at(i).names[k];
      if (!wanted[k].empty() && (name == 0 || wanted[k] != rows.NameAt(name))) same = false;
    }
    if (!same) continue;
    sum.resident += rows.at(i).resident;
    sum.mapped += rows.at(i).mapped;
  }
  return sum;
}

class Shape {
 public:
  Shape() {
    char path[] = "/tmp/heapprof_shape_XXXXXX";
    fd_ = mkstemp(path);
    path_ = path;
    if (fd_ < 0 || ftruncate(fd_, kMapped) != 0) return;
    memory_[0] = Map(MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memory_[1] = Map(MAP_SHARED, fd_);
    memory_[2] = Map(MAP_SHARED | MAP_ANONYMOUS, -1);
    memory_[3] = Map(MAP_PRIVATE, fd_);
    for (char* memory : memory_) {
      if (memory == nullptr) return;
      madvise(memory, kMapped, MADV_NOHUGEPAGE);
    }
    memset(memory_[0], 1, kPrivate);
    memset(memory_[1], 1, kFile);
    memset(memory_[2], 1, kShared);
    memset(memory_[3], 1, kCopied);
    good_ = true;
  }
  ~Shape() {
    for (char* memory : memory_) {
      if (memory != nullptr) munmap(memory, kMapped);
    }
    if (fd_ >= 0) close(fd_);
    unlink(path_.c_str());
  }
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;
  bool good() const { return good_; }
  const std::string& path() const { return path_; }

 private:
  static char* Map(int flags, int fd) {
    void* memory = mmap(nullptr, kMapped, PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
  }

  int fd_ = -1;
  std::string path_;
  char* memory_[4] = {};
  bool good_ = false;
};

class MemoryStateFrom : public testing::TestWithParam<ResidentPages::Source> {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "a sanitizer has shadows, which grow with what the test touches";
#endif
  }
  // What the shape adds, as other memory of the process stays as it is.
  static std::unique_ptr<MemoryState> Collect() {
    auto state = std::make_unique<MemoryState>();
    EXPECT_EQ(state->Collect(GetParam()), 0);
    return state;
  }
  static const MemoryRows& rows(const MemoryState& state) { return state.rows(); }
};

TEST_P(MemoryStateFrom, HasTheSumsOfAKnownShape) {
  const auto before = Collect();
  const Shape shape;
  ASSERT_TRUE(shape.good());
  const auto state = Collect();
  if (state->source() != GetParam()) GTEST_SKIP() << "the kernel does not tell of pages in this way";
  const auto added = [&](const char* cause) {
    return static_cast<double>(Of(rows(*state), cause).resident) -
           static_cast<double>(Of(rows(*before), cause).resident);
  };
  constexpr double kNear = 256 << 10;
  EXPECT_NEAR(added(cause::kMapped), kPrivate, kNear);
  EXPECT_NEAR(added(cause::kShared), kShared, kNear);
  EXPECT_EQ(Of(rows(*state), cause::kFiles, shape.path()).mapped, 2 * kMapped);
  // mincore tells what is in the page cache, from which the copy is, too.
  if (GetParam() != ResidentPages::Source::kCore) {
    EXPECT_EQ(Of(rows(*state), cause::kFiles, shape.path(), "[page cache]").resident, kFile);
    EXPECT_EQ(Of(rows(*state), cause::kFiles, shape.path(), "[data]").resident, kCopied);
  }
  // Nor more than VmRSS: what the page cache has of files that others use, too, is not this process'.
  const auto all = static_cast<double>(rows(*state).Resident());
  EXPECT_NEAR(all / static_cast<double>(state->process().resident), 1, 0.02);
}

// The kernel joins what is mapped next to the library's image to the image's last mapping.
TEST_P(MemoryStateFrom, TellsTheLibrarysImageFromItsNeighbours) {
  constexpr size_t kPart = 4 * kMiB;
  void* all = mmap(nullptr, 3 * kPart, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(all, MAP_FAILED);
  madvise(all, 3 * kPart, MADV_NOHUGEPAGE);
  memset(all, 1, 3 * kPart);
  const auto before = Collect();
  const uintptr_t image = reinterpret_cast<uintptr_t>(all) + kPart;
  SetOwnImage(image, image + kPart);
  const auto state = Collect();
  SetOwnImage(0, 0);
  munmap(all, 3 * kPart);
  EXPECT_EQ(Of(rows(*state), cause::kOwn, "[library]").mapped, kPart);
  EXPECT_EQ(Of(rows(*state), cause::kOwn, "[library]").resident, kPart);
  EXPECT_NEAR(static_cast<double>(Of(rows(*before), cause::kMapped).resident) -
                  static_cast<double>(Of(rows(*state), cause::kMapped).resident),
              kPart, 256 << 10);
}

// As runtimes reserve it, and sanitizers. Page by page this takes minutes.
TEST_P(MemoryStateFrom, LooksIntoTerabytesThatAreReserved) {
  constexpr size_t kReserved = size_t{16} << 40, kSparse = size_t{4} << 40;
  const auto before = Collect();
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* reserved = mmap(nullptr, kReserved, PROT_NONE, kFlags, -1, 0);
  void* sparse = mmap(nullptr, kSparse, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (reserved == MAP_FAILED || sparse == MAP_FAILED) GTEST_SKIP() << "no terabytes may be reserved here";
  madvise(sparse, kSparse, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < 256; ++i) static_cast<char*>(sparse)[i * (kSparse / 256)] = 1;
  const auto begin = std::chrono::steady_clock::now();
  const auto state = Collect();
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  munmap(reserved, kReserved);
  munmap(sparse, kSparse);
  EXPECT_LT(seconds, 5);
  EXPECT_NEAR(static_cast<double>(Of(rows(*state), cause::kMapped).resident) -
                  static_cast<double>(Of(rows(*before), cause::kMapped).resident),
              256 * 4096, 128 << 10);
}

// The kernel joins what is mapped behind the variables of an image to them: one page of a file, two of
// variables that begin as zeros.
TEST_P(MemoryStateFrom, TellsWhereTheVariablesOfAnImageEnd) {
  constexpr size_t kPage = 4096, kBehind = 4 * kMiB;
  ElfW(Ehdr) header = {};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(ElfW(Phdr));
  header.e_phnum = 1;
  ElfW(Phdr) segment = {};
  segment.p_type = PT_LOAD;
  segment.p_filesz = kPage;
  segment.p_memsz = 3 * kPage;
  char path[] = "/tmp/heapprof_image_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(write(fd, &header, sizeof(header)), static_cast<ssize_t>(sizeof(header)));
  ASSERT_EQ(write(fd, &segment, sizeof(segment)), static_cast<ssize_t>(sizeof(segment)));
  ASSERT_EQ(ftruncate(fd, kPage), 0);
  constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS, kAccess = PROT_READ | PROT_WRITE;
  auto* at = static_cast<char*>(mmap(nullptr, 3 * kPage + kBehind, PROT_NONE, kAnonymous, -1, 0));
  ASSERT_NE(at, MAP_FAILED);
  ASSERT_EQ(mmap(at, kPage, kAccess, MAP_PRIVATE | MAP_FIXED, fd, 0), at);
  ASSERT_EQ(mmap(at + kPage, 2 * kPage, kAccess, kAnonymous | MAP_FIXED, -1, 0), at + kPage);
  ASSERT_EQ(mmap(at + 3 * kPage, kBehind, kAccess, kAnonymous | MAP_FIXED, -1, 0), at + 3 * kPage);
  madvise(at, 3 * kPage + kBehind, MADV_NOHUGEPAGE);
  memset(at + kPage, 1, 2 * kPage + kBehind);
  const auto state = Collect();
  // A file that is no image has no such variables.
  ASSERT_EQ(pwrite(fd, "text", 4, 0), 4);
  const auto no_image = Collect();
  munmap(at, 3 * kPage + kBehind);
  close(fd);
  unlink(path);
  EXPECT_EQ(Of(rows(*state), cause::kFiles, path, "[data]").mapped, 3 * kPage);
  EXPECT_GE(Of(rows(*state), cause::kMapped).resident, kBehind);
  EXPECT_EQ(Of(rows(*no_image), cause::kFiles, path, "[data]").mapped, kPage);
}

INSTANTIATE_TEST_SUITE_P(Sources, MemoryStateFrom,
                         testing::Values(ResidentPages::Source::kScan, ResidentPages::Source::kPageMap,
                                         ResidentPages::Source::kCore));

}  // namespace
}  // namespace heapprof
