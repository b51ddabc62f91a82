// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/extent_hooks.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <atomic>

#include "alloc/backend/heap_pages.h"
#include "base/system/own_mappings.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

// jemalloc's extent_hooks_t. All but alloc may be missing.
struct Hooks {
  using Part = bool (*)(Hooks*, void* extent, size_t size, size_t offset, size_t length, unsigned arena);
  void* (*alloc)(Hooks*, void* wanted, size_t size, size_t alignment, bool* zero, bool* commit,
                 unsigned arena);
  bool (*dalloc)(Hooks*, void* extent, size_t size, bool committed, unsigned arena);
  void (*destroy)(Hooks*, void* extent, size_t size, bool committed, unsigned arena);
  Part commit, decommit, purge_lazy, purge_forced;
  bool (*split)(Hooks*, void* extent, size_t size, size_t size_a, size_t size_b, bool committed,
                unsigned arena);
  bool (*merge)(Hooks*, void* a, size_t size_a, void* b, size_t size_b, bool committed, unsigned arena);
};

// `ours` comes first: jemalloc hands its address to each hook.
struct NotingSet {
  Hooks ours;
  Hooks* theirs;
  NotingSet* next;
};
std::atomic<NotingSet*> g_sets{nullptr};

Hooks* Theirs(Hooks* ours) { return reinterpret_cast<NotingSet*>(ours)->theirs; }

void* Alloc(Hooks* hooks, void* wanted, size_t size, size_t alignment, bool* zero, bool* commit,
            unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  void* extent = theirs->alloc(theirs, wanted, size, alignment, zero, commit, arena);
  if (extent != nullptr) NoteOwnMapping(reinterpret_cast<uintptr_t>(extent), size, MappingOwner::kAllocator);
  return extent;
}

// A program may take a part away from a set that is in use: then it does what jemalloc does without it.
// Forgotten before, as another thread may get the address next.
bool Dalloc(Hooks* hooks, void* extent, size_t size, bool committed, unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  if (theirs->dalloc == nullptr) return true;
  ForgetOwnMapping(reinterpret_cast<uintptr_t>(extent), size);
  bool kept = theirs->dalloc(theirs, extent, size, committed, arena);
  if (kept) NoteOwnMapping(reinterpret_cast<uintptr_t>(extent), size, MappingOwner::kAllocator);
  return kept;
}

void Destroy(Hooks* hooks, void* extent, size_t size, bool committed, unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  ForgetOwnMapping(reinterpret_cast<uintptr_t>(extent), size);
  if (theirs->destroy != nullptr) theirs->destroy(theirs, extent, size, committed, arena);
}

template <Hooks::Part Hooks::*kPart>
bool Pass(Hooks* hooks, void* extent, size_t size, size_t offset, size_t length, unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  return theirs->*kPart == nullptr || (theirs->*kPart)(theirs, extent, size, offset, length, arena);
}

bool Split(Hooks* hooks, void* extent, size_t size, size_t size_a, size_t size_b, bool committed,
           unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  return theirs->split == nullptr || theirs->split(theirs, extent, size, size_a, size_b, committed, arena);
}

bool Merge(Hooks* hooks, void* a, size_t size_a, void* b, size_t size_b, bool committed, unsigned arena) {
  Hooks* theirs = Theirs(hooks);
  return theirs->merge == nullptr || theirs->merge(theirs, a, size_a, b, size_b, committed, arena);
}

template <typename Function>
Function IfThere(Function theirs, Function ours) {
  return theirs != nullptr ? ours : nullptr;
}

// A part that is missing tells jemalloc not to try.
Hooks PartsThere(const Hooks& theirs) {
  return {Alloc,
          IfThere(theirs.dalloc, Dalloc),
          IfThere(theirs.destroy, Destroy),
          IfThere(theirs.commit, Pass<&Hooks::commit>),
          IfThere(theirs.decommit, Pass<&Hooks::decommit>),
          IfThere(theirs.purge_lazy, Pass<&Hooks::purge_lazy>),
          IfThere(theirs.purge_forced, Pass<&Hooks::purge_forced>),
          IfThere(theirs.split, Split),
          IfThere(theirs.merge, Merge)};
}

}  // namespace

extern "C" {
#pragma GCC visibility push(hidden)
extern const Hooks hpje_je_ehooks_default_extent_hooks;
#pragma GCC visibility pop
}

const void* NotingHooks(const void* hooks) {
  if (hooks == nullptr || hooks == &hpje_je_ehooks_default_extent_hooks) return hooks;
  auto* theirs = static_cast<Hooks*>(const_cast<void*>(hooks));
  const Hooks ours = PartsThere(*theirs);
  NotingSet* first = g_sets.load(std::memory_order_acquire);
  // The same address may hold another set by now, and arenas that are still there the old one.
  for (NotingSet* set = first; set != nullptr; set = set->next) {
    if (set->theirs == theirs && memcmp(&set->ours, &ours, sizeof(ours)) == 0) return set;
  }
  RecordsMayVanish();
  auto* set = static_cast<NotingSet*>(RawMap(sizeof(NotingSet)));
  if (set == nullptr) return hooks;
  set->theirs = theirs;
  set->ours = ours;
  set->next = first;
  // release: the set before its address. Two for the same hooks do no harm.
  while (!g_sets.compare_exchange_weak(set->next, set, std::memory_order_acq_rel)) {
  }
  return set;
}

const void* HooksOfProgram(const void* hooks) {
  for (NotingSet* set = g_sets.load(std::memory_order_acquire); set != nullptr; set = set->next) {
    if (set == hooks) return set->theirs;
  }
  return hooks;
}

}  // namespace heapprof
