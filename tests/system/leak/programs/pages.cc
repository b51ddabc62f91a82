// SPDX-License-Identifier: Apache-2.0
// Pages with rights of their own, and what lies beside stacks: which of it is the program's memory.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/system/leak/programs/scenario.h"

namespace {

constexpr size_t kPage = 4096;

struct alignas(kPage) Page {
  void* words[kPage / sizeof(void*)];
};
Page g_written;
Page g_initialized = {{&g_written}};

void SetRights(void* page, int rights) { CHECK(mprotect(page, kPage, rights) == 0); }

void KeepInPage() { g_written.words[77] = Block(1337); }
void KeepInReadOnlyPage() {
  CallAndWipe(KeepInPage);
  SetRights(&g_written, PROT_READ);
}
void DropFromReadOnlyPage() {
  CallAndWipe(KeepInPage);
  g_written.words[77] = nullptr;
  SetRights(&g_written, PROT_READ);
}
void KeepInReadOnlyData() {
  CallAndWipe([] { g_initialized.words[5] = Block(1337); });
  SetRights(&g_initialized, PROT_READ);
}
void KeepInCodePage() {
  CallAndWipe(KeepInPage);
  SetRights(&g_written, PROT_READ | PROT_EXEC);
}
void KeepInSealedPage() {
  CallAndWipe(KeepInPage);
  SetRights(&g_written, PROT_NONE);
}

void* volatile g_block;

// A block of less than a page, alone on its page, which the program then seals.
void KeepSealedBlock() {
  CallAndWipe([] {
    void* block = nullptr;
    CHECK(posix_memalign(&block, kPage, 200) == 0);
    static_cast<void**>(block)[3] = Block(20);
    g_block = block;
  });
  SetRights(g_block, PROT_NONE);
}
// The last page of a block of two and a half.
void KeepBehindSealedPage() {
  CallAndWipe([] {
    void* block = nullptr;
    CHECK(posix_memalign(&block, kPage, 3 * kPage - 100) == 0);
    static_cast<void**>(block)[2 * kPage / sizeof(void*)] = Block(20);
    g_block = block;
  });
  SetRights(static_cast<char*>(g_block) + 2 * kPage, PROT_NONE);
}

// Memory of the program's and, right above it in the same mapping, a thread's stack.
constexpr size_t kHalf = 256 << 10;
pthread_barrier_t g_met;
void* volatile g_below;

void* Wait(void*) {
  pthread_barrier_wait(&g_met);
  for (;;) pause();
}
void StartWaiting(const pthread_attr_t* attributes) {
  pthread_t thread;
  CHECK(pthread_barrier_init(&g_met, nullptr, 2) == 0);
  CHECK(pthread_create(&thread, attributes, Wait, nullptr) == 0);
  pthread_barrier_wait(&g_met);
}
void* Map(size_t size, int flags) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}
void KeepBelow() {
  CallAndWipe([] { static_cast<void**>(g_below)[10] = Block(1337); });
}
void KeepBelowOwnStack() {
  g_below = Map(2 * kHalf, MAP_PRIVATE);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstack(&attributes, static_cast<char*>(g_below) + kHalf, kHalf) == 0);
  StartWaiting(&attributes);
  KeepBelow();
}
void KeepBelowUnguardedStack() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setguardsize(&attributes, 0) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, kHalf) == 0);
  StartWaiting(&attributes);
  g_below = Map(16 * kPage, MAP_PRIVATE);  // the kernel gives what lies next, downwards
  KeepBelow();
}
// What the thread itself left below its stack pointer is none.
void* DropAndWait(void*) {
  CallAndWipe([] { g_below = Block(1337); });
  g_below = nullptr;
  return Wait(nullptr);
}
void DropOnOwnStack() {
  auto* memory = static_cast<char*>(Map(2 * kHalf, MAP_PRIVATE));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstack(&attributes, memory + kHalf, kHalf) == 0);
  pthread_t thread;
  CHECK(pthread_barrier_init(&g_met, nullptr, 2) == 0);
  CHECK(pthread_create(&thread, &attributes, DropAndWait, nullptr) == 0);
  pthread_barrier_wait(&g_met);
}

// A prefork server: what the children share was filled by the parent, and no child has touched it.
constexpr size_t kLarge = 2 << 20;
void KeepInSharedOfParent() {
  g_below = Map(kLarge, MAP_SHARED);
  KeepBelow();
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) exit(0);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}
void KeepInSharedReadOnly() {
  g_below = Map(kLarge, MAP_SHARED);
  KeepBelow();
  CHECK(mprotect(g_below, kLarge, PROT_READ) == 0);
}
// Address space that was only reserved is not read: that would take minutes, or all memory.
void ReserveMuch() {
  constexpr size_t kMuch = size_t{64} << 30;
  void* shared =
      mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void* memory =
      mmap(nullptr, kMuch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(shared != MAP_FAILED && memory != MAP_FAILED);
  g_below = static_cast<char*>(memory) + kMuch - kPage;
  KeepBelow();
}

// Who gives up root cannot read /proc/self/pagemap any more, nor be traced.
void ReserveMuchAndChangeUser() {
  constexpr uid_t kNobody = 65534;
  ReserveMuch();
  if (getuid() == 0)
    CHECK(setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0);
}

const Scenario kList[] = {
    {"page_read_only", KeepInReadOnlyPage},
    {"page_read_only_dropped", DropFromReadOnlyPage},
    {"page_of_data_read_only", KeepInReadOnlyData},
    {"page_executable", KeepInCodePage},
    {"page_sealed", KeepInSealedPage},
    {"block_sealed", KeepSealedBlock},
    {"block_sealed_in_part", KeepBehindSealedPage},
    {"below_own_stack", KeepBelowOwnStack},
    {"below_unguarded_stack", KeepBelowUnguardedStack},
    {"own_stack_dropped", DropOnOwnStack},
    {"shared_of_parent", KeepInSharedOfParent},
    {"shared_read_only", KeepInSharedReadOnly},
    {"reserved", ReserveMuch},
    {"reserved_by_other_user", ReserveMuchAndChangeUser},
};
SCENARIOS(kList);

}  // namespace
