// SPDX-License-Identifier: Apache-2.0
// dlopen and dlclose as the program calls them.
//
// RTLD_DEEPBIND would have a library look into libc before it looks here: blocks of libc's malloc would come
// to this free, and blocks of this malloc, from strdup or another library, to libc's free. Both end the
// program; the hooks by which libc once let a malloc repair that went with glibc 2.34. So the flag is taken
// away.
//
// After a dlclose the unwinder forgets what it knew of the code there, and recorded stacks keep its names
// (sampling/module_watch.h).
//
// Thread-safety: yes. Signal-safety: no. Allocates: no.
#include <dlfcn.h>
#include <errno.h>

#include <atomic>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/libc/calls.h"
#include "alloc/slots/slots.h"
#include "alloc/wrappers/next.h"
#include "base/options.h"
#include "base/text.h"
#include "sampling/module_watch.h"

namespace heapprof {
namespace {

// Not inlined: its buffer would keep dlopen from leaving by a jump.
__attribute__((noinline)) void TellOfDeepBind(const char* file) {
  static std::atomic<bool> told{false};
  if (!GetOptions().verbose || told.exchange(true, std::memory_order_relaxed)) return;
  Text<512> line;
  Say(line.Str("RTLD_DEEPBIND is ignored for ").Str(file).Str(", so that all share one malloc"));
}

}  // namespace
}  // namespace heapprof

extern "C" {

// libc takes the caller's search path and namespace by the return address: the call has to be a jump (-O2).
HEAPPROF_EXPORT void* dlopen(const char* file, int mode) noexcept {
  heapprof::Initialize();
  if ((mode & RTLD_DEEPBIND) != 0 && file != nullptr) heapprof::TellOfDeepBind(file);
  heapprof::UpdateSlotsOfNewModules();
  heapprof::NoteLoad();
  if (heapprof::g_next.dlopen == nullptr) heapprof::FindLateFunctions();
  if (heapprof::g_next.dlopen == nullptr) return nullptr;
  return heapprof::g_next.dlopen(file, mode & ~RTLD_DEEPBIND);
}

HEAPPROF_EXPORT int dlclose(void* handle) noexcept {
  heapprof::Initialize();
  if (heapprof::g_next.dlclose == nullptr) heapprof::FindLateFunctions();
  if (heapprof::g_next.dlclose == nullptr) return -1;
  int saved = errno;
  heapprof::UpdateSlotsOfNewModules();
  heapprof::BeforeUnload();
  heapprof::BeginUnload();
  errno = saved;
  int result = heapprof::g_next.dlclose(handle);
  saved = errno;
  heapprof::ForgetUnloadedModules();
  heapprof::EndUnload();
  heapprof::AfterUnload();
  errno = saved;
  return result;
}

}  // extern "C"
