// SPDX-License-Identifier: Apache-2.0
// libgcc's registration of unwind tables, by which a JIT makes its code known: noted on its way there, so
// that stacks are walked through such code.
//
// A program that has libgcc inside (-static-libgcc) keeps its own: the definitions here are weak.
// Thread-safety: yes. Signal-safety: no. Allocates: no; libgcc may.
#include <dlfcn.h>
#include <stdint.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "sampling/module_watch.h"

namespace heapprof {
namespace {

void Register(const void* begin, const void* text_base = nullptr, const void* data_base = nullptr) {
  Initialize();
  const auto key = reinterpret_cast<uintptr_t>(begin);
  RegisterFrames(key, key, reinterpret_cast<uintptr_t>(text_base), reinterpret_cast<uintptr_t>(data_base));
}

// A list of such tables that ends in a null pointer.
void RegisterTable(void** tables, const void* text_base = nullptr, const void* data_base = nullptr) {
  Initialize();
  for (void** table = tables; *table != nullptr; ++table) {
    RegisterFrames(reinterpret_cast<uintptr_t>(tables), reinterpret_cast<uintptr_t>(*table),
                   reinterpret_cast<uintptr_t>(text_base), reinterpret_cast<uintptr_t>(data_base));
  }
}

void Deregister(const void* begin) {
  Initialize();
  DeregisterFrames(reinterpret_cast<uintptr_t>(begin));
}

// libgcc's own; without libgcc the walk alone knows of the tables.
template <typename... Arguments>
void* CallNext(const char* name, Arguments... arguments) {
  auto* next = reinterpret_cast<void* (*)(Arguments...)>(dlsym(RTLD_NEXT, name));
  return next != nullptr ? next(arguments...) : nullptr;
}

}  // namespace
}  // namespace heapprof

extern "C" {

#define HEAPPROF_WEAK HEAPPROF_EXPORT __attribute__((weak))

HEAPPROF_WEAK void __register_frame(void* begin) {
  // An empty table is none, for libgcc too.
  if (*static_cast<uint32_t*>(begin) != 0) heapprof::Register(begin);
  heapprof::CallNext("__register_frame", begin);
}

HEAPPROF_WEAK void __register_frame_info(const void* begin, void* object) {
  if (begin != nullptr && *static_cast<const uint32_t*>(begin) != 0) heapprof::Register(begin);
  heapprof::CallNext("__register_frame_info", begin, object);
}

HEAPPROF_WEAK void __register_frame_info_bases(const void* begin, void* object, void* text, void* data) {
  if (begin != nullptr && *static_cast<const uint32_t*>(begin) != 0) heapprof::Register(begin, text, data);
  heapprof::CallNext("__register_frame_info_bases", begin, object, text, data);
}

HEAPPROF_WEAK void __register_frame_table(void* begin) {
  heapprof::RegisterTable(static_cast<void**>(begin));
  heapprof::CallNext("__register_frame_table", begin);
}

HEAPPROF_WEAK void __register_frame_info_table(void* begin, void* object) {
  heapprof::RegisterTable(static_cast<void**>(begin));
  heapprof::CallNext("__register_frame_info_table", begin, object);
}

HEAPPROF_WEAK void __register_frame_info_table_bases(void* begin, void* object, void* text, void* data) {
  heapprof::RegisterTable(static_cast<void**>(begin), text, data);
  heapprof::CallNext("__register_frame_info_table_bases", begin, object, text, data);
}

HEAPPROF_WEAK void __deregister_frame(void* begin) {
  heapprof::Deregister(begin);
  heapprof::CallNext("__deregister_frame", begin);
}

HEAPPROF_WEAK void* __deregister_frame_info(const void* begin) {
  heapprof::Deregister(begin);
  return heapprof::CallNext("__deregister_frame_info", begin);
}

HEAPPROF_WEAK void* __deregister_frame_info_bases(const void* begin) {
  heapprof::Deregister(begin);
  return heapprof::CallNext("__deregister_frame_info_bases", begin);
}

}  // extern "C"
