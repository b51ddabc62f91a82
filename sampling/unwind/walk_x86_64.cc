// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/walk.h"

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

// Keeps the walk's loop together; 5 % of a stack of 111 frames. clang knows it of functions only.
#ifdef __clang__
#define HEAPPROF_COLD_LABEL
#else
#define HEAPPROF_COLD_LABEL __attribute__((cold))
#endif

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

// The registers of the function that this is in.
__attribute__((always_inline)) inline void SetFromHere(unwind::FullRegisters* full) {
  using unwind::kR12, unwind::kR15, unwind::kRbp, unwind::kRbx, unwind::kReturnAddress, unwind::kRsp;
  uintptr_t* value = full->value;
  asm volatile(
      "movq %%rbx, %0\n\tmovq %%rbp, %1\n\tmovq %%rsp, %2\n\tmovq %%r12, %3\n\tmovq %%r13, %4\n\t"
      "movq %%r14, %5\n\tmovq %%r15, %6\n\tleaq 0(%%rip), %%rax\n\tmovq %%rax, %7"
      : "=m"(value[kRbx]), "=m"(value[kRbp]), "=m"(value[kRsp]), "=m"(value[kR12]), "=m"(value[13]),
        "=m"(value[14]), "=m"(value[kR15]), "=m"(value[kReturnAddress])
      :
      : "rax");
  full->known = 0;
  for (uint64_t number : unwind::CfiRow::kKept) full->known |= 1u << number;
}

// A step by the CFI itself. The walk keeps pc, rsp and rbp only: what else a row needs comes from the last
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
  StackWindow again(by_context ? known->context : full.value[unwind::kRsp], window->bounds());
  const auto memory = unwind::WordReader::Of(&again);
  if ((by_context && !full.SetFromContext(known->context, memory)) || !StepUpTo(*r, exact, &full, memory)) {
    full.known = 0;
    full.Set(unwind::kReturnAddress, r->pc);
    full.Set(unwind::kRsp, r->sp);
    full.Set(unwind::kRbp, r->fp);
  }
  Step step;
  if (!FullStep(pc, &full, unwind::WordReader::Of(window), &step)) return Step::kLost;
  known->after = full;
  known->after_exact = step == Step::kInterrupted;
  *r = {full.value[unwind::kReturnAddress], full.value[unwind::kRsp],
        full.Knows(unwind::kRbp) ? full.value[unwind::kRbp] : r->fp};
  return step;
}

// libc ends its tables before the system call by which it makes a thread, as they would be wrong in the new
// one. Whoever was interrupted behind that call, or before the few instructions that follow, has its caller's
// address on top of the stack, if it is the maker; a new thread has no caller, and the call's answer is 0 to
// it. False: it is not there.
bool StepFromClone(Registers* r, KnownFrame* known, StackWindow* window, Step* step) {
  constexpr uintptr_t kCallAndTest = 9;
  unwind::FullRegisters full;
  if (!IsInterrupted(*r, *known, window, &full)) return false;
  uint8_t code[kCallAndTest];
  const void* begin = reinterpret_cast<const void*>(r->pc - 1 - kCallAndTest);
  if (RawReadOwnMemory(begin, code, sizeof(code)) != static_cast<ssize_t>(sizeof(code))) return false;
  bool behind_call = false;
  for (size_t i = 0; i + 1 < kCallAndTest; ++i) behind_call |= code[i] == 0x0f && code[i + 1] == 0x05;
  uintptr_t caller;
  if (!behind_call || !window->Read(r->sp, &caller)) return false;
  *step = caller == 0 ? Step::kEnd : Step::kCalled;
  constexpr int kRax = 0;
  if (caller == 0) return full.value[kRax] == 0;
  if (!MayBeCaller(caller)) return false;
  StepToCaller(caller, r->sp + kWord, &full, known);
  *r = {caller, r->sp + kWord, r->fp};
  return true;
}

// From _init, _fini or a PLT without tables. False: it is none of these.
bool StepFromBareCode(Registers* r, KnownFrame* known, StackWindow* window) {
  if (!unwind::TablesFor(r->pc - 1).found()) return false;
  unwind::FullRegisters full;
  const bool interrupted = IsInterrupted(*r, *known, window, &full);
  const int words = unwind::WordsBelowCaller(r->pc - (interrupted ? 1 : 0));
  uintptr_t caller;
  const uintptr_t at = r->sp + static_cast<uintptr_t>(words) * kWord;
  if (words < 0 || !window->Read(at, &caller) || !MayBeCaller(caller)) return false;
  if (interrupted) StepToCaller(caller, at + kWord, &full, known);
  *r = {caller, at + kWord, r->fp};
  return true;
}

