// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/init.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <private_jemalloc.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include <new>

#include "alloc/backend/backend.h"
#include "alloc/backend/default_settings.h"
#include "alloc/backend/early_heap.h"
#include "alloc/backend/heap_pages.h"
#include "alloc/backend/profiler_settings.h"
#include "alloc/backend/thread_caches.h"
#include "alloc/contention/interval.h"
#include "alloc/entry/controls.h"
#include "alloc/entry/slow_path.h"
#include "alloc/initial_stack.h"
#include "alloc/libc/calls.h"
#include "alloc/mappings/mappings.h"
#include "alloc/peers/gperftools_api.h"
#include "alloc/slots/slots.h"
#include "alloc/wrappers/children.h"
#include "alloc/wrappers/fork.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/threads.h"
#include "base/older_libc.h"
#include "base/options.h"
#include "base/signal/signal_front.h"
#include "base/system/coarse_clock.h"
#include "base/system/raw_syscall.h"
#include "base/system/vdso.h"
#include "base/text.h"
#include "http/server.h"
#include "jemalloc_bins_checked.h"
#include "leak/at_exit.h"
#include "leak/report/source_lines.h"
#include "leak/search/roots.h"
#include "profiles/live_options.h"
#include "profiles/peers/gperftools.h"
#include "profiles/peers/peers.h"
#include "profiles/triggers.h"
#include "profiles/write/heap_profile.h"
#include "sampling/contention/contention.h"
#include "sampling/recorder.h"
#include "sampling/stop/thread_descriptor.h"
#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/shown_code.h"

extern "C" {
// jemalloc's settings as a program built for it gives them; it defines the variable itself.
HEAPPROF_EXPORT __attribute__((weak)) const char* malloc_conf = nullptr;
// Where jemalloc's messages go, if the program sets it.
HEAPPROF_EXPORT __attribute__((weak)) void (*malloc_message)(void* argument, const char* text) = nullptr;
__attribute__((weak)) const char* heapprof_default_options(void);
extern char** environ;
// Of the archive's code in a program that it is linked into; absent in the shared library.
__attribute__((weak, visibility("hidden"))) extern const char __start_heapprof_text[], __stop_heapprof_text[];

#pragma GCC visibility push(hidden)
void hp_own_delete(void* block);
void hp_own_array_delete(void* block);
void* hp_own_new(size_t size);
void* hp_own_array_new(size_t size);
#pragma GCC visibility pop
}

