// SPDX-License-Identifier: Apache-2.0
// Import slots: what a module calls through when it calls a function of another (its GOT).
//
// While what needs them is on, the slots of a group of functions hold wrappers, in every module of the
// program but the library itself; when it is off, they hold what they held: nobody's call is any longer then.
// Only slots that hold the very function of libc (or of who stands before it) are changed, or that have not
// been resolved yet and will hold it; so whatever order things are done in, a slot that holds a wrapper can
// be told what to hold by the wrapper alone, and nothing is kept of modules that may go.
//
// Modules that are loaded later are seen by the thread that has loaded them when it next looks for a symbol,
// loads, unloads or makes a thread: dlopen itself must be left by a jump (alloc/wrappers/load.cc).
//
// Thread-safety: yes; who finds another thread at work has it go round once more. Signal-safety: no, but for
// NoteLoad. Allocates: no. Locks: kSlots, and under it the loader's of its list of modules; not that one in a
// child of a fork beside threads, where the modules are found by what is mapped.
#ifndef HEAPPROF_ALLOC_SLOTS_SLOTS_H_
#define HEAPPROF_ALLOC_SLOTS_SLOTS_H_

namespace heapprof {

// A function whose import slots are to be changed. nullptr for `wrapper`: it is only called by wrappers.
struct Wrapped {
  const char* name;
  void* wrapper;
  void** real;
};

template <typename Function>
constexpr void* AnyFunction(Function* function) {
  return reinterpret_cast<void*>(function);
}

// Functions whose slots are changed together. No function is in two groups.
struct SlotGroup {
  static constexpr int kMaxLists = 2;
  const Wrapped* (*lists[kMaxLists])();  // each ends with an entry without a name; nullptr: no list
  bool (*is_on)();
  const char* what;  // is not whole where slots cannot be changed
};

// At the start: whether there is a loader, and so are slots; whether the library is a module of its own, and
// not part of the program.
void PrepareSlots(bool has_loader, bool in_library);
bool HasSlots();

// Makes the slots of all modules as they are to be: with the wrappers of those groups that are on. The group
// stays known from its first time on; it lives for ever.
void UpdateSlots(const SlotGroup& group);

// A module is about to be loaded by this thread.
void NoteLoad();
// This thread is past loading what it has loaded, and holds nothing of the loader's. Looks at new modules'
// slots, if any group is on and there may be any.
void UpdateSlotsOfNewModules();

// Around dlclose. Where the loader's lock is not to be asked for (base/system/loader_lock.h), BeginUnload
// waits for a round that another thread is in, and the others' rounds wait for EndUnload.
void BeginUnload();
void EndUnload();

bool LockSlotsForFork();
void UnlockSlotsAfterFork(bool in_child);

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_SLOTS_SLOTS_H_