// A step from a frame whose code has no CFI: a signal's return, or by the frame pointer, to where a call is.
__attribute__((noinline)) Step StepWithoutCfi(Registers* r, KnownFrame* known, StackWindow* window) {
  if (unwind::IsSignalReturn(*r, window)) {
    known->context = r->sp;
    known->after.known = 0;
    return unwind::StepFromSignal(r, window);
  }
  if (StepFromBareCode(r, known, window)) return Step::kCalled;
  if (unwind::BeginsFunction(r->pc)) return Step::kEnd;
  if (Step from_clone; StepFromClone(r, known, window, &from_clone)) return from_clone;
  Registers caller = *r;
  const Step step = unwind::StepByFramePointer(&caller, window);
  if (step == Step::kCalled && !unwind::MayReturnTo(caller.pc)) return Step::kLost;
  *r = caller;
  return step;
}

// `r` is what a signal interrupted. A call through a null or a wild pointer ends in one: no code is there,
// and no frame, and the return address is on top of the stack. Then `r` becomes the caller, at an address
// inside the call. False: there is neither code nor a caller.
__attribute__((noinline)) bool StepOverWildCall(Registers* r, KnownFrame* known, StackWindow* window) {
  if (r->pc >= unwind::kLowestCode && r->pc < unwind::kUserEnd &&
      (unwind::FindRule(r->pc + 1).rule.kind() != Rule::kNoCfi || unwind::MayBeExecuted(r->pc))) {
    return true;
  }
  uintptr_t caller;
  if (!window->Read(r->sp, &caller) || !MayBeCaller(caller)) {
    return r->pc >= unwind::kLowestCode;  // it was jumped to: the frame pointer may help
  }
  unwind::FullRegisters full;
  if (known->context != 0 && full.SetFromContext(known->context, unwind::WordReader::Of(window)))
    StepToCaller(caller, r->sp + kWord, &full, known);
  *r = {caller - 1, r->sp + kWord, r->fp};
  return true;
}

// A step by a rule that the loop does not take itself, or on a stack that is not known up to the CFA.
__attribute__((noinline)) Step StepRarely(Rule rule, Registers* registers, KnownFrame* known,
                                          StackWindow* window) {
  const uintptr_t sp = registers->sp;
  Step step;
  if (rule.kind() == Rule::kNoRule) {
    step = StepWithAllRegisters(registers, known, window);
  } else if (rule.kind() == Rule::kNoCfi) {
    step = StepWithoutCfi(registers, known, window);
  } else {
    step = unwind::StepByRule(rule, registers, window);
    if (rule.kind() == Rule::kSignal) {
      known->context = sp;
      known->after.known = 0;
    }
  }
  if (step == Step::kEnd || step == Step::kLost) return step;
  if (!IsStack(registers->sp)) return Step::kLost;
  if (step == Step::kInterrupted) {
    window->StartAnew(registers->sp);
    if (!StepOverWildCall(registers, known, window)) return Step::kLost;
  }
  return step;
}

Truncation::Kind WhyLost(Rule rule) {
  return rule.kind() == Rule::kNoCfi ? Truncation::kInBareCode : Truncation::kLost;
}

// Where a rule is marked: the walk once more, with what that takes, so that the usual loop has its registers
// for itself.
WalkResult WalkCorrecting(const Registers& start, uintptr_t context, const StackBounds& bounds,
                          uintptr_t* pcs, uint32_t max);

