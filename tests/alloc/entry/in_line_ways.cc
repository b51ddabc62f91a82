// SPDX-License-Identifier: Apache-2.0
// Calls of every kind that the thread's cache can answer. Given "cache" or "no-cache" it makes many of them,
// looks at what they return, and prints what must be equal in both: without a cache jemalloc answers, after
// the functions in C++. Given "steps" it runs each of them one instruction at a time, and walks the stack at
// each.
#include <malloc.h>
#include <signal.h>
#include <unwind.h>

#include <new>

#include "tests/support/single_steps.h"
#include "tests/system/programs/program.h"

extern "C" {
int mallctl(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size)
    __attribute__((weak));
}

namespace {

uint64_t g_random = 88172645463325252u;
uint64_t Random(uint64_t below) {
  g_random ^= g_random << 13;
  g_random ^= g_random >> 7;
  g_random ^= g_random << 17;
  return g_random % below;
}

enum Kind { kMalloc, kCalloc, kAligned, kPosix, kMemalign, kNew, kNothrow, kAlignedNew, kKinds };

struct Block {
  unsigned char* data;
  size_t size, alignment;
  Kind kind;
};

bool IsAll(const unsigned char* data, size_t size, unsigned char value) {
  for (size_t i = 0; i < size; ++i) {
    if (data[i] != value) return false;
  }
  return true;
}

void* Allocate(Kind kind, size_t size, size_t alignment) {
  void* block = nullptr;
  switch (kind) {
    case kMalloc:
      return malloc(size);
    case kCalloc: {
      const size_t unit = 1 + Random(9);
      return calloc((size + unit - 1) / unit, unit);
    }
    case kAligned:
      return aligned_alloc(alignment, size);
    case kPosix:
      CHECK(posix_memalign(&block, alignment < 8 ? 8 : alignment, size) == 0);
      return block;
    case kMemalign:
      return memalign(alignment - Random((alignment + 1) / 2), size);
    case kNew:
      return Random(2) == 0 ? ::operator new(size) : ::operator new[](size);
    case kNothrow:
      return Random(2) == 0 ? ::operator new(size, std::nothrow) : ::operator new[](size, std::nothrow);
    default:
      return ::operator new (size, std::align_val_t{alignment});
  }
}

void Free(const Block& block) {
  if (block.kind < kNew) return free(block.data);
  if (block.kind == kAlignedNew) return ::operator delete (block.data, std::align_val_t{block.alignment});
  if (Random(2) == 0) return ::operator delete(block.data);
  ::operator delete(block.data, block.size);
}

// Mostly small, up to 40,000; 0 too.
size_t RandomSize() {
  switch (Random(8)) {
    case 0:
      return Random(5000);
    case 1:
      return Random(40000);
    default:
      return Random(200);
  }
}

void MakeCalls(bool cache) {
  bool enabled = cache;
  CHECK(mallctl("thread.tcache.enabled", nullptr, nullptr, &enabled, sizeof enabled) == 0);
  constexpr size_t kBlocks = 700;
  static Block blocks[kBlocks];
  uint64_t usable_bytes = 0;
  for (int i = 0; i < 60000; ++i) {
    const size_t at = Random(kBlocks);
    Block& block = blocks[at];
    const auto fill = static_cast<unsigned char>(at);
    const size_t size = RandomSize();
    size_t kept = 0;
    CHECK(IsAll(block.data, block.size, fill));
    if (block.data == nullptr || block.kind >= kNew || Random(3) == 0) {
      Free(block);
      block.kind = static_cast<Kind>(Random(kKinds));
      block.alignment = size_t{1} << Random(14);
      block.data = static_cast<unsigned char*>(Allocate(block.kind, size, block.alignment));
      const bool aligns = block.kind == kAligned || block.kind == kPosix || block.kind == kAlignedNew;
      CHECK(block.kind != kCalloc || IsAll(block.data, malloc_usable_size(block.data), 0));
      CHECK(!aligns || reinterpret_cast<uintptr_t>(block.data) % block.alignment == 0);
    } else {
      kept = block.size < size ? block.size : size;
      block.data = static_cast<unsigned char*>(realloc(block.data, size));
    }
    block.size = size;
    if (block.data == nullptr) {
      CHECK(size == 0);
      continue;
    }
    const size_t usable = malloc_usable_size(block.data);
    CHECK(usable >= size && IsAll(block.data, kept, fill));
    usable_bytes += usable;
    memset(block.data, fill, size);
  }
  uint64_t allocated = 0, freed = 0;
  size_t length = sizeof allocated;
  CHECK(mallctl("thread.allocated", &allocated, &length, nullptr, 0) == 0);
  CHECK(mallctl("thread.deallocated", &freed, &length, nullptr, 0) == 0);
  for (Block& block : blocks) Free(block);
  const struct heapprof_stats stats = Stats();
  printf("samples %ju live %ju usable %ju allocated %ju freed %ju\n", static_cast<uintmax_t>(stats.samples),
         static_cast<uintmax_t>(stats.live_samples), static_cast<uintmax_t>(usable_bytes),
         static_cast<uintmax_t>(allocated), static_cast<uintmax_t>(freed));
}

constexpr int kMaxFrames = 64;
struct Frames {
  uintptr_t pcs[kMaxFrames];
  int count;
};

_Unwind_Reason_Code AddFrame(_Unwind_Context* context, void* frames) {
  auto* to = static_cast<Frames*>(frames);
  if (to->count == kMaxFrames) return _URC_END_OF_STACK;
  to->pcs[to->count++] = _Unwind_GetIP(context);
  return _URC_NO_REASON;
}

Frames g_outer;
volatile uint64_t g_steps, g_lost;
void* volatile g_block;

void OnStep(int) {
  Frames frames;
  frames.count = 0;
  _Unwind_Backtrace(AddFrame, &frames);
  g_steps = g_steps + 1;
  // The first frame of the outer ones is the one that calls: it has gone on since.
  const int common = g_outer.count - 1;
  if (frames.count <= common ||
      memcmp(frames.pcs + frames.count - common, g_outer.pcs + 1, common * sizeof(uintptr_t)) != 0)
    g_lost = g_lost + 1;
}

// Twice without steps, so that the cache has what it needs.
__attribute__((noinline)) void StepThrough(Kind kind, size_t size, size_t to) {
  g_outer.count = 0;
  _Unwind_Backtrace(AddFrame, &g_outer);
  for (int i = 0; i < 3; ++i) {
    if (i == 2) TrapOn();
    g_block = Allocate(kind, size, 64);
    if (kind < kNew) {
      (void)malloc_usable_size(g_block);
      g_block = realloc(g_block, size + 1);
      g_block = realloc(g_block, to);
    }
    Free({static_cast<unsigned char*>(g_block), size, 64, kind});
    if (i == 2) TrapOff();
  }
}

void Step() {
  struct sigaction action = {};
  action.sa_handler = OnStep;
  CHECK(sigaction(SIGTRAP, &action, nullptr) == 0);
  OnStep(0);  // what it needs of the loader
  g_steps = g_lost = 0;
  for (int kind = 0; kind < kKinds; ++kind) {
    constexpr size_t kSizes[] = {7, 40, 300, 4500};
    for (size_t size : kSizes) {
      StepThrough(static_cast<Kind>(kind), size, size * 2);
      if (kind < kNew) StepThrough(static_cast<Kind>(kind), size, size / 2);
    }
  }
  CHECK(g_steps > 10000);
  CHECK(g_lost == 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (strcmp(argv[1], "steps") == 0) {
    Step();
  } else {
    MakeCalls(strcmp(argv[1], "cache") == 0);
  }
  Finish();
}
