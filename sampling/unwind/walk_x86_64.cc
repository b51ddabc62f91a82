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

inline uintptr_t Load(uintptr_t address) { return *reinterpret_cast<const uintptr_t*>(address); }

// No sum of such an address and an offset of a rule overflows.
inline bool IsStack(uintptr_t sp) { return sp >= unwind::kLowestCode && sp < unwind::kUserEnd; }

// A step by a rule that the loop does not take itself, or on a stack that is not known up to the CFA.
__attribute__((noinline)) Step StepRarely(Rule rule, Registers* registers, StackWindow* window) {
  Step step = unwind::StepByRule(rule, registers, window);
  if (step == Step::kEnd || step == Step::kLost) return step;
  return IsStack(registers->sp) ? step : Step::kLost;
}

// The PCs of a walk, and the hash of what was written. Order matters to it, and how many there may be; one
// multiplication a frame keeps up with the walk.
class PcWriter {
 public:
  PcWriter(uintptr_t* pcs, uint32_t max) : next_(pcs), begin_(pcs), end_(pcs + max), hash_(max) {}
  bool full() const { return next_ == end_; }
  void Add(uintptr_t pc) {
    *next_++ = pc;
    hash_ = (hash_ ^ pc) * 0xd6e8feb86659fd93;
  }
  WalkResult Result(bool truncated, bool in_handler) const {
    // The high bits, which the multiplications made good, come down.
    return {static_cast<uint32_t>(next_ - begin_), truncated, in_handler, hash_ ^ (hash_ >> 32)};
  }

 private:
  uintptr_t* next_;
  uintptr_t* begin_;
  uintptr_t* end_;
  uint64_t hash_;
};

// `exact`: start.pc is the next instruction to be executed there, not a return address.
inline WalkResult Walk(const Registers& start, bool exact, const StackBounds& bounds, uintptr_t* pcs,
                       uint32_t max) {
  PcWriter out(pcs, max);
  if (out.full()) return out.Result(false, false);
  out.Add(start.pc);
  if (!IsStack(start.sp)) return out.Result(true, false);

  const uint64_t generation = unwind::CacheGeneration();
  CacheEntry* const sentinel = unwind::Sentinel();
  StackWindow window(start.sp, bounds);
  bool in_handler = false;
  CacheEntry* entry = sentinel;
  // `pc` is what the cache is asked for, an address behind the instruction in question. Every word in
  // [sp, end) may be read; all are scalars so that they stay in processor registers.
  uintptr_t pc = start.pc + (exact ? 1 : 0), sp = start.sp, fp = start.fp;
  if (exact && start.pc < unwind::kLowestCode) {
    // A call through a null pointer: there is no frame yet, and the return address is on top.
    Registers r = start;
    if (StepRarely(Rule::Of(Rule::kSp, kWord), &r, &window) != Step::kCalled) return out.Result(true, false);
    if (out.full()) return out.Result(false, false);
    out.Add(pc = r.pc);
    sp = r.sp;
  }
  uintptr_t end = window.EndAt(sp);
  for (;;) {
    CacheEntry* guess = entry->next.load(std::memory_order_relaxed);
    Rule rule(guess->word.load(std::memory_order_relaxed));
    uint64_t check = guess->check.load(std::memory_order_acquire);
    if (__builtin_expect((check ^ rule.word() ^ generation) == pc, 1)) {
      entry = guess;
    } else {
      CacheHit hit = unwind::FindRuleAfter(entry, pc);
      entry = hit.entry;
      rule = hit.rule;
    }

    uintptr_t cfa;
    if (__builtin_expect(rule.is_plain(), 1)) {
      if (rule.is_plain_fp()) {
        if (__builtin_expect(fp < sp || fp > end - 2 * kWord, 0)) goto rarely;
        cfa = fp + 2 * kWord;
        fp = Load(fp);
      } else {
        cfa = sp + rule.plain_sp_a();
        if (__builtin_expect(cfa > end, 0)) goto rarely;
      }
    } else if (rule.is_sp_with_fp_saved()) {
      cfa = sp + static_cast<uintptr_t>(rule.a());
      const uintptr_t slot = cfa + static_cast<uintptr_t>(rule.b());
      if (__builtin_expect(cfa > end || slot < sp || slot > cfa - kWord, 0)) goto rarely;
      fp = Load(slot);
    } else {
    rarely:
      Registers r = {pc, sp, fp};
      Step step = StepRarely(rule, &r, &window);
      if (step == Step::kEnd || step == Step::kLost || out.full()) {
        return out.Result(step == Step::kLost, in_handler);
      }
      out.Add(r.pc);
      in_handler |= step == Step::kInterrupted;
      pc = r.pc + (step == Step::kInterrupted ? 1 : 0);
      sp = r.sp;
      fp = r.fp;
      end = window.EndAt(sp);
      continue;
    }
    pc = Load(cfa - kWord);
    sp = cfa;
    if (pc == 0 || out.full()) return out.Result(false, in_handler);
    out.Add(pc);
  }
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