// `context`: where the registers come from, with all others; start.pc is then the next instruction to be
// executed there. 0: start.pc is a return address.
template <bool kCorrects>
inline WalkResult Walk(const Registers& start, uintptr_t context, const StackBounds& bounds, uintptr_t* pcs,
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
  [[maybe_unused]] uint32_t own_innermost = 0;
  // `pc` is what the cache is asked for, an address behind the instruction in question. Every word in
  // [sp, end) may be read; all are scalars so that they stay in processor registers.
  uintptr_t pc = start.pc + (exact ? 1 : 0), sp = start.sp, fp = start.fp;
  if (exact && start.pc < unwind::kLowestCode) {
    // A call through a null pointer: there is no frame yet, and the return address is on top.
    Registers r = start;
    if (StepRarely(Rule::Of(Rule::kSp, kWord), &r, &known, &window) != Step::kCalled)
      return out.Result(Truncation::kLost, false);
    if (out.full()) return out.Result(Truncation::kNone, false);
    out.Add(pc = r.pc);
    sp = r.sp;
  }
  uintptr_t end = window.EndAt(sp);
  auto [entry, rule] = unwind::FindRule(pc);
  for (;;) {
    uintptr_t cfa;
    if (__builtin_expect(rule.is_plain(), 1)) {
      if (rule.is_plain_fp_or_unset()) {
        if (__builtin_expect(!rule.is_set(), 0)) goto rarely;
        if (__builtin_expect(fp < sp || fp > end - 2 * kWord, 0)) goto rarely;
        cfa = fp + 2 * kWord;
        fp = LoadWord(fp);
      } else {
        cfa = sp + rule.plain_sp_a();
        if (__builtin_expect(cfa > end, 0)) goto rarely;
      }
    } else if (rule.is_sp_with_fp_saved()) {
      cfa = sp + rule.framed_sp_a();
      if (__builtin_expect(cfa > end, 0)) goto rarely;
      fp = LoadWord(cfa + static_cast<uintptr_t>(rule.framed_sp_b()));
    } else if (rule.kind() == Rule::kEnd) {
      return out.Result(Truncation::kNone, in_handler);
    } else {
    rarely:
      HEAPPROF_COLD_LABEL;
      if (__builtin_expect(!rule.is_set(), 0)) {
        if (pc == 0) out.TakeBack();
        return out.Result(pc != 0 ? Truncation::kLost : Truncation::kNone, in_handler);
      }
      if (__builtin_expect(rule.is_marked(), 0)) {
        if constexpr (!kCorrects) return WalkCorrecting(start, context, bounds, pcs, max);
        out.Correct(pc - 1, &own_innermost);
      }
      Registers r = {pc, sp, fp};
      Step step = StepRarely(rule, &r, &known, &window);
      if (step == Step::kEnd || step == Step::kLost || out.full()) {
        return out.Result(step == Step::kLost ? WhyLost(rule) : Truncation::kNone, in_handler);
      }
      in_handler |= step == Step::kInterrupted;
      out.Add(r.pc);
      pc = r.pc + (step == Step::kInterrupted ? 1 : 0);
      sp = r.sp;
      fp = r.fp;
      end = window.EndAt(sp);
      goto next;
    }
    pc = LoadWord(cfa - kWord);
    sp = cfa;
    if (out.full()) return out.Result(Truncation::kNone, in_handler);
    out.Add(pc);

  next:
    const uint64_t key = unwind::CacheKey(pc, generation);
    CacheEntry* guess = entry->next.load(std::memory_order_relaxed);
    if (__builtin_expect(!guess->IsFor(key, &rule), 0)) {
      guess = entry->other.load(std::memory_order_relaxed);
      if (!guess->IsFor(key, &rule)) {
        // Asked here, as no entry is for a return address of zero, which says that there is no caller.
        unwind::CacheHit hit = {entry, Rule()};
        if (pc != 0) hit = unwind::FindRuleAfter(entry, pc);
        guess = hit.entry;
        rule = hit.rule;
      }
    }
    entry = guess;
  }
}

__attribute__((noinline, cold)) WalkResult WalkCorrecting(const Registers& start, uintptr_t context,
                                                          const StackBounds& bounds, uintptr_t* pcs,
                                                          uint32_t max) {
  return Walk<true>(start, context, bounds, pcs, max);
}

}  // namespace

WalkResult WalkStack(const CallerFrame& start, const StackBounds& bounds, uintptr_t* pcs, uint32_t max) {
  return Walk<false>({start.pc, start.sp, start.fp}, 0, bounds, pcs, max);
}

WalkResult WalkStackFromContext(const ucontext_t& context, const StackBounds& bounds, uintptr_t* pcs,
                                uint32_t max) {
  auto value = [&](int index) { return static_cast<uintptr_t>(context.uc_mcontext.gregs[index]); };
  return Walk<false>({value(REG_RIP), value(REG_RSP), value(REG_RBP)}, reinterpret_cast<uintptr_t>(&context),
                     bounds, pcs, max);
}

void UnwindCacheModulesChanged() {
  unwind::ForgetSeenModules();
  unwind::ForgetAliases(0, UINTPTR_MAX);
  unwind::StartNewGeneration();
}

}  // namespace heapprof
