#include "sampling/unwind/walk.h"

#include <ucontext.h>

#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/stack_window.h"
#include "sampling/unwind/step_x86_64.h"

namespace heapprof {
namespace {

using unwind::CacheEntry;
using unwind::CacheHit;
using unwind::kWord;
using unwind::Registers;
using unwind::Rule;
using unwind::StackWindow;
using unwind::Step;

// Order matters, and how many there are: one multiplication a frame keeps up with the walk.
inline uint64_t MixPc(uint64_t hash, uintptr_t pc) { return (hash ^ pc) * 0xd6e8feb86659fd93; }
// The high bits, which the multiplications made good, come down.
inline uint64_t FinishHash(uint64_t hash) { return hash ^ (hash >> 32); }

inline uintptr_t Load(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }

// A step by a rule that the loop does not take itself, or on a stack that is not known up to the CFA.
// `end` is where the readable stack ends, from the new sp on.
__attribute__((noinline)) Step StepRarely(Rule rule, Registers* registers, StackWindow* window,
                                          uintptr_t* end) {
  Step step = unwind::StepByRule(rule, registers, window);
  if (step == Step::kEnd || step == Step::kLost) return step;
  if (registers->sp >= unwind::kUserEnd) return Step::kLost;
  *end = window->EndAt(registers->sp);
  return step;
}

// A call through a null or wild pointer: there is no frame yet, and the return address is on top.
bool StepOutOfNowhere(Registers* registers, StackWindow* window) {
  return registers->pc < unwind::kLowestCode &&
         unwind::StepByRule(Rule::Of(Rule::kSp, kWord), registers, window) == Step::kCalled;
}

// `exact`: start.pc is the next instruction to be executed there, not a return address.
inline WalkResult Walk(Registers r, bool exact, const StackBounds& bounds, uintptr_t* pcs, uint32_t max) {
  if (max == 0) return {0, false, false, 0};
  pcs[0] = r.pc;
  if (r.sp >= unwind::kUserEnd) return {1, true, false, FinishHash(MixPc(max, r.pc))};
  const uint64_t generation = unwind::CacheGeneration();
  StackWindow window(r.sp, bounds);
  uintptr_t end = window.EndAt(r.sp);
  uint64_t hash = MixPc(max, r.pc);
  uint32_t depth = 1;
  bool truncated = false;
  bool in_handler = false;
  CacheEntry* entry = unwind::Sentinel();

  if (exact && StepOutOfNowhere(&r, &window)) {
    exact = false;
    end = window.EndAt(r.sp);
    if (depth < max) {
      pcs[depth++] = r.pc;
      hash = MixPc(hash, r.pc);
    }
  }
  r.pc += exact;  // r.pc is what the cache is asked for: an address behind the instruction in question
  // Invariant: every word in [r.sp, end) may be read, and no sum of r.sp and an offset overflows.
  for (;;) {
    CacheEntry* guess = entry->next.load(std::memory_order_relaxed);
    Rule rule(guess->word.load(std::memory_order_relaxed));
    uint64_t check = guess->check.load(std::memory_order_acquire);
    if (__builtin_expect((check ^ rule.word() ^ generation) == r.pc, 1)) {
      entry = guess;
    } else {
      CacheHit hit = unwind::FindRuleAfter(entry, r.pc);
      entry = hit.entry;
      rule = hit.rule;
    }

    uintptr_t cfa;
    if (rule.is_plain_sp()) {
      cfa = r.sp + rule.word();
      if (__builtin_expect(cfa > end, 0)) goto rarely;
    } else if (rule.word() == Rule::PlainFp().word()) {
      cfa = r.fp + 2 * kWord;
      if (__builtin_expect(r.fp < r.sp || cfa < r.fp || cfa > end, 0)) goto rarely;
      r.fp = Load(r.fp);
    } else if (rule.is_sp_with_fp_saved()) {
      cfa = r.sp + static_cast<uintptr_t>(rule.a());
      const uintptr_t slot = cfa + static_cast<uintptr_t>(rule.b());
      if (__builtin_expect(cfa > end || slot < r.sp || slot > cfa - kWord, 0)) goto rarely;
      r.fp = Load(slot);
    } else {
    rarely:
      Step step = StepRarely(rule, &r, &window, &end);
      if (step == Step::kEnd || step == Step::kLost) {
        truncated = step == Step::kLost;
        break;
      }
      if (depth == max) break;
      pcs[depth++] = r.pc;
      hash = MixPc(hash, r.pc);
      if (step == Step::kInterrupted) {
        in_handler = true;
        r.pc += 1;
      }
      continue;
    }
    r.pc = Load(cfa - kWord);
    r.sp = cfa;
    if (r.pc == 0 || depth == max) break;
    pcs[depth++] = r.pc;
    hash = MixPc(hash, r.pc);
  }
  return {depth, truncated, in_handler, FinishHash(hash)};
}

}  // namespace

WalkResult WalkStack(const CallerFrame& start, const StackBounds& bounds, uintptr_t* pcs, uint32_t max) {
  return Walk({start.pc, start.sp, start.fp}, false, bounds, pcs, max);
}

WalkResult WalkStackFromContext(const ucontext_t& context, const StackBounds& bounds, uintptr_t* pcs,
                                uint32_t max) {
  auto value = [&](int index) { return static_cast<uintptr_t>(context.uc_mcontext.gregs[index]); };
  return Walk({value(REG_RIP), value(REG_RSP), value(REG_RBP)}, true, bounds, pcs, max);
}

void UnwindCacheModulesChanged() { unwind::StartNewGeneration(); }

}  // namespace heapprof
