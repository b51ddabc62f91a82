// SPDX-License-Identifier: Apache-2.0
// Prints what each call of the malloc family answers over a grid of sizes and alignments: null or not, errno,
// whether the alignment and the usable size are as promised. Run under glibc and under the library; both must
// print the same. Left out is what the standards leave open and the two answer differently: aligned_alloc of
// alignments that are no power of two.
#include <limits.h>
#include <malloc.h>
#include <stdint.h>

#include <vector>

#include "tests/system/programs/program.h"

namespace {

const std::vector<size_t>& Sizes() {
  static const std::vector<size_t> sizes = {0,
                                            1,
                                            8,
                                            16,
                                            17,
                                            100,
                                            4095,
                                            4096,
                                            4097,
                                            14337,
                                            65536,
                                            1000000,
                                            size_t{1} << 62,
                                            size_t{PTRDIFF_MAX} - 4096,
                                            size_t{PTRDIFF_MAX},
                                            size_t{PTRDIFF_MAX} + 1,
                                            SIZE_MAX - 4096,
                                            SIZE_MAX - 1,
                                            SIZE_MAX};
  return sizes;
}

const std::vector<size_t>& Alignments() {
  static const std::vector<size_t> alignments = {0,  1,  2,  3,    4,    7,    8,    16,    24,
                                                 32, 48, 64, 1000, 4096, 5000, 8192, 65536, 1 << 20};
  return alignments;
}

constexpr size_t kLargestReal = 1 << 21;  // larger requests fail, or are address space that is not touched

void Show(const char* call, size_t a, size_t b, void* block, size_t alignment, size_t usable) {
  int error = errno;
  bool aligned = reinterpret_cast<uintptr_t>(block) % alignment == 0;
  bool fits = block == nullptr || usable > kLargestReal || malloc_usable_size(block) >= usable;
  printf("%s %#zx %#zx: %s errno %d aligned %d fits %d\n", call, a, b, block ? "block" : "null",
         block ? 0 : error, aligned, fits);
  if (block != nullptr && usable <= kLargestReal) memset(block, 1, usable);
  free(block);
  errno = 0;
}

bool IsPowerOfTwo(size_t value) { return value != 0 && (value & (value - 1)) == 0; }

void Plain() {
  for (size_t size : Sizes()) {
    size_t natural = size >= 16 ? 16 : 1;
    Show("malloc", size, 0, malloc(size), natural, size);
    Show("calloc(1)", size, 0, calloc(1, size), natural, size);
    Show("calloc(n,1)", size, 0, calloc(size, 1), natural, size);
    Show("realloc(null)", size, 0, realloc(nullptr, size), natural, size);
    for (size_t count : {size_t{0}, size_t{2}, size_t{1} << 32, SIZE_MAX}) {
      // Products that are neither small nor refused would ask for memory that a machine may not have.
      size_t product;
      if (!__builtin_mul_overflow(count, size, &product) && product > kLargestReal &&
          product < size_t{1} << 62)
        continue;
      Show("calloc", size, count, calloc(size, count), 1, 0);
      Show("reallocarray(null)", size, count, reallocarray(nullptr, size, count), 1, 0);
    }
    void* block = malloc(50);
    memset(block, 7, 50);
    errno = 0;
    void* moved = realloc(block, size);
    if (moved == nullptr && size != 0) {
      int error = errno;
      CHECK(static_cast<char*>(block)[49] == 7);
      free(block);
      errno = error;
    }
    Show("realloc", size, 0, moved, natural, size);
    Show("valloc", size, 0, valloc(size), 4096, size);
    Show("pvalloc", size, 0, pvalloc(size), 4096, size);
  }
}

void Aligned() {
  for (size_t alignment : Alignments()) {
    for (size_t size : Sizes()) {
      void* block = reinterpret_cast<void*>(16);
      errno = 0;
      int error = posix_memalign(&block, alignment, size);
      bool kept = error == 0 || block == reinterpret_cast<void*>(16);
      printf("posix_memalign %#zx %#zx: %d kept %d\n", alignment, size, error, kept);
      if (error == 0) Show("  block", alignment, size, block, alignment, size);
      size_t promised = IsPowerOfTwo(alignment) ? alignment : 1;
      Show("memalign", alignment, size, memalign(alignment, size), promised, size);
      if (IsPowerOfTwo(alignment))
        Show("aligned_alloc", alignment, size, aligned_alloc(alignment, size), alignment, size);
    }
  }
  for (size_t alignment : {SIZE_MAX, (size_t{1} << 63) + 1})
    Show("memalign", alignment, 8, memalign(alignment, 8), 1, 8);
}

void Null() {
  errno = 77;
  free(nullptr);
  printf("free(null): errno %d\n", errno);
  printf("malloc_usable_size(null): %zu\n", malloc_usable_size(nullptr));
  void* block = malloc(10);
  errno = 77;
  void* freed = realloc(block, 0);
  printf("realloc(block, 0): %s errno %d\n", freed ? "block" : "null", errno);
  block = malloc(3000000);
  errno = 77;
  free(block);
  printf("free(large): errno %d\n", errno);
}

}  // namespace

int main() {
  errno = 0;
  Plain();
  Aligned();
  Null();
  Finish();
}
