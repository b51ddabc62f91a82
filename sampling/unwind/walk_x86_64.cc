#include "sampling/unwind/walk.h"

#include <stddef.h>
#include <ucontext.h>

#include "base/raw_syscall.h"
#include "sampling/unwind/rule_cache.h"

namespace heapprof {
namespace {

using unwind::CacheEntry;
using unwind::CacheHit;
using unwind::Rule;

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kWord = sizeof(uintptr_t);
constexpr uintptr_t kLowestCode = 65536;
constexpr uintptr_t kUserEnd = uintptr_t{1} << 47;

// The stretch of the stack that may be read without asking. Grows by pages that answered.
class StackWindow {
 public:
  StackWindow(uintptr_t sp, const StackBounds& bounds) : bounds_(bounds) { MoveTo(sp); }

  // False: the word at `address` is not to be had.
  bool Read(uintptr_t address, uintptr_t* value) {
    if (__builtin_expect(address - low_ > span_, 0) && !Grow(address)) return false;
    *value = *reinterpret_cast<const uintptr_t*>(address);
    return true;
  }

  // The walk goes on at `sp`, maybe on another stack (a signal's).
  void MoveTo(uintptr_t sp) {
    low_ = sp;
    if (sp >= bounds_.low && sp < bounds_.high) {
      end_ = bounds_.high;
    } else {
      end_ = sp;  // nothing is known of this stack
    }
    SetSpan();
  }

 private:
  void SetSpan() {
    // Read allows addresses low_ .. end_ - 8. With less than a word known, none: low_ moves out of reach.
    if (end_ - low_ >= kWord) {
      span_ = end_ - low_ - kWord;
    } else {
      low_ = UINTPTR_MAX;
      span_ = 0;
    }
  }

  __attribute__((noinline, cold)) bool Grow(uintptr_t address) {
    if (address % kWord != 0 || address >= kUserEnd || address < kLowestCode) return false;
    if (!RawReadable(reinterpret_cast<const void*>(address))) return false;
    uintptr_t page = address & ~(kPage - 1);
    if (low_ != UINTPTR_MAX && page == end_) {
      end_ = page + kPage;  // the next page of the same stack
    } else {
      low_ = page;  // below the known part, or elsewhere: that page is what is known now
      end_ = page + kPage;
    }
    SetSpan();
    return true;
  }

