// SPDX-License-Identifier: Apache-2.0
// Moves its own code to anonymous pages, as programs do for the sake of huge ones, and allocates before and
// after, loses a block and burns time there.
//
//   remapped text | page | image | file    the executable segment, its first page alone, all up to its end;
//   or the
//                                          segment to another file's pages, as huge ones may be
#include <link.h>
#include <sys/mman.h>

#include "tests/system/programs/program.h"

static void* volatile g_kept[2];
static volatile double g_sink = 1;

NOINLINE void before(void) { g_kept[0] = malloc(501); }
NOINLINE void after(void) { g_kept[1] = malloc(502); }
NOINLINE void lose(void) {
  void* volatile lost = malloc(503);
  lost = NULL;
  (void)lost;
}
NOINLINE void burn(void) {
  for (long i = 0; i < 20000000; ++i) g_sink = g_sink * 1.0000001;
}

struct Range {
  uintptr_t image, start, limit;
};

static int FindText(struct dl_phdr_info* info, size_t size, void* to) {
  struct Range* range = (struct Range*)to;
  (void)size;
  range->image = UINTPTR_MAX;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &info->dlpi_phdr[i];
    const uintptr_t start = (info->dlpi_addr + segment->p_vaddr) & ~(uintptr_t)4095;
    const uintptr_t limit = (info->dlpi_addr + segment->p_vaddr + segment->p_memsz + 4095) & ~(uintptr_t)4095;
    if (segment->p_type != PT_LOAD) continue;
    if (start < range->image) range->image = start;
    if ((segment->p_flags & PF_X) == 0) continue;
    range->start = start;
    range->limit = limit;
  }
  return 1;
}

static void Move(uintptr_t start, uintptr_t limit) {
  const size_t size = limit - start;
  void* copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(copy != MAP_FAILED);
  memcpy(copy, (void*)start, size);
  CHECK(mprotect(copy, size, PROT_READ | PROT_EXEC) == 0);
  CHECK(mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)start) == (void*)start);
}

static void MoveToFile(uintptr_t start, uintptr_t limit) {
  const size_t size = limit - start;
  const int fd = memfd_create("pages", MFD_CLOEXEC);
  CHECK(fd >= 0 && write(fd, (void*)start, size) == (ssize_t)size);
  CHECK(mmap((void*)start, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, 0) == (void*)start);
  CHECK(close(fd) == 0);
}

int main(int argc, char** argv) {
  struct Range range;
  CHECK(argc == 2);
  dl_iterate_phdr(FindText, &range);
  before();
  if (strcmp(argv[1], "text") == 0) Move(range.start, range.limit);
  if (strcmp(argv[1], "page") == 0) Move(range.start, range.start + 4096);
  if (strcmp(argv[1], "image") == 0) Move(range.image, range.limit);
  if (strcmp(argv[1], "file") == 0) MoveToFile(range.start, range.limit);
  after();
  lose();
  burn();
  g_kept[0] = g_kept[0];
  Finish();
  return 0;
}
