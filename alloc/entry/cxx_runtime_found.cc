// SPDX-License-Identifier: Apache-2.0
// The C++ runtime that the process has, found by name at the first failure to allocate for operator new.
//
// The names are those of the Itanium C++ ABI, which libstdc++ and libc++abi share. What the compiler refers
// to in code that catches are small jumps of our own (cxx_runtime_<arch>.S) to what is found here.
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>

#include <atomic>
#include <initializer_list>

#include "alloc/backend/backend.h"
#include "alloc/entry/cxx_runtime.h"
#include "base/older_libc.h"

#pragma GCC visibility push(hidden)
extern "C" {
// Where the jumps lead; set before an exception can pass through a function of ours.
void* hp_cxx_personality;
void* hp_cxx_begin_catch;
void* hp_cxx_end_catch;
void* hp_cxx_resume;
void* hp_cxx_terminate;
}
#pragma GCC visibility pop

namespace heapprof {
namespace {

struct Runtime {
  void* (*allocate_exception)(size_t size);
  void (*throw_exception)(void* exception, void* type, void (*destroy)(void*));
  std::new_handler (*get_new_handler)();
  void** bad_alloc_table;  // its virtual functions
  void* bad_alloc_type;
  void (*destroy_bad_alloc)(void*);
};
// What all modules see. Two threads may look at a time: they find, and write, the same.
Runtime g_runtime;
std::atomic<bool> g_found{false};

template <typename Pointer>
bool Find(void* library, const char* name, Pointer* found) {
  *found = reinterpret_cast<Pointer>(dlsym(library, name));
  return *found != nullptr;
}

bool FindIn(void* library, Runtime* runtime) {
  Runtime found = {};
  void *personality, *begin_catch, *end_catch;
  const bool all = Find(library, "__cxa_allocate_exception", &found.allocate_exception) &&
                   Find(library, "__cxa_throw", &found.throw_exception) &&
                   Find(library, "_ZTVSt9bad_alloc", &found.bad_alloc_table) &&
                   Find(library, "_ZTISt9bad_alloc", &found.bad_alloc_type) &&
                   Find(library, "_ZNSt9bad_allocD1Ev", &found.destroy_bad_alloc) &&
                   Find(library, "__gxx_personality_v0", &personality) &&
                   Find(library, "__cxa_begin_catch", &begin_catch) &&
                   Find(library, "__cxa_end_catch", &end_catch);
  if (!all) return false;
  // Without this one the program has none of those that set a handler.
  Find(library, "_ZSt15get_new_handlerv", &found.get_new_handler);
  // Of -static-libgcc it is hidden; no code of ours that catches goes on with an exception.
  Find(library, "_Unwind_Resume", &hp_cxx_resume);
  Find(library, "_ZSt9terminatev", &hp_cxx_terminate);
  hp_cxx_personality = personality;
  hp_cxx_begin_catch = begin_catch;
  hp_cxx_end_catch = end_catch;
  *runtime = found;
  return true;
}

// What the module of that code sees beside what all see. It stays mapped, as the code is to be returned to.
bool FindInModuleOf(uintptr_t code, Runtime* runtime) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(code), &object) != 0) return false;
  const char* path = object.dlfo_link_map->l_name;
  void* module = *path == '\0' ? nullptr : dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
  if (module == nullptr) return false;
  const bool found = FindIn(module, runtime);
  dlclose(module);
  return found;
}

// Of the code that `caller` stands for. `load`: whether one may be brought in that the process does not have.
bool FindRuntime(const CallerFrame& caller, bool load, Runtime* runtime) {
  // acquire: pairs with the store behind what was found.
  if (g_found.load(std::memory_order_acquire)) {
    *runtime = g_runtime;
    return true;
  }
  // What every module of the program sees stands before what a plug-in has for itself, as for its own calls.
  if (FindIn(RTLD_DEFAULT, runtime)) {
    g_runtime = *runtime;
    g_found.store(true, std::memory_order_release);
    return true;
  }
  if (FindInModuleOf(caller.pc, runtime)) return true;
  for (const char* name : {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"}) {
    void* library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library != nullptr && FindIn(library, runtime)) return true;
  }
  if (!load) return false;
  // Code that has its runtime within itself and shows none of it: an exception of this one is the same to it.
  void* library = dlopen("libstdc++.so.6", RTLD_LAZY);
  return library != nullptr && FindIn(library, runtime);
}

}  // namespace

void PrepareForExceptions(const CallerFrame& caller) {
  Runtime runtime = {};
  FindRuntime(caller, false, &runtime);
}

std::new_handler NewHandler(const CallerFrame& caller) {
  Runtime runtime = {};
  if (!FindRuntime(caller, false, &runtime) || runtime.get_new_handler == nullptr) return nullptr;
  return runtime.get_new_handler();
}

void ThrowBadAlloc(const CallerFrame& caller) {
  Runtime runtime = {};
  if (!FindRuntime(caller, true, &runtime)) {
    hpje_je_safety_check_fail(
        "heapprof: operator new: no memory, and no C++ runtime is there to throw std::bad_alloc\n");
    __builtin_trap();  // a hook of the program's that hears of such ends may have come back
  }
  // An object of std::bad_alloc is the pointer to its virtual functions, which begin behind two words of the
  // table.
  constexpr int kFirstFunction = 2;
  auto* exception = static_cast<void***>(runtime.allocate_exception(sizeof(void*)));
  *exception = runtime.bad_alloc_table + kFirstFunction;
  runtime.throw_exception(exception, runtime.bad_alloc_type, runtime.destroy_bad_alloc);
  __builtin_unreachable();
}

}  // namespace heapprof
