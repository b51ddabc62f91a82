// SPDX-License-Identifier: Apache-2.0
// syscall() as libc has it: results, errors, all six arguments; and as the last thing of threads, of children
// that share memory, and of the first thread.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/system/programs/program.h"

namespace {

void* volatile g_use;

void Answers() {
  CHECK(syscall(SYS_getpid) == getpid());
  errno = 0;
  CHECK(syscall(SYS_close, -1) == -1 && errno == EBADF);
  errno = 4711;
  CHECK(syscall(SYS_getppid) == getppid() && errno == 4711);
  // Six arguments, the last of which is the offset in a file.
  const int file = memfd_create("six", MFD_CLOEXEC);
  CHECK(file >= 0 && ftruncate(file, 8192) == 0 && pwrite(file, "second", 6, 4096) == 6);
  const long at = syscall(SYS_mmap, 0L, 4096L, static_cast<long>(PROT_READ), static_cast<long>(MAP_PRIVATE),
                          static_cast<long>(file), 4096L);
  CHECK(at != -1 && memcmp(reinterpret_cast<char*>(at), "second", 6) == 0);
  CHECK(munmap(reinterpret_cast<void*>(at), 4096) == 0 && close(file) == 0);
}

void* EndInside(void*) {
  free(g_use = malloc(100));
  syscall(SYS_exit, 0);
  return nullptr;
}

void* Wait(void*) {
  free(g_use = malloc(100));
  for (;;) pause();
}

}  // namespace

int main() {
  Answers();
  for (int i = 0; i < 20; ++i) {
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, EndInside, nullptr) == 0);
    CHECK(pthread_join(thread, nullptr) == 0);
  }
  // A child of vfork ends by it, and its parent goes on to allocate.
  for (int i = 0; i < 20; ++i) {
    const pid_t child = vfork();
    if (child == 0) syscall(SYS_exit, 5);
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
    for (size_t size = 1; size < 5000; size += 7) free(g_use = malloc(size));
  }
  // The first thread ends by it, and another ends the process.
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    pthread_t thread;
    CHECK(pthread_create(&thread, nullptr, Wait, nullptr) == 0);
    CHECK(pthread_create(
              &thread, nullptr,
              [](void*) -> void* {
                for (size_t size = 1; size < 50000; ++size) free(g_use = malloc(size));
                _exit(7);
              },
              nullptr) == 0);
    syscall(SYS_exit, 0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
  Finish();
}
