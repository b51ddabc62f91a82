// SPDX-License-Identifier: Apache-2.0
#include "alloc/mappings/mappings.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc/slots/slots.h"
#include "base/older_libc.h"
#include "base/system/raw_syscall.h"
#include "sampling/memory/mapping_stacks.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof {
namespace {

// What the program would call without us.
struct RealMappings {
  void* (*mmap)(void*, size_t, int, int, int, off_t);
  void* (*mmap64)(void*, size_t, int, int, int, off64_t);
  int (*munmap)(void*, size_t);
  void* (*mremap)(void*, size_t, size_t, int, ...);
  void* (*shmat)(int, const void*, int);
  int (*shmdt)(const void*);
  int (*brk)(void*);
  void* (*sbrk)(intptr_t);
};
RealMappings g_real_mappings;

uintptr_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Private mappings of files are known by the files' names.
void NoteMap(const void* start, size_t size, int flags, const CallerFrame& caller) {
  if (start == MAP_FAILED) return;
  constexpr int kKinds = 0xf;  // shared, private, or shared with all flags checked
  if ((flags & MAP_ANONYMOUS) != 0 || (flags & kKinds) != MAP_PRIVATE) {
    ProcessMappings().Map(Address(start), size, caller);
  } else {
    ProcessMappings().Unmap(Address(start), size);
  }
}

void* Mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
  void* result = g_real_mappings.mmap(address, size, protection, flags, fd, offset);
  NoteMap(result, size, flags, HEAPPROF_CALLER_FRAME());
  return result;
}

void* Mmap64(void* address, size_t size, int protection, int flags, int fd, off64_t offset) {
  void* result = g_real_mappings.mmap64(address, size, protection, flags, fd, offset);
  NoteMap(result, size, flags, HEAPPROF_CALLER_FRAME());
  return result;
}

int Munmap(void* address, size_t size) {
  const uint32_t stack = ProcessMappings().Unmap(Address(address), size);
  const int result = g_real_mappings.munmap(address, size);
  if (result != 0) ProcessMappings().Restore(Address(address), size, stack);
  return result;
}

// As realloc: what is larger, or elsewhere, belongs to who asked for that.
void* Mremap(void* address, size_t size, size_t new_size, int flags, void* new_address) {
  MappingStacks& mappings = ProcessMappings();
  const bool stays = (flags & MREMAP_DONTUNMAP) != 0;
  const bool shrinks = new_size <= size && (flags & MREMAP_FIXED) == 0;
  // What may not move is not forgotten before it has grown: it is often refused that.
  const bool leaves = !stays && (shrinks || (flags & MREMAP_MAYMOVE) != 0);
  const size_t kept = shrinks ? new_size : 0;
  uint32_t stack = 0;
  if (leaves && size > kept) stack = mappings.Unmap(Address(address) + kept, size - kept);
  void* result = g_real_mappings.mremap(address, size, new_size, flags, new_address);
  if (result == MAP_FAILED) {
    mappings.Restore(Address(address) + kept, size - kept, stack);
  } else if (!shrinks || stays) {
    mappings.Map(Address(result), new_size, HEAPPROF_CALLER_FRAME());
  }
  return result;
}

void* Shmat(int id, const void* address, int flags) {
  void* result = g_real_mappings.shmat(id, address, flags);
  MappingStacks& mappings = ProcessMappings();
  if (reinterpret_cast<intptr_t>(result) == -1 || !mappings.IsOn()) return result;
  shmid_ds segment;  // whoever may attach it may not always ask how large it is
  if (RawSyscall(SYS_shmctl, id, IPC_STAT, reinterpret_cast<long>(&segment)) == 0) {
    mappings.Map(Address(result), segment.shm_segsz, HEAPPROF_CALLER_FRAME(), true);
  }
  return result;
}

int Shmdt(const void* address) {
  ProcessMappings().UnmapAlone(Address(address));
  return g_real_mappings.shmdt(address);
}

void NoteBreak(uintptr_t before, uintptr_t after, const CallerFrame& caller) {
  constexpr uintptr_t kPageMask = 4095;
  before = (before + kPageMask) & ~kPageMask;
  after = (after + kPageMask) & ~kPageMask;
  if (after > before) {
    ProcessMappings().Map(before, after - before, caller);
  } else if (after < before) {
    ProcessMappings().Unmap(after, before - after);
  }
}

int Brk(void* end) {
  const void* before = g_real_mappings.sbrk(0);
  const int result = g_real_mappings.brk(end);
  if (result == 0) NoteBreak(Address(before), Address(end), HEAPPROF_CALLER_FRAME());
  return result;
}

void* Sbrk(intptr_t increment) {
  void* before = g_real_mappings.sbrk(increment);
  if (increment != 0 && reinterpret_cast<intptr_t>(before) != -1) {
    NoteBreak(Address(before), Address(before) + static_cast<uintptr_t>(increment), HEAPPROF_CALLER_FRAME());
  }
  return before;
}

template <typename Function>
void** At(Function* slot) {
  return reinterpret_cast<void**>(slot);
}

const Wrapped* WrappedMappings() {
  RealMappings& real = g_real_mappings;
  static const Wrapped list[] = {{"mmap", AnyFunction(Mmap), At(&real.mmap)},
                                 {"mmap64", AnyFunction(Mmap64), At(&real.mmap64)},
                                 {"munmap", AnyFunction(Munmap), At(&real.munmap)},
                                 {"mremap", AnyFunction(Mremap), At(&real.mremap)},
                                 {"shmat", AnyFunction(Shmat), At(&real.shmat)},
                                 {"shmdt", AnyFunction(Shmdt), At(&real.shmdt)},
                                 {"brk", AnyFunction(Brk), At(&real.brk)},
                                 {"sbrk", AnyFunction(Sbrk), At(&real.sbrk)},
                                 {nullptr, nullptr, nullptr}};
  return list;
}

constexpr SlotGroup kMappings = {
    {WrappedMappings, nullptr}, [] { return ProcessMappings().IsOn(); }, "the stacks of mappings"};

}  // namespace

void FollowMappings() {
  if (HasSlots() && ProcessMappings().Start()) UpdateSlots(kMappings);
}

}  // namespace heapprof
