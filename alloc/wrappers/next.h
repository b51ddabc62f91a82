// SPDX-License-Identifier: Apache-2.0
// libc's own definitions of the functions that the library wraps.
//
// Looked up by Initialize; dlsym neither allocates nor needs libc's start for a symbol that exists.
// Thread-safety: yes, after Initialize. Signal-safety: reading, yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_WRAPPERS_NEXT_H_
#define HEAPPROF_ALLOC_WRAPPERS_NEXT_H_

#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

struct __user_cap_header_struct;
struct __user_cap_data_struct;

#pragma GCC visibility push(hidden)
extern "C" {
extern long (*hp_next_syscall)(long, ...);  // for syscall_<arch>.S
}
#pragma GCC visibility pop

namespace heapprof {

struct NextFunctions {
  int (*pthread_create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  void* (*dlopen)(const char*, int);
  int (*dlclose)(void*);
  int (*register_atfork)(void (*)(), void (*)(), void (*)(), void*);
  int (*execve)(const char*, char* const[], char* const[]);
  int (*execvpe)(const char*, char* const[], char* const[]);
  int (*fexecve)(int, char* const[], char* const[]);
  int (*execveat)(int, const char*, char* const[], char* const[], int);
  int (*sigaction)(int, const struct sigaction*, struct sigaction*);
  // nullptr where there is no loader: made of sigaction then.
  void (*(*signal)(int, void (*)(int)))(int);
  void (*(*sysv_signal)(int, void (*)(int)))(int);
  void (*(*sigset)(int, void (*)(int)))(int);
  int (*sigignore)(int);
  int (*siginterrupt)(int, int);
  int (*setitimer)(int, const itimerval*, itimerval*);
  // Of the shared library only.
  int (*timer_create)(clockid_t, sigevent*, timer_t*);
  int (*timer_delete)(timer_t);
  int (*mq_notify)(mqd_t, const sigevent*);
  int (*setuid)(uid_t);
  int (*seteuid)(uid_t);
  int (*setgid)(gid_t);
  int (*setegid)(gid_t);
  int (*setreuid)(uid_t, uid_t);
  int (*setregid)(gid_t, gid_t);
  int (*setresuid)(uid_t, uid_t, uid_t);
  int (*setresgid)(gid_t, gid_t, gid_t);
  int (*setfsuid)(uid_t);
  int (*setfsgid)(gid_t);
  int (*setgroups)(size_t, const gid_t*);
  int (*initgroups)(const char*, gid_t);
  int (*unshare)(int);
  int (*setns)(int, int);
  int (*chroot)(const char*);
  int (*capset)(__user_cap_header_struct*, const __user_cap_data_struct*);
  int (*prctl)(int, ...);
  pid_t (*waitpid)(pid_t, int*, int);
  pid_t (*wait3)(int*, int, struct rusage*);
  pid_t (*wait4)(pid_t, int*, int, struct rusage*);
  int (*waitid)(idtype_t, id_t, siginfo_t*, int);
  int (*sigwait)(const sigset_t*, int*);
  int (*sigwaitinfo)(const sigset_t*, siginfo_t*);
  int (*sigtimedwait)(const sigset_t*, siginfo_t*, const timespec*);
  int (*signalfd)(int, const sigset_t*, int);
};
extern NextFunctions g_next;

void FindNextFunctions();
// Again those that were nowhere: before glibc 2.34 libpthread, libdl and librt may come later, or never.
void FindLateFunctions();

// Defined in the archive only: sets those functions if the program has no loader, and none otherwise.
void FindNextInStaticProgram() __attribute__((weak));

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_WRAPPERS_NEXT_H_
