// SPDX-License-Identifier: Apache-2.0
#include "alloc/entry/controls.h"

#include <errno.h>
#include <string.h>

#include "alloc/backend/backend.h"
#include "alloc/entry/arena_reset.h"
#include "alloc/entry/extent_hooks.h"
#include "alloc/entry/profiler_controls.h"
#include "alloc/entry/slow_path.h"

namespace heapprof {
namespace {

constexpr char kArenas[] = "arena.";
constexpr char kCreate[] = "arenas.create";
constexpr char kBatchAlloc[] = "experimental.batch_alloc";

struct Mib {
  size_t nodes[kResetMibLength];
  size_t length;
};
Mib g_reset, g_destroy, g_batch_alloc, g_hooks, g_create;  // set once, at start

void Find(const char* name, Mib* mib) {
  mib->length = kResetMibLength;
  if (hpje_mallctlnametomib(name, mib->nodes, &mib->length) != 0) mib->length = 0;
}

bool ResetsAnArena(const size_t* mib, size_t length) {
  return length == kResetMibLength && length == g_reset.length && mib[0] == g_reset.nodes[0] &&
         (mib[2] == g_reset.nodes[2] || mib[2] == g_destroy.nodes[2]);
}

bool AllocatesBatch(const size_t* mib, size_t length) {
  return length != 0 && length == g_batch_alloc.length &&
         memcmp(mib, g_batch_alloc.nodes, length * sizeof(size_t)) == 0;
}

// arena.<i>.extent_hooks, whatever the arena, and arenas.create.
bool HasHooks(const size_t* mib, size_t length) {
  if (length == 0) return false;
  if (length == g_create.length && memcmp(mib, g_create.nodes, length * sizeof(size_t)) == 0) return true;
  return length == g_hooks.length && mib[0] == g_hooks.nodes[0] &&
         mib[length - 1] == g_hooks.nodes[length - 1];
}

// With the program's hooks put in place of ours where they are read, and the other way round.
int ControlHooks(const size_t* mib, size_t length, const ControlValues& values) {
  const bool reads = length == g_hooks.length;  // arenas.create gives a number
  const void* fresh = nullptr;
  void* given = values.fresh;
  if (values.fresh != nullptr && values.fresh_size == sizeof(fresh)) {
    memcpy(&fresh, values.fresh, sizeof(fresh));
    fresh = NotingHooks(fresh);
    given = &fresh;
  }
  int error = hpje_mallctlbymib(mib, length, values.old, values.old_size, given, values.fresh_size);
  if (error == 0 && reads && values.old != nullptr && values.old_size != nullptr &&
      *values.old_size == sizeof(const void*)) {
    const void* old;
    memcpy(&old, values.old, sizeof(old));
    old = HooksOfProgram(old);
    memcpy(values.old, &old, sizeof(old));
  }
  return error;
}

// As jemalloc has it: what is written asks for `count` blocks, what is read is how many there were.
struct Batch {
  void** blocks;
  size_t count;
  size_t size;
  int flags;
};

int AllocateBatch(const ControlValues& values, const CallerFrame& caller) {
  if (values.old == nullptr || values.old_size == nullptr || *values.old_size != sizeof(size_t)) {
    if (values.old_size != nullptr) *values.old_size = 0;
    return EINVAL;
  }
  Batch batch;
  if (values.fresh == nullptr || values.fresh_size != sizeof(batch)) return EINVAL;
  memcpy(&batch, values.fresh, sizeof(batch));
  size_t filled = 0;
  while (filled < batch.count) {
    void* block = AllocateWithFlags(batch.size, batch.flags, caller);
    if (block == nullptr) break;
    batch.blocks[filled++] = block;
  }
  memcpy(values.old, &filled, sizeof(filled));
  return 0;
}

}  // namespace

void InitControls() {
  Find("arena.0.reset", &g_reset);
  Find("arena.0.destroy", &g_destroy);
  Find(kBatchAlloc, &g_batch_alloc);
  Find("arena.0.extent_hooks", &g_hooks);
  Find(kCreate, &g_create);
  InitProfilerControls();
}

int ControlByName(const char* name, const ControlValues& values, const CallerFrame& caller) {
  if (strncmp(name, kArenas, sizeof(kArenas) - 1) == 0) {
    size_t mib[kResetMibLength], length = kResetMibLength;
    // A longer name does not fit, and is none of ours.
    if (hpje_mallctlnametomib(name, mib, &length) == 0) {
      if (ResetsAnArena(mib, length)) {
        return ResetArena(mib, values.old, values.old_size, values.fresh, values.fresh_size);
      }
      if (HasHooks(mib, length)) return ControlHooks(mib, length, values);
    }
  } else if (strcmp(name, kCreate) == 0 && g_create.length != 0) {
    return ControlHooks(g_create.nodes, g_create.length, values);
  } else if (strcmp(name, kBatchAlloc) == 0) {
    return AllocateBatch(values, caller);
  }
  int result;
  if (ControlProfilerByName(name, values, &result)) return result;
  return hpje_mallctl(name, values.old, values.old_size, values.fresh, values.fresh_size);
}

int ControlByMib(const size_t* mib, size_t length, const ControlValues& values, const CallerFrame& caller) {
  if (ResetsAnArena(mib, length)) {
    return ResetArena(mib, values.old, values.old_size, values.fresh, values.fresh_size);
  }
  if (HasHooks(mib, length)) return ControlHooks(mib, length, values);
  if (AllocatesBatch(mib, length)) return AllocateBatch(values, caller);
  int result;
  if (ControlProfilerByMib(mib, length, values, &result)) return result;
  return hpje_mallctlbymib(mib, length, values.old, values.old_size, values.fresh, values.fresh_size);
}

}  // namespace heapprof