namespace heapprof {

bool g_initialized;
NextFunctions g_next;

namespace {

template <typename Function>
void FindNext(const char* name, Function* function) {
  if (*function != nullptr) return;
  *function = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

void FindNextFunctions() {
  // First, as a search that fails allocates: in the midst of our start nobody records that block, and what it
  // points to would look lost.
  if (FindNextInStaticProgram != nullptr) {
    FindNextInStaticProgram();
    if (g_next.pthread_create != nullptr) return;
  }
  FindNext("pthread_create", &g_next.pthread_create);
  FindNext("dlopen", &g_next.dlopen);
  FindNext("dlclose", &g_next.dlclose);
  FindNext("__register_atfork", &g_next.register_atfork);
  FindNext("execve", &g_next.execve);
  FindNext("execvpe", &g_next.execvpe);
  FindNext("fexecve", &g_next.fexecve);
  FindNext("execveat", &g_next.execveat);
  FindNext("sigaction", &g_next.sigaction);
  FindNext("signal", &g_next.signal);
  FindNext("__sysv_signal", &g_next.sysv_signal);
  FindNext("sigset", &g_next.sigset);
  FindNext("sigignore", &g_next.sigignore);
  FindNext("siginterrupt", &g_next.siginterrupt);
  FindNext("setitimer", &g_next.setitimer);
  FindNext("timer_create", &g_next.timer_create);
  FindNext("timer_delete", &g_next.timer_delete);
  FindNext("mq_notify", &g_next.mq_notify);
  FindNext("sigwait", &g_next.sigwait);
  FindNext("sigwaitinfo", &g_next.sigwaitinfo);
  FindNext("sigtimedwait", &g_next.sigtimedwait);
  FindNext("signalfd", &g_next.signalfd);
  FindNext("setuid", &g_next.setuid);
  FindNext("seteuid", &g_next.seteuid);
  FindNext("setgid", &g_next.setgid);
  FindNext("setegid", &g_next.setegid);
  FindNext("setreuid", &g_next.setreuid);
  FindNext("setregid", &g_next.setregid);
  FindNext("setresuid", &g_next.setresuid);
  FindNext("setresgid", &g_next.setresgid);
  FindNext("setfsuid", &g_next.setfsuid);
  FindNext("setfsgid", &g_next.setfsgid);
  FindNext("setgroups", &g_next.setgroups);
  FindNext("initgroups", &g_next.initgroups);
  FindNext("unshare", &g_next.unshare);
  FindNext("setns", &g_next.setns);
  FindNext("chroot", &g_next.chroot);
  FindNext("capset", &g_next.capset);
  FindNext("prctl", &g_next.prctl);
  FindNext("waitpid", &g_next.waitpid);
  FindNext("wait3", &g_next.wait3);
  FindNext("wait4", &g_next.wait4);
  FindNext("waitid", &g_next.waitid);
  FindNext("syscall", &hp_next_syscall);
}

void FindLateFunctions() {
  FindLateCalls();
  FindNextFunctions();
  InitThreadDescriptors();
  if (contention::Interval() != 0) SetContentionInterval(contention::Interval());
}

namespace {

// No stack shows a frame of the library.
void TellOwnCode() {
  dl_find_object library;
  if (FindNextInStaticProgram != nullptr) {
    unwind::SetOwnCode(reinterpret_cast<uintptr_t>(__start_heapprof_text),
                       reinterpret_cast<uintptr_t>(__stop_heapprof_text));
  } else if (_dl_find_object(reinterpret_cast<void*>(&TellOwnCode), &library) == 0) {
    unwind::SetOwnCode(reinterpret_cast<uintptr_t>(library.dlfo_map_start),
                       reinterpret_cast<uintptr_t>(library.dlfo_map_end));
  }
}

int g_starting_thread;  // its id while Initialize runs in it
bool g_backend_ready;   // of the starting thread alone

// A jemalloc that was built without a profiler knows none of its settings, which are ours all the same.
bool IsOfProfiler(const char* text) {
  constexpr char kUnknown[] = "<jemalloc>: Invalid conf pair: prof";
  return HEAPPROF_JEMALLOC_PROFILER == 0 && strncmp(text, kUnknown, sizeof(kUnknown) - 1) == 0;
}

void PassMessageOn(void* argument, const char* text) {
  if (IsOfProfiler(text)) return;
  if (malloc_message != nullptr) {
    malloc_message(argument, text);
  } else {
    RawWrite(2, text, strlen(text));
  }
}

// jemalloc reads MALLOC_CONF from `environ`, which is not there yet when preinit_array makes the first call.
// Then the variable is handed over by the way that stands over all others.
char g_overriding_settings[4096];

// What the link /etc/malloc.conf says to jemalloc; in the buffer above, which is not used yet.
const char* ReadMachineSettings() {
  const long size =
      RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/etc/malloc.conf"),
                 reinterpret_cast<long>(g_overriding_settings), sizeof(g_overriding_settings) - 1);
  g_overriding_settings[size > 0 ? size : 0] = '\0';
  return g_overriding_settings;
}

void ConfigureJemalloc(const InitialStack& start) {
  const char* variable = start.secure ? nullptr : FindVariable(start.environment, "MALLOC_CONF=");
  const char* machine = ReadMachineSettings();
  hpje_malloc_conf = DefaultSettings(malloc_conf, variable, machine);
  StartThreadCaches(malloc_conf, variable, machine);
  ProfilerKeys keys;
  ReadProfilerKeys(malloc_conf, &keys);
  ReadProfilerKeys(machine, &keys);
  ReadProfilerKeys(variable, &keys);
  constexpr char kNoProfiling[] = "prof:false,prof_leak:false,prof_leak_error:false";
  size_t length = 0;
  if (environ == nullptr && variable != nullptr && *variable != '\0') {
    length = strlen(variable);
    if (length + sizeof(kNoProfiling) < sizeof(g_overriding_settings)) {
      memcpy(g_overriding_settings, variable, length);
      g_overriding_settings[length++] = ',';
    } else {
      length = 0;
    }
  }
  memcpy(g_overriding_settings + length, kNoProfiling, sizeof(kNoProfiling));
  hpje_malloc_message = PassMessageOn;
  hpje_malloc_conf_2_conf_harder = g_overriding_settings;
  StartSettings();
  hpje_free(hpje_malloc(1));
  g_backend_ready = true;
  jemalloc_profiler::Configure(ProfilerSettings(keys));
}

void ConfigureGperftools(const InitialStack& start) {
  if (start.secure) return;
  const auto find = [&](const char* name) {
    return const_cast<char*>(FindVariable(start.environment, name));
  };
  gperftools::Configure({find("HEAPPROFILE="), find("HEAP_PROFILE_ALLOCATION_INTERVAL="),
                         find("HEAP_PROFILE_INUSE_INTERVAL="), find("HEAP_PROFILE_TIME_INTERVAL="),
                         find("HEAPPROFILESIGNAL="), find("TCMALLOC_SAMPLE_PARAMETER="), find("CPUPROFILE="),
                         find("CPUPROFILE_FREQUENCY="), find("CPUPROFILESIGNAL="),
                         find("CPUPROFILE_REALTIME=")});
}

void PrintStatistics(void (*write)(void*, const char*), void* arg) {
  hpje_malloc_stats_print(write, arg, nullptr);
}

void Start() {
  FindCalls();
  InitialStack start = ReadInitialStack();
  InitOptions(heapprof_default_options != nullptr ? heapprof_default_options() : nullptr, start.environment,
              start.secure);
  ConfigureJemalloc(start);
  ConfigureGperftools(start);
  InitControls();
  // volatile: as in new_throw.cc.
  void (*volatile plain)(void*) = &::operator delete;
  void (*volatile array)(void*) = &::operator delete[];
  hp_delete_replaced = plain != &hp_own_delete || array != &hp_own_array_delete;
  void* (*volatile plain_new)(size_t) = &::operator new;
  void* (*volatile array_new)(size_t) = &::operator new[];
  hp_new_replaced = plain_new != &hp_own_new || array_new != &hp_own_array_new;
  SetVdsoClock(reinterpret_cast<VdsoClock*>(FindInVdso(getauxval(AT_SYSINFO_EHDR), kVdsoClock)));
  FindNextFunctions();
  PrepareSlots(g_next.signal != nullptr, FindNextInStaticProgram == nullptr);
  SetLibcSigaction(g_next.sigaction);
  RegisterForkHandlers();
  InitThreads();
  g_allocator_stats_printer = PrintStatistics;
  sample_filter::Pin(0);  // null is not jemalloc's
  TellOwnCode();
  recorder::Start();
}

}  // namespace

bool StartsBackendHere() {
  // relaxed: no thread but this one writes its own number.
  return __atomic_load_n(&g_starting_thread, __ATOMIC_RELAXED) == RawGetTid() && !g_backend_ready;
}

void Initialize() {
  if (IsInitialized()) return;
  int self = RawGetTid();
  int nobody = 0;
  if (!__atomic_compare_exchange_n(&g_starting_thread, &nobody, self, false, __ATOMIC_ACQUIRE,
                                   __ATOMIC_RELAXED)) {
    // A second thread before the first one's first allocation is a rarity: only a raw clone() makes one.
    while (nobody != self && !IsInitialized()) RawSyscall(SYS_sched_yield);
    return;
  }
  int saved = errno;
  Start();
  errno = saved;
  // release: pairs with IsInitialized.
  __atomic_store_n(&g_initialized, true, __ATOMIC_RELEASE);
}

namespace {

// libc is up: signal handlers and exit hooks can be installed.
__attribute__((constructor)) void WhenLibcIsUp() {
  Initialize();
  NoteFirstThread();
  unwind::OpenUnwindTables();
  InstallTriggers();
  SetContentionSwitch(SetContentionInterval);
  InstallPeers(leak::EndWithStatus, gperftools::WantsCpuProfile() && HasOwnCpuProfiler());
  auto thread_data = reinterpret_cast<uintptr_t>(&hpje_je_tsd_tls);
  InitThreadDescriptors();
  ShowHeapPages();
  leak::SetAllocatorMemory({EarlyBlocks, {thread_data, thread_data + HEAPPROF_JEMALLOC_THREAD_BYTES}});
  InitialStack start = ReadInitialStack();
  if (!start.secure) {
    const char* search_path = FindVariable(start.environment, "PATH=");
    leak::TrustCommand(search_path != nullptr ? search_path : "");
  }
  if (GetOptions().contention_interval != 0) SetContentionInterval(GetOptions().contention_interval);
  if (GetOptions().mapping_stacks) FollowMappings();
  leak::InstallLeakCheck();
  http::StartServer();
  if (!GetOptions().children && !start.secure) LeaveChildrenAlone();
}

}  // namespace
}  // namespace heapprof
