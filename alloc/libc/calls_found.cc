// SPDX-License-Identifier: Apache-2.0
// What the process' libc has of calls.inc, found by name; and what is done where it has not.
//
// A process without libpthread has one thread. So a lock that is tried is free, and a key's value is this
// thread's; both are libpthread's own once it has come.
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

#include "alloc/libc/calls.h"
#include "alloc/libc/loaded_modules.h"
#include "alloc/libc/symbols.h"
#include "base/constinit.h"
#include "base/lock/spinlock.h"
#include "base/older_libc.h"
#include "base/system/loader_lock.h"
#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/stop/thread_layout.h"

#pragma GCC visibility push(hidden)
extern "C" {
// The library's own, for code that refers to libc's by its name (base/lock/spinlock.cc). 0: perhaps there are
// other threads.
char __libc_single_threaded = 0;
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

HP_CONSTINIT LoadedModules g_modules;

// What libpthread would have been asked before it is there.
struct PendingKey {
  pthread_key_t* key;
  void (*destroy)(void*);
  const void* value;
};
constexpr unsigned kMaxKeys = 4;
PendingKey g_keys[kMaxKeys];
unsigned g_key_count = 0;
// Behind all keys that libpthread has (PTHREAD_KEYS_MAX).
constexpr pthread_key_t kFirstPending = 1U << 20;

void* (*g_real_dlsym)(void*, const char*) = nullptr;

// The texts of errors, of glibc before 2.32.
const char* const* g_error_texts = nullptr;
const int* g_error_count = nullptr;

char** const* g_arguments = nullptr;  // the loader's own

// Runs `look` while no module comes or goes in another thread.
template <typename Look>
void WithLoaderLock(Look look) {
  if (LoaderLockMayBeLost()) {
    look();
    return;
  }
  dl_iterate_phdr(
      [](dl_phdr_info*, size_t, void* argument) {
        (*static_cast<Look*>(argument))();
        return 1;
      },
      &look);
}

// A word of the thread's descriptor: whether there ever was another thread.
bool HadManyThreads() {
  constexpr uintptr_t kOfX86 = 0x18;
  int many;
  const uintptr_t at = kStorageAbove ? DescriptorOf(ControlBlock()).start : ControlBlock() + kOfX86;
  memcpy(&many, reinterpret_cast<const void*>(at), sizeof(many));
  return many != 0;
}

bool g_started = false, g_is_late = false;

#ifdef HEAPPROF_TEST_OLD_LIBC
// In a test: as if libpthread and libdl came after the start.
void* Hidden(const char* name, void* found) {
  const bool never = strcmp(name, "_dl_find_object") == 0 || strcmp(name, "strerrordesc_np") == 0 ||
                     strcmp(name, "__libc_single_threaded") == 0;
  const bool late = strncmp(name, "pthread_", 8) == 0 || strncmp(name, "__pthread_", 10) == 0 ||
                    strncmp(name, "dl", 2) == 0 || strncmp(name, "timer_", 6) == 0;
  return never || (late && !g_is_late) ? nullptr : found;
}
#else
void* Hidden(const char*, void* found) { return found; }
#endif

void* FindFrom(const link_map* from, const char* name) {
  if (!g_started) return Hidden(name, FindSymbol(from, name));
  void* found = nullptr;
  WithLoaderLock([&] { found = FindSymbol(from, name); });
  return Hidden(name, found);
}

// Where there is none, what it is asked for is done without.
namespace fallback {

int _dl_find_object(void* address, dl_find_object* object) {
  LoadedModule module;
  if (!g_modules.Find(reinterpret_cast<uintptr_t>(address), &module)) return -1;
  object->dlfo_flags = 0;
  object->dlfo_map_start = reinterpret_cast<void*>(module.lo);
  object->dlfo_map_end = reinterpret_cast<void*>(module.hi);
  object->dlfo_link_map = const_cast<link_map*>(module.map);
  object->dlfo_eh_frame = reinterpret_cast<void*>(module.eh_frame_hdr);
  return 0;
}

// libc's keeps a text if it fails, for which it allocates. This one looks into what was loaded for others
// alone, too.
void* dlsym(void* handle, const char* name) {
  if (handle == RTLD_DEFAULT) return FindFrom(FirstModule(), name);
  if (handle != RTLD_NEXT) return g_real_dlsym != nullptr ? g_real_dlsym(handle, name) : nullptr;
  const link_map* own = OwnModule();
  return FindFrom(own != nullptr ? own->l_next : FirstModule(), name);
}

int dladdr1(const void*, Dl_info*, void**, int) { return 0; }
int pthread_attr_getguardsize(const pthread_attr_t*, size_t*) { return ENOSYS; }
int pthread_attr_getstack(const pthread_attr_t*, void**, size_t*) { return ENOSYS; }
int pthread_attr_getstacksize(const pthread_attr_t*, size_t*) { return ENOSYS; }
int pthread_getname_np(pthread_t, char*, size_t) { return ENOSYS; }
int pthread_setname_np(pthread_t, const char*) { return ENOSYS; }
int pthread_join(pthread_t, void**) { return ESRCH; }

int pthread_key_create(pthread_key_t* key, void (*destroy)(void*)) {
  if (g_key_count == kMaxKeys) return EAGAIN;
  *key = kFirstPending + g_key_count;
  g_keys[g_key_count++] = {key, destroy, nullptr};
  return 0;
}

int pthread_setspecific(pthread_key_t key, const void* value) {
  if (key - kFirstPending >= g_key_count) return EINVAL;
  g_keys[key - kFirstPending].value = value;
  return 0;
}

int pthread_mutex_trylock(pthread_mutex_t*) { return 0; }

// glibc before 2.30 has none, beside a libpthread with all the others.
int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t, const timespec* until) {
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t end = until->tv_sec * kSecond + until->tv_nsec;
  for (;;) {
    const int error = ::pthread_mutex_trylock(mutex);
    if (error != EBUSY) return error;
    if (RawMonotonicNanos() >= end) return ETIMEDOUT;
    RawSyscall(SYS_sched_yield);
  }
}

int pthread_mutexattr_destroy(pthread_mutexattr_t*) { return 0; }
int pthread_mutexattr_init(pthread_mutexattr_t* attributes) {
  memset(attributes, 0, sizeof(*attributes));
  return 0;
}
int pthread_mutexattr_settype(pthread_mutexattr_t*, int) { return 0; }

int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) {
  constexpr long kKernelSet = 8;
  return static_cast<int>(-RawSyscall(SYS_rt_sigprocmask, how, reinterpret_cast<long>(set),
                                      reinterpret_cast<long>(old), kKernelSet));
}

