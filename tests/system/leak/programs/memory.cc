// SPDX-License-Identifier: Apache-2.0
// Where pointers are kept: data of the program, stacks, registers, mappings.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

void* volatile g_uninitialized;
char g_something;
void* volatile g_initialized = &g_something;
void* g_table[1000];

void KeepInUninitialized() { g_uninitialized = Block(1337); }
void KeepInInitialized() { g_initialized = Block(1337); }
void DropUninitialized() {
  CallAndWipe(KeepInUninitialized);
  g_uninitialized = nullptr;
}
void DropInitialized() {
  CallAndWipe(KeepInInitialized);
  g_initialized = &g_something;
}
void KeepInFunctionStatic() {
  static void* kept;
  kept = Block(1337);
  asm volatile("" : : "r"(&kept) : "memory");
}
void KeepChain() {
  auto** first = static_cast<void**>(Block(16));
  auto** second = static_cast<void**>(Block(1000));
  first[1] = second;
  second[124] = Block(20);
  g_uninitialized = first;
}
void LeakChain() {
  CallAndWipe(KeepChain);
  g_uninitialized = nullptr;
}
void KeepInTable() {
  for (void*& entry : g_table) entry = Block(48);
}
void DropOneOfTable() {
  CallAndWipe(KeepInTable);
  g_table[500] = nullptr;
}
void KeepUnaligned() {
  void* block = Block(1337);
  memcpy(reinterpret_cast<char*>(g_table) + 3, &block, sizeof block);
}

// Stacks.
void ExitWithLocal() {
  void* volatile local = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
  exit(0);
}
void ExitWithClearedLocal() {
  void* volatile local = nullptr;
  CallAndWipe([] { Block(1337); });
  asm volatile("" : : "r"(&local) : "memory");
  exit(0);
}
NOINLINE void LeaveOnStack() {
  void* volatile local[8];
  for (auto& word : local) word = Block(1337);
  asm volatile("" : : "r"(&local) : "memory");
}
void StaleStack() {
  // Nothing wipes: the words lie below the stack pointer when the check is made.
  char room[64 << 10];
  asm volatile("" : : "r"(room) : "memory");
  CallAndWipe(LeaveOnStack);
  asm volatile("" : : "r"(room) : "memory");
}

void Leak() { Block(1337); }
void LeakPlain() { CallAndWipe(Leak); }
void Free() { free(Block(1337)); }

void Large(size_t size) {
  auto* block = static_cast<char*>(malloc(size));
  CHECK(block != nullptr);
  block[size / 2] = 1;
  asm volatile("" : : "r"(block) : "memory");
}
void LeakLarge() {
  CallAndWipe([] { Large(size_t{64} << 20); });
}
void KeepFarInLarge() {
  constexpr size_t kWords = (size_t{128} << 20) / sizeof(void*);
  auto** block = static_cast<void**>(malloc(kWords * sizeof(void*)));
  block[kWords - 1] = Block(1337);
  g_uninitialized = block;
}

// Mappings.
void** MapPage() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  return static_cast<void**>(page);
}
void** g_page;
void KeepInPage() { g_page[10] = Block(1337); }
void KeepInMapping() {
  g_page = MapPage();
  CallAndWipe(KeepInPage);
}
void KeepInRootRegion() {
  g_page = MapPage();
  CallAndWipe(KeepInPage);
  __lsan_register_root_region(g_page, 4096);
}
void UnregisteredRootRegion() {
  KeepInRootRegion();
  __lsan_unregister_root_region(g_page, 4096);
}
void KeepInSharedMapping() {
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  g_page = static_cast<void**>(page);
  CallAndWipe(KeepInPage);
  __lsan_register_root_region(g_page, 4096);
}
void GuardInBlock() {
  void* block = nullptr;
  constexpr size_t kPage = 4096;
  CHECK(posix_memalign(&block, kPage, 16 * kPage) == 0);
  memset(block, 0, 16 * kPage);
  static_cast<void**>(block)[100] = Block(77);
  CHECK(mprotect(static_cast<char*>(block) + 4 * kPage, kPage, PROT_NONE) == 0);
  g_uninitialized = block;
}

// Freed blocks are no roots, whatever they still hold.
void FreedHolder() {
  auto** holder = static_cast<void**>(Block(256));
  for (int i = 4; i < 32; ++i) holder[i] = nullptr;
  holder[20] = Block(1337);
  g_uninitialized = holder;
}
void DropFreedHolder() {
  CallAndWipe(FreedHolder);
  void* volatile* holder = static_cast<void* volatile*>(g_uninitialized);
  free(const_cast<void**>(holder));  // the global still points there
}

void ForkChild(bool leak) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (leak) CallAndWipe(Leak);
    exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  exit(WEXITSTATUS(status));
}

const Scenario kList[] = {
    {"free", Free},
    {"leak", LeakPlain},
    {"global_uninitialized", [] { CallAndWipe(KeepInUninitialized); }},
    {"global_uninitialized_dropped", DropUninitialized},
    {"global_initialized", [] { CallAndWipe(KeepInInitialized); }},
    {"global_initialized_dropped", DropInitialized},
    {"function_static", [] { CallAndWipe(KeepInFunctionStatic); }},
    {"chain", [] { CallAndWipe(KeepChain); }},
    {"chain_dropped", LeakChain},
    {"table", [] { CallAndWipe(KeepInTable); }},
    {"table_one_dropped", DropOneOfTable},
    {"unaligned_pointer", [] { CallAndWipe(KeepUnaligned); }},
    {"local_of_caller_of_exit", ExitWithLocal},
    {"local_cleared", ExitWithClearedLocal},
    {"stale_stack", StaleStack},
    {"large", LeakLarge},
    {"large_block_keeps", [] { CallAndWipe(KeepFarInLarge); }},
    {"mapping", KeepInMapping},
    {"root_region", KeepInRootRegion},
    {"root_region_unregistered", UnregisteredRootRegion},
    {"root_region_shared", KeepInSharedMapping},
    {"guard_page_in_block", [] { CallAndWipe(GuardInBlock); }},
    {"freed_holder", DropFreedHolder},
    {"fork_child_leaks", [] { ForkChild(true); }},
    {"fork_child_clean", [] { ForkChild(false); }},
};
SCENARIOS(kList);

}  // namespace
