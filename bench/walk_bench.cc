// SPDX-License-Identifier: Apache-2.0
// The cost of walking a warm stack: ours against libunwind's cached unw_backtrace, libgcc's _Unwind_Backtrace
// and frame pointers (this file is built with them).
#include <alloca.h>
#include <benchmark/benchmark.h>
#include <libunwind.h>
#include <pthread.h>
#include <unwind.h>

#include "bench/walk_depth.h"
#include "sampling/unwind/caller_frame.h"
#include "sampling/unwind/walk.h"

namespace {

constexpr uint32_t kMaxFrames = 128;
uintptr_t g_pcs[kMaxFrames];

heapprof::StackBounds ThisStack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  const auto start = reinterpret_cast<uintptr_t>(low);
  return {start, start + size};
}

__attribute__((noinline)) uint32_t Ours() {
  static const heapprof::StackBounds bounds = ThisStack();
  return heapprof::WalkStack(HEAPPROF_CALLER_FRAME(), bounds, g_pcs, kMaxFrames).depth;
}

__attribute__((noinline)) uint32_t LibunwindCached() {
  return static_cast<uint32_t>(unw_backtrace(reinterpret_cast<void**>(g_pcs), kMaxFrames));
}

__attribute__((noinline)) uint32_t Libgcc() {
  uint32_t depth = 0;
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* arg) {
        auto* count = static_cast<uint32_t*>(arg);
        if (*count < kMaxFrames) g_pcs[(*count)++] = _Unwind_GetIP(context);
        return _URC_NO_REASON;
      },
      &depth);
  return depth;
}

// Ends where the frames of this file do: its callers in the benchmark library have no frame pointers.
__attribute__((noinline)) uint32_t FramePointers(uint32_t levels) {
  auto* frame = static_cast<uintptr_t*>(__builtin_frame_address(0));
  uint32_t depth = 0;
  for (; depth < levels; ++depth) {
    g_pcs[depth] = frame[1];
    frame = reinterpret_cast<uintptr_t*>(frame[0]);
  }
  return depth;
}

void Count(benchmark::State* state, uint32_t depth) {
  state->counters["frames"] = depth;
  state->counters["per_frame"] =
      benchmark::Counter(depth, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// Calls itself `levels` times, with frames of varying size, and then runs the benchmark's loop.
__attribute__((noinline)) void Deep(int levels, benchmark::State* state, uint32_t (*walk)(uint32_t)) {
  if (levels > 0) {
    auto* room = static_cast<char*>(alloca(16 + 16 * (levels % 5)));
    benchmark::DoNotOptimize(room);
    Deep(levels - 1, state, walk);
    benchmark::ClobberMemory();
    return;
  }
  uint32_t depth = 0;
  for (auto _ : *state) {
    depth = walk(static_cast<uint32_t>(state->range(0)));
    benchmark::DoNotOptimize(depth);
  }
  Count(state, depth);
}

void BM_Ours(benchmark::State& state) {
  Deep(static_cast<int>(state.range(0)), &state, [](uint32_t) { return Ours(); });
}
void BM_LibunwindCached(benchmark::State& state) {
  Deep(static_cast<int>(state.range(0)), &state, [](uint32_t) { return LibunwindCached(); });
}
void BM_Libgcc(benchmark::State& state) {
  Deep(static_cast<int>(state.range(0)), &state, [](uint32_t) { return Libgcc(); });
}
void BM_FramePointers(benchmark::State& state) {
  Deep(static_cast<int>(state.range(0)), &state, FramePointers);
}

// The same in frames without a frame pointer, as -O2 makes them.
template <uint32_t (*walk)()>
void RunPlain(benchmark::State& state) {
  CallAtDepth(
      static_cast<int>(state.range(0)),
      [](void* argument) {
        auto& running = *static_cast<benchmark::State*>(argument);
        uint32_t depth = 0;
        for (auto _ : running) {
          depth = walk();
          benchmark::DoNotOptimize(depth);
        }
        Count(&running, depth);
      },
      &state);
}
void BM_OursPlain(benchmark::State& state) { RunPlain<Ours>(state); }
void BM_LibunwindPlain(benchmark::State& state) { RunPlain<LibunwindCached>(state); }

// Every PC is new: .eh_frame_hdr is searched and the CFI run for each.
void BM_OursFirstVisit(benchmark::State& state) {
  Deep(static_cast<int>(state.range(0)), &state, [](uint32_t) {
    heapprof::UnwindCacheModulesChanged();
    return Ours();
  });
}
BENCHMARK(BM_OursPlain)->Arg(8)->Arg(30)->Arg(100);
BENCHMARK(BM_LibunwindPlain)->Arg(8)->Arg(30)->Arg(100);
BENCHMARK(BM_OursFirstVisit)->Arg(0);
BENCHMARK(BM_Ours)->Arg(8)->Arg(30)->Arg(100);
BENCHMARK(BM_LibunwindCached)->Arg(8)->Arg(30)->Arg(100);
BENCHMARK(BM_Libgcc)->Arg(8)->Arg(30)->Arg(100);
BENCHMARK(BM_FramePointers)->Arg(8)->Arg(30)->Arg(100);

}  // namespace

BENCHMARK_MAIN();