void pthread_testcancel() {}
void __pthread_register_cancel(void*) {}
void __pthread_unregister_cancel(void*) {}
void __pthread_unwind_next(void*) { __builtin_trap(); }

const char* strerrordesc_np(int error) {
  if (g_error_texts == nullptr || error < 0 || error >= *g_error_count) return nullptr;
  return g_error_texts[error];
}

}  // namespace fallback
}  // namespace
}  // namespace heapprof

#pragma GCC visibility push(hidden)
extern "C" {
#define HP_CALL(name) void* hp_found_##name = reinterpret_cast<void*>(&heapprof::fallback::name);
#include "alloc/libc/calls.inc"
#undef HP_CALL
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

struct Call {
  const char* name;
  void** to;
  bool found;
};
Call g_calls[] = {
#define HP_CALL(name) {#name, &hp_found_##name, false},
#include "alloc/libc/calls.inc"
#undef HP_CALL
};

Call& CallOf(void** to) {
  Call* call = g_calls;
  while (call->to != to) ++call;
  return *call;
}

// Who is asked first has the say, as with the loader itself.
void FindMissing() {
  constexpr size_t kCalls = sizeof(g_calls) / sizeof(*g_calls);
  uint32_t hashes[kCalls];
  for (size_t i = 0; i < kCalls; ++i) hashes[i] = SymbolName(g_calls[i].name).gnu_hash;
  for (const link_map* module = FirstModule(); module != nullptr; module = module->l_next) {
    const ModuleSymbols symbols(*module);
    for (size_t i = 0; i < kCalls; ++i) {
      Call& call = g_calls[i];
      if (call.found) continue;
      void* found = Hidden(call.name, symbols.Find(SymbolName(call.name, hashes[i])));
      if (found == nullptr) continue;
      call.found = true;
      *call.to = found;
    }
  }
}

bool HasModules() { return CallOf(&hp_found__dl_find_object).found; }

// An old libc: dlsym is looked for once more for handles that it gives, but stays ours otherwise.
void KeepOwnDlsym() {
  if (HasModules() || !CallOf(&hp_found_dlsym).found) return;
  if (hp_found_dlsym == reinterpret_cast<void*>(&fallback::dlsym)) return;
  g_real_dlsym = reinterpret_cast<void* (*)(void*, const char*)>(hp_found_dlsym);
  hp_found_dlsym = reinterpret_cast<void*>(&fallback::dlsym);
}

// The process has one thread as yet.
void MakePendingKeys() {
  if (g_key_count == 0 || !CallOf(&hp_found_pthread_key_create).found) return;
  for (unsigned i = 0; i < g_key_count; ++i) {
    const PendingKey& pending = g_keys[i];
    if (pthread_key_create(pending.key, pending.destroy) == 0)
      pthread_setspecific(*pending.key, pending.value);
  }
  g_key_count = 0;
}

}  // namespace

void FindCalls() {
  FindMissing();
  if (void* alone = FindFrom(FirstModule(), "__libc_single_threaded"))
    g_only_thread = static_cast<char*>(alone);
  if (!CallOf(&hp_found_strerrordesc_np).found) {
    g_error_count = static_cast<const int*>(FindSymbol(FirstModule(), "sys_nerr"));
    if (g_error_count != nullptr) {
      g_error_texts = static_cast<const char* const*>(FindSymbol(FirstModule(), "sys_errlist"));
    }
  }
  g_arguments = static_cast<char** const*>(FindSymbol(FirstModule(), "_dl_argv"));
  KeepOwnDlsym();
  if (!HasModules()) g_modules.Take();
  g_started = true;
}

char** LoaderArguments() { return g_arguments != nullptr ? *g_arguments : nullptr; }

void FindLateCalls() {
  g_is_late = true;
  WithLoaderLock(FindMissing);
  KeepOwnDlsym();
  MakePendingKeys();
}

bool IsAloneInLibc() {
  if (g_only_thread != &__libc_single_threaded) return IsOnlyThread();
  return !HadManyThreads() && !g_has_unknown_thread.load(std::memory_order_relaxed);
}

bool LibcHasThreads() { return CallOf(&hp_found_pthread_mutex_trylock).found; }

void ForgetUnloadedModules() {
  if (!HasModules()) g_modules.Take();
}

void ForgetModuleReaders() { g_modules.ForgetTaker(); }

}  // namespace heapprof
