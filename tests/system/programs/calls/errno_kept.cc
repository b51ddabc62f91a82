// SPDX-License-Identifier: Apache-2.0
// errno after calls that succeed is what it was before, though the kernel refuses to take memory back, as it
// does where a program has locked its own. Run with MALLOC_CONF=dirty_decay_ms:0,muzzy_decay_ms:0, so that
// each free of a large block asks it to.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <initializer_list>
#include <new>

#include "tests/system/programs/program.h"

namespace {

void RefuseToTakeMemoryBack() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof filter / sizeof *filter, filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

constexpr int kSentinel = 4711;

#define KEEPS_ERRNO(call)      \
  do {                         \
    errno = kSentinel;         \
    call;                      \
    CHECK(errno == kSentinel); \
  } while (0)

void CallAll(size_t size) {
  void* block;
  KEEPS_ERRNO(block = malloc(size));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = calloc(2, size));
  KEEPS_ERRNO(block = realloc(block, size * 3));
  KEEPS_ERRNO(block = realloc(block, size / 2 + 1));
  KEEPS_ERRNO(CHECK(malloc_usable_size(block) > size / 2));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = reallocarray(nullptr, 5, size));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(CHECK(posix_memalign(&block, 8192, size) == 0));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = aligned_alloc(4096, size));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = memalign(64, size));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = valloc(size));
  KEEPS_ERRNO(free(block));
  KEEPS_ERRNO(block = ::operator new(size));
  KEEPS_ERRNO(::operator delete(block, size));
  KEEPS_ERRNO(block = ::operator new[](size, std::align_val_t{512}));
  KEEPS_ERRNO(::operator delete[](block, std::align_val_t{512}));
  KEEPS_ERRNO(free(nullptr));
}

}  // namespace

int main() {
  if (HasLibrary()) RefuseToTakeMemoryBack();  // glibc's own realloc tells of a munmap that failed
  for (int round = 0; round < 20; ++round) {
    for (size_t size : {size_t{10}, size_t{5000}, size_t{20000}, size_t{300000}, size_t{3} << 20})
      CallAll(size);
    KEEPS_ERRNO(malloc_trim(0));
  }
  Finish();
}
