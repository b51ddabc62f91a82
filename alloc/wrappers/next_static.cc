// SPDX-License-Identifier: Apache-2.0
// libc's own functions in a program that is linked with -static: there is no loader to ask.
//
// Part of the archive only. libc.a has these functions under a second name too, but gives no object to a weak
// reference alone; what does bring the objects in are the two functions that Anchors names, which use them
// and which the shared libc has as well: so the archive links into either kind of program.
//
// Thread-safety: yes. Signal-safety: the exec functions, yes. Allocates: never.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <time.h>

#include <atomic>

#include "alloc/wrappers/next.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "sampling/unwind/cfi/cfi.h"

extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));  // by the linker, as the next two
extern char __executable_start[], _end[];
__attribute__((weak)) int __pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
__attribute__((weak)) int __execve(const char*, char* const[], char* const[]);
__attribute__((weak)) int __execvpe(const char*, char* const[], char* const[]);
__attribute__((weak)) int __libc_sigaction(int, const struct sigaction*, struct sigaction*);
}

namespace heapprof {
namespace {

int ExecuteAt(int folder, const char* path, char* const arguments[], char* const environment[], int flags) {
  long result = RawSyscall(SYS_execveat, folder, reinterpret_cast<long>(path),
                           reinterpret_cast<long>(arguments), reinterpret_cast<long>(environment), flags);
  if (result >= 0) return static_cast<int>(result);
  errno = static_cast<int>(-result);
  return -1;
}

int ExecuteFile(int fd, char* const arguments[], char* const environment[]) {
  return ExecuteAt(fd, "", arguments, environment, AT_EMPTY_PATH);
}

// glibc's loading into static programs needs the very libc at run time, which would bring another malloc.
// Said once: a program may try again and again.
void* LoadNothing(const char* file, int) {
  static std::atomic<bool> told{false};
  if (told.exchange(true, std::memory_order_relaxed)) return nullptr;
  Text<512> line;
  Say(line.Str("a statically linked program cannot load ").Str(file == nullptr ? "itself" : file));
  return nullptr;
}

int UnloadNothing(void*) { return -1; }

// libc's inner function, which comes in with posix_spawn, takes its own two signals too.
int SetAction(int number, const struct sigaction* action, struct sigaction* old) {
  constexpr int kCancel = 32, kSetIds = 33;
  if (number > 0 && number < NSIG && number != kCancel && number != kSetIds) {
    return __libc_sigaction(number, action, old);
  }
  errno = EINVAL;
  return -1;
}

__attribute__((used)) struct {
  int (*with_threads)(mqd_t, const sigevent*);
  int (*with_exec)(pid_t*, const char*, const posix_spawn_file_actions_t*, const posix_spawnattr_t*,
                   char* const[], char* const[]);
} const volatile g_anchors = {mq_notify, posix_spawnp};

// 0: the program was linked without.
uintptr_t EhFrameHeader() {
  const auto* file = reinterpret_cast<const ElfW(Ehdr)*>(__ehdr_start);
  const auto begin = reinterpret_cast<uintptr_t>(__ehdr_start);
  const auto* segments = reinterpret_cast<const ElfW(Phdr)*>(begin + file->e_phoff);
  const uintptr_t moved_by = file->e_type == ET_DYN ? begin : 0;
  for (const ElfW(Phdr)* segment = segments; segment < segments + file->e_phnum; ++segment) {
    if (segment->p_type == PT_GNU_EH_FRAME) return moved_by + segment->p_vaddr;
  }
  return 0;
}

}  // namespace

void FindNextInStaticProgram() {
  if (__pthread_create == nullptr || __execve == nullptr || __execvpe == nullptr ||
      __libc_sigaction == nullptr) {
    return;
  }
  unwind::CloseTablesOfStaticProgram(reinterpret_cast<uintptr_t>(__executable_start),
                                     reinterpret_cast<uintptr_t>(_end), EhFrameHeader());
  g_next.pthread_create = __pthread_create;
  g_next.execve = __execve;
  g_next.execvpe = __execvpe;
  g_next.fexecve = ExecuteFile;
  g_next.execveat = ExecuteAt;
  g_next.sigaction = SetAction;
  g_next.dlopen = LoadNothing;
  g_next.dlclose = UnloadNothing;
}

}  // namespace heapprof
