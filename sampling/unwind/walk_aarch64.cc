// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/walk.h"

#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "sampling/unwind/bare_code.h"
#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/known_frame.h"
#include "sampling/unwind/pc_writer.h"
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/stack_window.h"
#include "sampling/unwind/step/full_step.h"
#include "sampling/unwind/step/return_address.h"
#include "sampling/unwind/step/step.h"

namespace heapprof {
namespace {

using unwind::CacheEntry;
using unwind::FullStep;
using unwind::IsInterrupted;
using unwind::KnownFrame;
using unwind::kWord;
using unwind::LoadWord;
using unwind::MayBeCaller;
using unwind::PcWriter;
using unwind::Registers;
using unwind::Rule;
using unwind::StackWindow;
using unwind::Step;
using unwind::StepToCaller;
using unwind::StepUpTo;

// No sum of such an address and an offset of a rule overflows.
inline bool IsStack(uintptr_t sp) { return sp >= unwind::kLowestCode && sp < unwind::kUserEnd; }

// Where the kernel writes what step_aarch64.h reads.
static_assert(offsetof(ucontext_t, uc_mcontext.regs) == unwind::kContextRegisters &&
              offsetof(ucontext_t, uc_mcontext.sp) == unwind::kContextSp &&
              offsetof(ucontext_t, uc_mcontext.pc) == unwind::kContextPc &&
              sizeof(siginfo_t) == unwind::kSignalContext);

// The registers of the function that this is in.
__attribute__((always_inline)) inline void SetFromHere(unwind::FullRegisters* full) {
  static_assert(unwind::kX29 == 29 && unwind::kSp == 31 && unwind::kReturnAddress == 32);
  asm volatile(
      "stp x19, x20, [%0, #152]\n\tstp x21, x22, [%0, #168]\n\tstp x23, x24, [%0, #184]\n\t"
      "stp x25, x26, [%0, #200]\n\tstp x27, x28, [%0, #216]\n\tstr x29, [%0, #232]\n\t"
      "mov x16, sp\n\tstr x16, [%0, #248]\n\tadr x16, .\n\tstr x16, [%0, #256]"
      :
      : "r"(full->value)
      : "x16", "memory");
  full->known = 0;
  for (uint64_t number : unwind::CfiRow::kKept) full->known |= unwind::RegisterSet{1} << number;
}

// A step by the CFI itself. The walk keeps pc, sp and x29 only: what else a row needs comes from the last
// place where all were known, from which the frames up to here are walked again. That is a ucontext, or else
// this function: the walk is one of its own thread's stack then.
__attribute__((noinline)) Step StepWithAllRegisters(Registers* r, KnownFrame* known, StackWindow* window) {
  const uintptr_t pc = r->pc - 1;
  unwind::FullRegisters full;
  bool exact = true;
  if (known->after.known != 0) {
    full = known->after;
    exact = known->after_exact;
  } else if (known->context == 0) {
    SetFromHere(&full);
  }
  const bool by_context = known->after.known == 0 && known->context != 0;
  StackWindow again(by_context ? known->context : full.value[unwind::kSp], window->bounds());
  const auto memory = unwind::WordReader::Of(&again);
  if ((by_context && !full.SetFromContext(known->context, memory)) || !StepUpTo(*r, exact, &full, memory)) {
    full.known = 0;
    full.Set(unwind::kReturnAddress, r->pc);
    full.Set(unwind::kSp, r->sp);
    full.Set(unwind::kX29, r->fp);
    if (r->link != 0) full.Set(unwind::kX30, r->link);
  }
  Step step;
  if (!FullStep(pc, &full, unwind::WordReader::Of(window), &step)) return Step::kLost;
  known->after = full;
  known->after_exact = step == Step::kInterrupted;
  *r = {full.value[unwind::kReturnAddress], full.value[unwind::kSp],
        full.Knows(unwind::kX29) ? full.value[unwind::kX29] : r->fp, 0};
  return step;
}

// From _init, _fini or a PLT: the linker writes no tables for one. False: it is none of these.
bool StepFromBareCode(Registers* r, KnownFrame* known, StackWindow* window) {
  if (!unwind::TablesFor(r->pc - 1).found()) return false;
  unwind::FullRegisters full;
  const bool interrupted = IsInterrupted(*r, *known, window, &full);
  const int words = unwind::WordsBelowCaller(r->pc - (interrupted ? 1 : 0));
  uintptr_t caller = r->link;
  const uintptr_t sp = r->sp + static_cast<uintptr_t>(words) * kWord;
  if (words < 0 || (words > 0 && !window->Read(r->sp + kWord, &caller))) return false;
  caller = unwind::StripAuthentication(caller);
  if (!MayBeCaller(caller)) return false;
  if (interrupted) StepToCaller(caller, sp, &full, known);
  *r = {caller, sp, r->fp, 0};
  return true;
}

// Whether `r`, of a frame without CFI, is a handler's return: the code of the vdso, or of an emulator. What
// the kernel writes first into the context is 0.
bool IsSignalReturn(const Registers& r, StackWindow* window) {
  uintptr_t flags;
  return window->Read(r.sp + unwind::kSignalContext, &flags) && flags == 0 && unwind::CallsSigreturn(r.pc);
}

// A step from a frame whose code has no CFI: a signal's return, or by the frame pointer, to where a call is.
__attribute__((noinline)) Step StepWithoutCfi(Registers* r, KnownFrame* known, StackWindow* window) {
  if (IsSignalReturn(*r, window)) {
    known->context = r->sp + unwind::kSignalContext;
    known->after.known = 0;
    return unwind::StepFromSignal(r, window);
  }
  if (StepFromBareCode(r, known, window)) return Step::kCalled;
  if (unwind::BeginsFunction(r->pc)) return Step::kEnd;
  Registers caller = *r;
  const Step step = unwind::StepByFramePointer(&caller, window);
  if (step == Step::kCalled && !unwind::MayReturnTo(caller.pc)) return Step::kLost;
  *r = caller;
  return step;
}

// `r` is what a signal interrupted. A call through a null or a wild pointer ends in one: no code is there,
// and no frame, and the return address is in x30. Then `r` becomes the caller, at an address inside the call.
// False: there is neither code nor a caller.
__attribute__((noinline)) bool StepOverWildCall(Registers* r, KnownFrame* known, StackWindow* window) {
  if (r->pc >= unwind::kLowestCode && r->pc < unwind::kUserEnd &&
      (unwind::FindRule(r->pc + 1).rule.kind() != Rule::kNoCfi || unwind::MayBeExecuted(r->pc))) {
    return true;
  }
  const uintptr_t caller = unwind::StripAuthentication(r->link);
  if (!MayBeCaller(caller)) return r->pc >= unwind::kLowestCode;  // it was jumped to: x29 may help
  unwind::FullRegisters full;
  if (known->context != 0 && full.SetFromContext(known->context, unwind::WordReader::Of(window)))
    StepToCaller(caller, r->sp, &full, known);
  *r = {caller - 1, r->sp, r->fp, 0};
  return true;
}

// A step by a rule that the loop does not take itself, or on a stack that is not known up to the CFA.
__attribute__((noinline)) Step StepRarely(Rule rule, Registers* registers, KnownFrame* known,
                                          StackWindow* window) {
  Step step;
  if (rule.kind() == Rule::kNoRule) {
    step = StepWithAllRegisters(registers, known, window);
  } else if (rule.kind() == Rule::kNoCfi) {
    step = StepWithoutCfi(registers, known, window);
  } else {
    step = unwind::StepByRule(rule, registers, window);
  }
  if (step == Step::kEnd || step == Step::kLost) return step;
  if (!IsStack(registers->sp)) return Step::kLost;
  if (step == Step::kInterrupted) {
    window->StartAnew(registers->sp);
    if (!StepOverWildCall(registers, known, window)) return Step::kLost;
  }
  return step;
}

// Takes the step of a plain rule, if all that it reads lies in [sp, end).
inline bool StepPlainly(Rule rule, Registers* r, uintptr_t end) {
  const uintptr_t cfa = (rule.kind() == Rule::kSp ? r->sp : r->fp) + static_cast<uintptr_t>(rule.a());
  if (__builtin_expect(cfa <= r->sp || cfa > end, 0)) return false;
  const auto depth = static_cast<int64_t>(cfa - r->sp);
  if (__builtin_expect(depth < -rule.c() || (rule.fp_saved() && depth < -rule.b()), 0)) return false;
  if (rule.fp_saved()) r->fp = LoadWord(cfa + static_cast<uintptr_t>(rule.b()));
  r->pc = unwind::StripAuthentication(LoadWord(cfa + static_cast<uintptr_t>(rule.c())));
  r->sp = cfa;
  r->link = 0;
  return true;
}

Truncation::Kind WhyLost(Rule rule) {
  return rule.kind() == Rule::kNoCfi ? Truncation::kInBareCode : Truncation::kLost;
}

// `context`: where the registers come from, with all others; start.pc is then the next instruction to be
// executed there. 0: start.pc is a return address.
WalkResult Walk(const Registers& start, uintptr_t context, const StackBounds& bounds, uintptr_t* pcs,
                uint32_t max) {
  const bool exact = context != 0;
  KnownFrame known;
  known.context = context;
  PcWriter out(pcs, max);
  if (out.full()) return out.Result(Truncation::kNone, false);
  out.Add(start.pc);
  if (!IsStack(start.sp)) return out.Result(Truncation::kLost, false);

  const uint64_t generation = unwind::CacheGeneration();
  StackWindow window(start.sp, bounds);
  bool in_handler = false;
  uint32_t own_innermost = 0;
  // `r.pc` is what the cache is asked for, an address behind the instruction in question.
  Registers r = start;
  if (exact) ++r.pc;
  if (exact && start.pc < unwind::kLowestCode) {
    // A call through a null pointer: there is no frame yet.
    r.pc = start.pc;
    if (!StepOverWildCall(&r, &known, &window)) return out.Result(Truncation::kLost, false);
    if (out.full()) return out.Result(Truncation::kNone, false);
    out.Add(++r.pc);
  }
  uintptr_t end = window.EndAt(r.sp);
  auto [entry, rule] = unwind::FindRule(r.pc);
  for (;;) {
    if (__builtin_expect(rule.is_plain() && StepPlainly(rule, &r, end), 1)) {
      if (out.full()) return out.Result(Truncation::kNone, in_handler);
      out.Add(r.pc);
    } else {
      if (!rule.is_set()) {
        if (r.pc == 0) out.TakeBack();
        return out.Result(r.pc != 0 ? Truncation::kLost : Truncation::kNone, in_handler);
      }
      if (rule.kind() == Rule::kEnd) return out.Result(Truncation::kNone, in_handler);
      if (rule.is_marked()) out.Correct(r.pc - 1, &own_innermost);
      const Step step = StepRarely(rule, &r, &known, &window);
      if (step == Step::kEnd || step == Step::kLost || out.full()) {
        return out.Result(step == Step::kLost ? WhyLost(rule) : Truncation::kNone, in_handler);
      }
      const bool interrupted = step == Step::kInterrupted;
      in_handler |= interrupted;
      out.Add(r.pc);
      if (interrupted) ++r.pc;
      end = window.EndAt(r.sp);
    }
    const uint64_t key = unwind::CacheKey(r.pc, generation);
    CacheEntry* guess = entry->next.load(std::memory_order_relaxed);
    if (__builtin_expect(!guess->IsFor(key, &rule), 0)) {
      guess = entry->other.load(std::memory_order_relaxed);
      if (!guess->IsFor(key, &rule)) {
        // Asked here, as no entry is for a return address of zero, which says that there is no caller.
        unwind::CacheHit hit = {entry, Rule()};
        if (r.pc != 0) hit = unwind::FindRuleAfter(entry, r.pc);
        guess = hit.entry;
        rule = hit.rule;
      }
    }
    entry = guess;
  }
}

}  // namespace

WalkResult WalkStack(const CallerFrame& start, const StackBounds& bounds, uintptr_t* pcs, uint32_t max) {
  return Walk({unwind::StripAuthentication(start.pc), start.sp, start.fp, 0}, 0, bounds, pcs, max);
}

WalkResult WalkStackFromContext(const ucontext_t& context, const StackBounds& bounds, uintptr_t* pcs,
                                uint32_t max) {
  const mcontext_t& machine = context.uc_mcontext;
  return Walk({machine.pc, machine.sp, machine.regs[29], machine.regs[30]},
              reinterpret_cast<uintptr_t>(&context), bounds, pcs, max);
}

void UnwindCacheModulesChanged() {
  unwind::ForgetSeenModules();
  unwind::ForgetAliases(0, UINTPTR_MAX);
  unwind::StartNewGeneration();
}

}  // namespace heapprof
