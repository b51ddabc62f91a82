// SPDX-License-Identifier: Apache-2.0
// A program that lets itself do no more than read, write and end (seccomp's strict mode). The one way to end
// is then syscall(SYS_exit, ...), as libc's exit makes another call, and any other call kills. So do its
// children, one from the first thread, one from another.
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/system/programs/program.h"

namespace {

[[noreturn]] void EndInStrictMode(void* block, int status) {
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
  free(block);
  syscall(SYS_exit, status);
  abort();
}

void* ForkOne(void*) {
  void* block = malloc(100);
  const pid_t child = fork();
  if (child == 0) EndInStrictMode(block, 5);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 5);
  return block;
}

}  // namespace

int main() {
  free(ForkOne(nullptr));
  pthread_t thread;
  void* block = nullptr;
  CHECK(pthread_create(&thread, nullptr, ForkOne, nullptr) == 0 && pthread_join(thread, &block) == 0);
  Finish();
  EndInStrictMode(block, 0);
}