  uintptr_t low_, span_, end_ = 0;
  StackBounds bounds_;
};

struct Registers {
  uintptr_t pc, sp, fp;
};

enum class Step { kOn, kEnd, kLost };

// One step by a rule that is not the plain kind. `pc` is exact when `exact` is set, a return address
// otherwise.
Step StepRare(Rule rule, Registers* registers, StackWindow* window, bool* exact) {
  Registers& r = *registers;
  uintptr_t cfa;
  switch (rule.kind()) {
    case Rule::kEnd:
      return Step::kEnd;
    case Rule::kSignal: {
      // __restore_rt is entered with rsp at the ucontext.
      auto saved = [&](int index) {
        return r.sp + offsetof(ucontext_t, uc_mcontext.gregs) + static_cast<uintptr_t>(index) * kWord;
      };
      Registers interrupted;
      if (!window->Read(saved(REG_RIP), &interrupted.pc) || !window->Read(saved(REG_RSP), &interrupted.sp) ||
          !window->Read(saved(REG_RBP), &interrupted.fp)) {
        return Step::kLost;
      }
      r = interrupted;
      window->MoveTo(r.sp);
      *exact = true;
      return r.pc < kLowestCode ? Step::kLost : Step::kOn;
    }
    case Rule::kNoCfi: {
      // A frame pointer of 0 marks the outermost frame (psABI, 3.4.1): the loader's entry, an old crt1's
      // _start.
      if (r.fp == 0) return Step::kEnd;
      // The frame pointer, if it can be one: above rsp, aligned, with a return address beside it.
      uintptr_t caller_fp, caller_pc;
      constexpr uintptr_t kMostFrame = 1 << 20;
      if (r.fp % kWord != 0 || r.fp < r.sp || r.fp - r.sp > kMostFrame || !window->Read(r.fp, &caller_fp) ||
          !window->Read(r.fp + kWord, &caller_pc) || caller_pc < kLowestCode || caller_pc >= kUserEnd) {
        return Step::kLost;
      }
      r = {caller_pc, r.fp + 2 * kWord, caller_fp};
      *exact = false;
      return Step::kOn;
    }
    case Rule::kSp:  // these two come here only when rbp is saved relative to itself
    case Rule::kFp:
      cfa = (rule.kind() == Rule::kSp ? r.sp : r.fp) + static_cast<uintptr_t>(rule.a());
      break;
    case Rule::kFpDeref:
      if (!window->Read(r.fp + static_cast<uintptr_t>(rule.a()), &cfa)) return Step::kLost;
      break;
    case Rule::kPlt:
      cfa = r.sp + 8 + (static_cast<int64_t>(r.pc & 15) >= rule.a() ? 8 : 0);
      break;
    default:
      return Step::kLost;
  }
  uintptr_t caller_pc, caller_fp = r.fp;
  if (cfa <= r.sp || !window->Read(cfa - kWord, &caller_pc)) return Step::kLost;
  if (rule.fp_saved()) {
    uintptr_t slot = (rule.fp_saved_at_fp() ? r.fp : cfa) + static_cast<uintptr_t>(rule.b());
    if (!window->Read(slot, &caller_fp)) return Step::kLost;
  }
  r = {caller_pc, cfa, caller_fp};
  *exact = false;
  return caller_pc == 0 ? Step::kEnd : Step::kOn;
}

// Order matters, and a leading zero too: h starts at a constant; one multiplication a frame keeps up with the
// walk, the shift brings the high bits, which the multiplication makes good, back down.
inline uint64_t MixPc(uint64_t hash, uintptr_t pc) {
  constexpr uint64_t kMultiplier = 0xd6e8feb86659fd93;
  hash = (hash ^ pc) * kMultiplier;
  return hash ^ (hash >> 32);
}

}  // namespace

WalkResult WalkStack(const CallerFrame& start, const StackBounds& bounds, uintptr_t* pcs, uint32_t max) {
  const uint64_t generation = unwind::CacheGeneration();
  Registers r = {start.pc, start.sp, start.fp};
  StackWindow window(r.sp, bounds);
  uint64_t hash = max;
  uint32_t depth = 0;
  bool truncated = false;
  bool exact = false;
  bool in_handler = false;
  CacheEntry* entry = unwind::Sentinel();
  Rule rule;

  while (depth < max) {
    pcs[depth++] = r.pc;
    hash = MixPc(hash, r.pc);

    const uintptr_t key_pc = r.pc + (exact ? 1 : 0);
    CacheEntry* guess = entry->next.load(std::memory_order_relaxed);
    rule = guess != nullptr ? guess->For(unwind::CacheKey(key_pc, generation)) : Rule();
    if (__builtin_expect(rule.word() != 0, 1)) {
      entry = guess;
    } else {
      CacheHit hit = unwind::FindRule(key_pc);
      if (entry != unwind::Sentinel() && hit.entry != unwind::Sentinel()) {
        entry->next.store(hit.entry, std::memory_order_relaxed);
      }
      entry = hit.entry;
      rule = hit.rule;
    }

    const Rule::Kind kind = rule.kind();
    if (__builtin_expect((kind != Rule::kSp && kind != Rule::kFp) || rule.fp_saved_at_fp(), 0)) {
      Step step = StepRare(rule, &r, &window, &exact);
      in_handler |= exact;
      if (step == Step::kOn) continue;
      truncated = step == Step::kLost;
      break;
    }
    const uintptr_t cfa = (kind == Rule::kSp ? r.sp : r.fp) + static_cast<uintptr_t>(rule.a());
    uintptr_t caller_pc;
    // A frame that does not lie above the one it called would make an endless walk.
    if (__builtin_expect(cfa <= r.sp || !window.Read(cfa - kWord, &caller_pc), 0) ||
        (rule.fp_saved() &&
         __builtin_expect(!window.Read(cfa + static_cast<uintptr_t>(rule.b()), &r.fp), 0))) {
      truncated = true;
      break;
    }
    if (caller_pc == 0) break;
    r.sp = cfa;
    r.pc = caller_pc;
    exact = false;
  }
  return {depth, truncated, in_handler, hash};
}

void UnwindCacheModulesChanged() { unwind::StartNewGeneration(); }

}  // namespace heapprof
