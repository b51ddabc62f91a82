// SPDX-License-Identifier: Apache-2.0
// Linked with the library: settings of jemalloc that the library's own functions act upon. argv[1]: which.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>
#include <new>

#include "tests/system/programs/program.h"

extern "C" {
extern void (*malloc_message)(void* argument, const char* text);
void malloc_stats_print(void (*write)(void*, const char*), void* argument, const char* options);
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);
}

namespace {

size_t g_told;
void Count(void*, const char* text) { g_told += strlen(text); }

void* volatile g_block;

void ReallocToNothing() {
  size_t before = 0, after = 0, size = sizeof(before);
  CHECK(mallctl("stats.zero_reallocs", &before, &size, nullptr, 0) == 0);
  int kept = 0;
  for (int i = 0; i < 100; ++i) {
    g_block = malloc(3000);
    void* block = realloc(g_block, 0);
    kept += block != nullptr;
    free(block);
  }
  CHECK(mallctl("stats.zero_reallocs", &after, &size, nullptr, 0) == 0);
  printf("kept %d counted %zu\n", kept, after - before);
}

// jemalloc finds the end of the program's data blocked, and maps memory instead.
void GrowBesideBlockedData() {
  constexpr uintptr_t kPageMask = 4095;
  auto end = (reinterpret_cast<uintptr_t>(sbrk(0)) + kPageMask) & ~kPageMask;
  CHECK(mmap(reinterpret_cast<void*>(end), kPageMask + 1, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED);
  CHECK(sbrk(size_t{1} << 20) == reinterpret_cast<void*>(-1));
  errno = 0;
  for (size_t i = 0; i < 20; ++i) {
    g_block = malloc((i + 3) << 20);
    CHECK(g_block != nullptr && errno == 0);
  }
}

// How many arenas, and whether they belong to processors.
void TellArenas() {
  const char* of_processor = nullptr;
  unsigned arenas = 0;
  size_t size = sizeof(of_processor);
  CHECK(mallctl("opt.percpu_arena", &of_processor, &size, nullptr, 0) == 0);
  size = sizeof(arenas);
  CHECK(mallctl("opt.narenas", &arenas, &size, nullptr, 0) == 0);
  unsigned made = 0, before = 0;
  CHECK(mallctl("arenas.create", &made, &size, nullptr, 0) == 0);
  CHECK(mallctl("thread.arena", &before, &size, &made, size) == 0);
  const int back = mallctl("thread.arena", nullptr, nullptr, &before, size);
  printf("%s %u%s\n", of_processor, arenas, back == EPERM ? ", no way back" : back != 0 ? "?" : "");
}

// How often threads' caches are emptied, with one thread and with many, and by how many slabs they are
// measured.
void TellCaches() {
  constexpr int kThreads = 80;
  size_t often = 0, size = sizeof(often);
  ssize_t slabs = 0;
  CHECK(mallctl("opt.tcache_gc_incr_bytes", &often, &size, nullptr, 0) == 0);
  CHECK(mallctl("opt.lg_tcache_nslots_mul", &slabs, &size, nullptr, 0) == 0);
  printf("%zd %zu", slabs, often);
  pthread_t threads[kThreads];
  static sem_t allocated, end;
  CHECK(sem_init(&allocated, 0, 0) == 0 && sem_init(&end, 0, 0) == 0);
  auto wait = [](void*) -> void* {
    free(malloc(100));
    sem_post(&allocated);
    sem_wait(&end);
    return nullptr;
  };
  for (pthread_t& thread : threads) {
    CHECK(pthread_create(&thread, nullptr, wait, nullptr) == 0 && sem_wait(&allocated) == 0);
  }
  CHECK(mallctl("opt.tcache_gc_incr_bytes", &often, &size, nullptr, 0) == 0);
  printf(" %zu", often);
  for (int i = 0; i < kThreads; ++i) CHECK(sem_post(&end) == 0);
  for (pthread_t& thread : threads) CHECK(pthread_join(thread, nullptr) == 0);
  auto nothing = [](void*) -> void* { return nullptr; };
  for (int i = 0; i < kThreads; ++i) {  // so many that they are counted again
    CHECK(pthread_create(threads, nullptr, nothing, nullptr) == 0 && pthread_join(*threads, nullptr) == 0);
  }
  CHECK(mallctl("opt.tcache_gc_incr_bytes", &often, &size, nullptr, 0) == 0);
  printf(" %zu\n", often);
}

// Pages that went back to the kernel so far, all arenas together, in sweeps.
uint64_t Sweeps() {
  uint64_t epoch = 1, sweeps = 0;
  size_t size = sizeof(epoch);
  CHECK(mallctl("epoch", &epoch, &size, &epoch, size) == 0);
  CHECK(mallctl("stats.arenas.4096.dirty_npurge", &sweeps, &size, nullptr, 0) == 0);
  return sweeps;
}

uint64_t Milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

cpu_set_t Only(size_t processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return one;
}

void RunOnFirst() {
  const cpu_set_t first = Only(0);
  CHECK(sched_setaffinity(0, sizeof(first), &first) == 0);
}

// A thread alone on the second processor allocates, frees and ends.
void ThreadComesAndGoes() {
  pthread_t thread;
  auto work = [](void*) -> void* {
    for (int i = 0; i < 8; ++i) {
      void* block = malloc(100'000);
      memset(block, 1, 100'000);
      free(block);
    }
    return nullptr;
  };
  const cpu_set_t second = Only(1);
  pthread_attr_t there;
  CHECK(pthread_attr_init(&there) == 0 && pthread_attr_setaffinity_np(&there, sizeof(second), &second) == 0);
  CHECK(pthread_create(&thread, &there, work, nullptr) == 0 && pthread_join(thread, nullptr) == 0);
  CHECK(pthread_attr_destroy(&there) == 0);
}

// How often an arena is emptied that loses its last thread many times in a row, and that it is in the end.
void LoseLastThreads() {
  constexpr int kThreads = 1000;
  RunOnFirst();
  ThreadComesAndGoes();   // only who finds that another has used his arena asks where he is
  free(malloc(100'000));  // now the main thread belongs to the first processor's arena
  const uint64_t begin = Milliseconds(), sweeps = Sweeps();
  for (int i = 0; i < kThreads; ++i) ThreadComesAndGoes();
  const uint64_t emptied = Sweeps() - sweeps, most = (Milliseconds() - begin) / 100 + 2;
  printf(emptied <= most ? "now and then" : "too often");
  const uint64_t before = Sweeps();
  while (Sweeps() == before) ThreadComesAndGoes();
  printf(", and again later\n");
}

// How many of several arenas are emptied that lose their last threads one after another.
void LoseThreadsOfManyArenas() {
  constexpr unsigned kArenas = 16;
  unsigned arenas[kArenas];
  size_t size = sizeof(unsigned);
  for (unsigned& arena : arenas) {
    CHECK(mallctl("arenas.create", &arena, &size, nullptr, 0) == 0);
    pthread_t thread;
    auto work = [](void* own) -> void* {
      CHECK(mallctl("thread.arena", nullptr, nullptr, own, sizeof(unsigned)) == 0);
      free(malloc(100'000));
      return nullptr;
    };
    CHECK(pthread_create(&thread, nullptr, work, &arena) == 0 && pthread_join(thread, nullptr) == 0);
  }
  Sweeps();  // looks at the arenas anew
  int emptied = 0;
  for (const unsigned arena : arenas) {
    char name[40];
    snprintf(name, sizeof name, "stats.arenas.%u.dirty_npurge", arena);
    uint64_t sweeps = 0;
    size = sizeof sweeps;
    CHECK(mallctl(name, &sweeps, &size, nullptr, 0) == 0);
    emptied += sweeps != 0 ? 1 : 0;
  }
  printf("%d of %u\n", emptied, kArenas);
}

// How many arenas there are once threads on two processors have allocated.
void CountArenas() {
  RunOnFirst();
  ThreadComesAndGoes();
  Sweeps();  // looks at the arenas anew
  int arenas = 0;
  for (int i = 0; i < 2; ++i) {
    char name[40];
    snprintf(name, sizeof name, "arena.%d.initialized", i);
    bool is_there = false;
    size_t size = sizeof is_there;
    CHECK(mallctl(name, &is_there, &size, nullptr, 0) == 0);
    arenas += is_there ? 1 : 0;
  }
  printf("%d\n", arenas);
}

// What the blocks of each call begin with, where the thread's cache has some that were written to.
void TellContents() {
  constexpr size_t kSize = 100;
  const auto allocate = [](int call) {
    void* block = nullptr;
    switch (call) {
      case 0:
        return malloc(kSize);
      case 1:
        return aligned_alloc(32, kSize);
      case 2:
        return memalign(32, kSize);
      case 3:
        CHECK(posix_memalign(&block, 32, kSize) == 0);
        return block;
      case 4:
        return realloc(nullptr, kSize);
      case 5:
        return ::operator new(kSize, std::nothrow);
      case 6:
        return ::operator new (kSize, std::align_val_t{32});
      default:  // what it grows by
        block = malloc(8);
        memset(block, 0x33, 8);
        return static_cast<void*>(static_cast<char*>(realloc(block, kSize + 8)) + 8);
    }
  };
  for (int call = 0; call < 8; ++call) {
    for (int i = 0; i < 50; ++i) {
      void* dirty[3];
      for (void*& block : dirty) block = memset(malloc(kSize), 0x33, kSize);
      for (void* block : dirty) free(block);
      auto* block = static_cast<unsigned char*>(allocate(call));
      for (size_t k = 1; k < kSize; ++k) CHECK(block[k] == block[0]);
      if (i == 49) printf("%02x ", block[0]);
      free(call < 7 ? block : block - 8);
    }
  }
  printf("\n");
}

// How often there is a bin of the least and of the largest size that have any, and a setting that only the
// program gives, if it does.
void TellBins() {
  unsigned bins = 0, shards = 0;
  size_t size = sizeof(bins);
  CHECK(mallctl("arenas.nbins", &bins, &size, nullptr, 0) == 0);
  for (const unsigned bin : {0u, bins - 1}) {
    char name[40];
    snprintf(name, sizeof name, "arenas.bin.%u.nshards", bin);
    size = sizeof(shards);
    CHECK(mallctl(name, &shards, &size, nullptr, 0) == 0);
    printf("%u ", shards);
  }
  ssize_t decay = 0;
  size = sizeof(decay);
  CHECK(mallctl("opt.muzzy_decay_ms", &decay, &size, nullptr, 0) == 0);
  printf("%zd\n", decay);
}

// A filter of system calls ends who opens a file; then a thread is made.
void BeConfined(bool by_syscall) {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
#ifdef SYS_open
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 2, 0),
#endif
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  sock_fprog filter = {sizeof code / sizeof *code, code};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  if (by_syscall) {
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0);
  } else {
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0);
  }
  pthread_t thread;
  auto work = [](void*) -> void* {
    free(malloc(100));
    return nullptr;
  };
  CHECK(pthread_create(&thread, nullptr, work, nullptr) == 0 && pthread_join(thread, nullptr) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  if (strcmp(argv[1], "message") == 0) {
    malloc_stats_print(nullptr, nullptr, "gmdablxe");  // to stderr
    malloc_message = Count;
    malloc_stats_print(nullptr, nullptr, nullptr);
    CHECK(g_told > 1000);
  } else if (strcmp(argv[1], "zero_realloc") == 0) {
    ReallocToNothing();
  } else if (strcmp(argv[1], "blocked_data") == 0) {
    GrowBesideBlockedData();
  } else if (strcmp(argv[1], "arenas") == 0) {
    TellArenas();
  } else if (strcmp(argv[1], "contents") == 0) {
    TellContents();
  } else if (strcmp(argv[1], "bins") == 0) {
    TellBins();
  } else if (strcmp(argv[1], "caches") == 0) {
    TellCaches();
  } else if (strcmp(argv[1], "last_threads") == 0) {
    LoseLastThreads();
  } else if (strcmp(argv[1], "many_arenas") == 0) {
    LoseThreadsOfManyArenas();
  } else if (strcmp(argv[1], "count_arenas") == 0) {
    CountArenas();
  } else if (strcmp(argv[1], "confined") == 0 || strcmp(argv[1], "confined_by_syscall") == 0) {
    BeConfined(strcmp(argv[1], "confined") != 0);
  } else if (strcmp(argv[1], "new") == 0) {
    g_block = ::operator new (size_t{PTRDIFF_MAX}, std::nothrow);
    CHECK(g_block == nullptr);
  } else {
    CHECK(!"known");
  }
  Finish();
}
