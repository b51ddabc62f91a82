// SPDX-License-Identifier: Apache-2.0
// The exec family as the program calls it.
//
// Clocks of a CPU profile may outlive the program that is replaced: ITIMER_PROF goes on, and the signal of a
// perf event may be on its way when its handler is gone; either would end the new program ("Profiling timer
// expired"). So clocks are stopped before, and set again if the call fails. (The kernel ends POSIX timers by
// itself.) libc's own calls of execve, in posix_spawn and system, are made in children, which have no clocks.
//
// With children=no a process that replaces itself stays under the library (alloc/wrappers/children.h).
//
// Thread-safety: yes. Signal-safety: yes, as exec has to be; a child of vfork may call it. Allocates: never.
#include <alloca.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/children.h"
#include "alloc/wrappers/next.h"
#include "base/signal/signal_front.h"
#include "sampling/cpu/cpu_sampler.h"
#include "sampling/stop/stop_by_signal.h"
#include "sampling/wall/wall_sampler.h"

extern "C" char** environ;

namespace heapprof {
namespace {

// `call` has the environment for its argument. What is made of it lies on the stack, too.
template <typename Call>
int WithClocksStopped(char* const* environment, Call call) {
  Initialize();
  ExecEnvironmentSize room = SizeOfExecEnvironment(environment);
  if (room.pointers != 0) {
    auto** made = static_cast<char**>(alloca(room.pointers * sizeof(char*)));
    auto* text = static_cast<char*>(alloca(room.bytes));
    MakeExecEnvironment(environment, made, text);
    environment = made;
  }
  bool paused = cpu::PauseForExec();
  bool watched = wall::Pause();
  FrontsBeforeExec();
  stop_signal::BeforeExec();
  int result = call(environment);
  int saved = errno;
  stop_signal::AfterFailedExec();
  FrontsAfterFailedExec();
  if (paused) cpu::ResumeAfterExec();
  if (watched) wall::Resume();
  errno = saved;
  return result;
}

// Calls `call` with the words of a variadic call up to its null pointer, `first` being the one before `list`;
// `*list` then stands behind that. The array lies on the stack: exec may be called in a child of vfork.
template <typename Call>
int WithWords(const char* first, va_list* list, Call call) {
  va_list counted;
  va_copy(counted, *list);
  size_t count = 0;
  for (const char* word = first; word != nullptr; word = va_arg(counted, const char*)) ++count;
  va_end(counted);
  auto** words = static_cast<char**>(alloca((count + 1) * sizeof(char*)));
  words[0] = const_cast<char*>(first);
  for (size_t i = 1; i <= count; ++i) words[i] = va_arg(*list, char*);
  return call(words);
}

}  // namespace
}  // namespace heapprof

extern "C" {

HEAPPROF_EXPORT int execve(const char* path, char* const arguments[], char* const environment[]) noexcept {
  return heapprof::WithClocksStopped(
      environment, [&](char* const* given) { return heapprof::g_next.execve(path, arguments, given); });
}

HEAPPROF_EXPORT int execvpe(const char* file, char* const arguments[], char* const environment[]) noexcept {
  return heapprof::WithClocksStopped(
      environment, [&](char* const* given) { return heapprof::g_next.execvpe(file, arguments, given); });
}

HEAPPROF_EXPORT int fexecve(int fd, char* const arguments[], char* const environment[]) noexcept {
  return heapprof::WithClocksStopped(
      environment, [&](char* const* given) { return heapprof::g_next.fexecve(fd, arguments, given); });
}

HEAPPROF_EXPORT int execveat(int folder, const char* path, char* const arguments[], char* const environment[],
                             int flags) noexcept {
  return heapprof::WithClocksStopped(environment, [&](char* const* given) {
    return heapprof::g_next.execveat(folder, path, arguments, given, flags);
  });
}

HEAPPROF_EXPORT int execv(const char* path, char* const arguments[]) noexcept {
  return execve(path, arguments, environ);
}

HEAPPROF_EXPORT int execvp(const char* file, char* const arguments[]) noexcept {
  return execvpe(file, arguments, environ);
}

HEAPPROF_EXPORT int execl(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  int result = heapprof::WithWords(first, &list, [&](char** words) { return execve(path, words, environ); });
  va_end(list);
  return result;
}

HEAPPROF_EXPORT int execlp(const char* file, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  int result = heapprof::WithWords(first, &list, [&](char** words) { return execvpe(file, words, environ); });
  va_end(list);
  return result;
}

HEAPPROF_EXPORT int execle(const char* path, const char* first, ...) noexcept {
  va_list list;
  va_start(list, first);
  // The environment follows the null pointer.
  int result = heapprof::WithWords(
      first, &list, [&](char** words) { return execve(path, words, va_arg(list, char* const*)); });
  va_end(list);
  return result;
}

}  // extern "C"
