// SPDX-License-Identifier: Apache-2.0
#include "alloc/slots/slots.h"

#include <dlfcn.h>
#include <link.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>

#include <atomic>

#include "alloc/slots/mapped_modules.h"
#include "alloc/slots/module_slots.h"
#include "base/constinit.h"
#include "base/lock/processor.h"
#include "base/lock/spinlock.h"
#include "base/older_libc.h"
#include "base/system/loader_lock.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {
namespace {

SpinLock<LockRank::kSlots> g_lock;
// Set by who found the lock taken: its holder goes round once more.
std::atomic<bool> g_again{false};

std::atomic<bool> g_loads{false};  // modules have come since the last round
thread_local bool t_loaded __attribute__((tls_model("initial-exec"))) = false;

// How many calls of dlclose are on their way, in all threads and in this one, whose destructors may come
// here.
std::atomic<uint32_t> g_unloads{0};
thread_local uint32_t t_unloads __attribute__((tls_model("initial-exec"))) = 0;

// Without the loader's lock a module could go while we are at it. Then the round comes after it.
bool MustAwaitUnloads() { return LoaderLockMayBeLost() && g_unloads.load() != t_unloads; }

// dlsym of modules: they ask for the names of what they have loaded. Jumps (-O2), as libc takes the module
// that asks by the return address.
void* (*g_dlsym)(void*, const char*);
void* Dlsym(void* handle, const char* name) {
  UpdateSlotsOfNewModules();
  return g_dlsym(handle, name);
}

link_map* ModuleOf(const void* address) {
  Dl_info info;
  void* map = nullptr;
  return dladdr1(address, &info, &map, RTLD_DL_LINKMAP) != 0 ? static_cast<link_map*>(map) : nullptr;
}

// Whether a look-up has found the program's own stub, which is a jump through the program's slot: the program
// is not position-independent and takes the function's address.
bool IsStub(const void* function) {
  // To ask for the symbol takes as long as to look through all of the module's.
  dl_find_object object;
  if (_dl_find_object(const_cast<void*>(function), &object) == 0 && object.dlfo_link_map->l_prev != nullptr) {
    return false;
  }
  Dl_info info;
  void* symbol = nullptr;
  return dladdr1(function, &info, &symbol, RTLD_DL_SYMENT) != 0 && symbol != nullptr &&
         static_cast<const ElfW(Sym)*>(symbol)->st_shndx == SHN_UNDEF;
}

// Whether RTLD_NEXT leaves out no module but the program and the library.
bool IsNextToProgram(const link_map* program) {
  const link_map* own = ModuleOf(reinterpret_cast<const void*>(&IsNextToProgram));
  if (program == nullptr || own == program) return program != nullptr;
  // The kernel's module has no path, and none of these functions.
  const link_map* next = program->l_next;
  while (next != nullptr && strchr(next->l_name, '/') == nullptr) next = next->l_next;
  return next == own;
}

struct Redirections : RedirectionSet {
  void Add(const Wrapped& function) {
    const char* name = function.name;
    void* real = dlsym(RTLD_DEFAULT, name);
    // A wrapper that calls a stub would come back to itself.
    if (real != nullptr && IsStub(real)) {
      // What stands between may have a function of that name: then only slots that hold libc's are changed.
      const bool is_next = IsNextToProgram(ModuleOf(real));
      real = dlsym(RTLD_NEXT, name);
      if (!is_next) name = "";
    }
    *function.real = real;
    if (real == nullptr || function.wrapper == nullptr) return;
    RedirectionSet::Add({name, real, function.wrapper, false});
  }
};
HP_CONSTINIT Redirections g_redirections;

// Set at the start.
bool g_has_loader, g_in_library;

// The groups that were ever asked for, each in its place for good.
struct KnownGroup {
  std::atomic<const SlotGroup*> group{nullptr};
  // Where its functions are; none until it is first on. Guarded by the lock.
  size_t first = 0, limit = 0;
};
constexpr size_t kMaxGroups = 4;
HP_CONSTINIT KnownGroup g_groups[kMaxGroups];
size_t g_dlsyms = 0;  // of the first redirections; guarded by the lock

void Know(const SlotGroup& group) {
  for (KnownGroup& known : g_groups) {
    const SlotGroup* nobody = nullptr;
    if (known.group.compare_exchange_strong(nobody, &group) || nobody == &group) return;
  }
}

// acquire: a group before its address.
const SlotGroup* At(const KnownGroup& known) { return known.group.load(std::memory_order_acquire); }

bool IsAnyOn() {
  for (const KnownGroup& known : g_groups) {
    const SlotGroup* group = At(known);
    if (group != nullptr && group->is_on()) return true;
  }
  return false;
}

void Find(const SlotGroup& group, KnownGroup* known) {
  if (g_redirections.count() == 0) {
    g_redirections.Add({"dlsym", AnyFunction(Dlsym), reinterpret_cast<void**>(&g_dlsym)});
    g_dlsyms = g_redirections.count();
  }
  known->first = g_redirections.count();
  for (const auto list : group.lists) {
    for (const Wrapped* function = list != nullptr ? list() : nullptr;
         function != nullptr && function->name != nullptr; ++function) {
      g_redirections.Add(*function);
    }
  }
  known->limit = g_redirections.count();
}

// Who calls through a slot reads the wrapper's `real` behind that jump, and a processor that guesses the jump
// may have read it before the slot. After this all have passed a barrier since `real` was written, and no
// slot leads to the wrapper yet. Where the kernel has no such call (before 4.16), or forbids it, the order is
// left to the time between.
void OrderRealsBeforeSlots() {
  if constexpr (kKeepsLoadsInOrder) return;
  RawSyscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  RawSyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

// What is not whole if a slot cannot be changed; nullptr: nothing is on.
const char* TurnRedirections() {
  const char* what = nullptr;
  bool found = false;
  for (KnownGroup& known : g_groups) {
    const SlotGroup* group = At(known);
    if (group == nullptr) continue;
    const bool on = group->is_on();
    if (on && known.limit == 0) {
      Find(*group, &known);
      found = true;
    }
    g_redirections.Turn(known.first, known.limit, on);
    if (on) what = group->what;
  }
  g_redirections.Turn(0, g_dlsyms, what != nullptr);
  if (found) OrderRealsBeforeSlots();
  return what;
}

struct Round {
  bool unresolved;  // some slot was changed before the loader had resolved it
  int error;        // of finding the modules, or of making a page writable
};

int VisitModule(dl_phdr_info* info, size_t, void* argument) {
  auto* round = static_cast<Round*>(argument);
  ModuleSlots module(*info);
  if (module.Contains(reinterpret_cast<const void*>(&VisitModule)) && g_in_library) return 0;
  const RedirectResult result = module.Redirect(g_redirections);
  round->unresolved |= result.unresolved;
  if (result.error != 0) round->error = result.error;
  return 0;
}

void VisitModules(Round* round) {
  if (!LoaderLockMayBeLost()) {
    dl_iterate_phdr(VisitModule, round);
  } else if (const int error = VisitMappedModules(VisitModule, round)) {
    round->error = error;
  }
}

void GoRound() {
  const char* what = TurnRedirections();
  Round round = {false, 0};
  VisitModules(&round);
  // A thread that was in the midst of resolving such a slot may have written what it found over ours.
  if (round.unresolved) VisitModules(&round);
  static std::atomic<bool> told{false};
  if (round.error != 0 && what != nullptr && !told.exchange(true, std::memory_order_relaxed)) {
    Text<192> line;
    Say(line.Str("some modules' calls are left out of ")
            .Str(what)
            .Str(": cannot get at their pages: ")
            .Str(ErrnoText(-round.error)));
  }
}

void Update() {
  do {
    // seq_cst, as the try of the lock: of two, one sees the other's.
    g_again.store(true);
    if (!g_lock.TryLock()) return;
    while (!MustAwaitUnloads() && g_again.exchange(false)) GoRound();
    g_lock.Unlock();
  } while (!MustAwaitUnloads() && g_again.load());
}

}  // namespace

void PrepareSlots(bool has_loader, bool in_library) {
  g_has_loader = has_loader;
  g_in_library = in_library;
}

bool HasSlots() { return g_has_loader; }

void UpdateSlots(const SlotGroup& group) {
  Know(group);
  Update();
}

void BeginUnload() {
  ++t_unloads;
  // seq_cst, as all of these: who goes round sees it, or we see the round.
  ++g_unloads;
  if (!LoaderLockMayBeLost()) return;
  g_lock.Lock();
  g_lock.Unlock();
}

void EndUnload() {
  --t_unloads;
  --g_unloads;
  if (LoaderLockMayBeLost() && g_again.load()) Update();
}

void NoteLoad() {
  g_loads.store(true, std::memory_order_relaxed);
  t_loaded = true;
}

void UpdateSlotsOfNewModules() {
  // relaxed: a thread knows of its own loads.
  if (!t_loaded && !g_loads.load(std::memory_order_relaxed)) return;
  if (!IsAnyOn()) return;
  t_loaded = false;
  g_loads.store(false, std::memory_order_relaxed);
  Update();
}

bool LockSlotsForFork() { return g_lock.LockForFork(); }

void UnlockSlotsAfterFork(bool in_child) {
  if (in_child) g_unloads.store(t_unloads);
  g_lock.UnlockAfterFork(in_child);
}

}  // namespace heapprof
