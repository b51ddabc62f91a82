// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <atomic>

#include "base/hash.h"
#include "base/system/raw_syscall.h"
#include "sampling/unwind/cfi/cfi.h"
#include "sampling/unwind/rule_cache.h"
#include "sampling/unwind/step/return_address.h"

namespace heapprof::unwind {
namespace {

constexpr int kPageBits = 12;

// Return addresses that were found to be such.
constexpr int kReturnBits = 12;
std::atomic<uintptr_t> g_returns[1 << kReturnBits];
std::atomic<uintptr_t>& KnownReturn(uintptr_t pc) {
  return g_returns[(pc * kGoldenRatio) >> (64 - kReturnBits)];
}

// Pages that held no code, which a JIT may fill at any moment: page << kTimeBits | time.
constexpr size_t kOtherPages = 64;
constexpr int kTimeBits = 28, kTickBits = 27;  // ticks of 0.13 s
std::atomic<uint64_t> g_other_pages[kOtherPages];

// Where a register holds whatever it likes, each stack may have another such page, and to read the maps of a
// large program takes milliseconds: so many times a tick it is done in vain. Time << kLookBits | looks.
constexpr uint64_t kMaxLooksInVain = 16;
constexpr int kLookBits = 8;
std::atomic<uint64_t> g_looks_in_vain{0};

uint64_t TimeNow() {
  return static_cast<uint64_t>(RawMonotonicNanos()) >> kTickBits & ((uint64_t{1} << kTimeBits) - 1);
}

// A race loses a count, and no more.
uint64_t LooksInVain(uint64_t now) {
  const uint64_t looks = g_looks_in_vain.load(std::memory_order_relaxed);
  return looks >> kLookBits == now ? looks & ((1 << kLookBits) - 1) : 0;
}

// Executable memory that was found, as page << kCountBits | pages: code of a JIT, most of which lies in few
// mappings. All are forgotten after a second, as a JIT may give memory back.
constexpr size_t kRanges = 32;
constexpr int kCountBits = 28, kPageNumberBits = 36;  // of addresses of 48 bits, as aarch64 has them
static_assert(kCountBits + kPageNumberBits == 64 && kPageNumberBits + kTimeBits == 64);
constexpr uint64_t kRangesLive = 8;  // ticks
std::atomic<uint64_t> g_ranges[kRanges];
std::atomic<size_t> g_next_range{0};
std::atomic<uint64_t> g_ranges_since{0};

bool IsKnownCode(uintptr_t page, uint64_t now) {
  if (now - g_ranges_since.load(std::memory_order_relaxed) >= kRangesLive) {
    // A range that another thread notes meanwhile may go, or stay for another second.
    for (std::atomic<uint64_t>& range : g_ranges) range.store(0, std::memory_order_relaxed);
    g_ranges_since.store(now, std::memory_order_relaxed);
    return false;
  }
  for (const std::atomic<uint64_t>& range : g_ranges) {
    const uint64_t word = range.load(std::memory_order_relaxed);
    if (page - (word >> kCountBits) < (word & ((uint64_t{1} << kCountBits) - 1))) return true;
  }
  return false;
}

void NoteCode(uintptr_t start, uintptr_t limit) {
  const uint64_t page = start >> kPageBits, pages = (limit - start) >> kPageBits;
  if (page >> kPageNumberBits != 0 || pages >> kCountBits != 0) return;
  g_ranges[g_next_range.fetch_add(1, std::memory_order_relaxed) % kRanges].store(page << kCountBits | pages,
                                                                                 std::memory_order_relaxed);
}

// Answers one question of /proc/self/maps, which it takes in character by character: start-limit rwxp ...
class MapsReader {
 public:
  explicit MapsReader(uintptr_t address) : address_(address) {}
  bool found() const { return found_; }
  // The mapping that was found.
  uintptr_t start() const { return start_; }
  uintptr_t limit() const { return limit_; }
  void Take(char c) {
    if (found_) return;
    if (c == '\n') {
      field_ = kStart;
      start_ = limit_ = 0;
    } else if (field_ == kStart || field_ == kLimit) {
      uintptr_t* number = field_ == kStart ? &start_ : &limit_;
      const unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
      if (digit < 16) {
        *number = *number << 4 | digit;
      } else {
        field_ = field_ == kStart ? kLimit : kRights;
      }
    } else if (field_ == kRights) {
      if (c == 'x' && address_ >= start_ && address_ < limit_) found_ = true;
      if (c == ' ') field_ = kRest;
    }
  }

 private:
  enum { kStart, kLimit, kRights, kRest } field_ = kStart;
  uintptr_t address_, start_ = 0, limit_ = 0;
  bool found_ = false;
};

// Where there is no /proc, everything may be code.
bool IsExecutable(uintptr_t address) {
  const int fd = RawOpen("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return true;
  MapsReader maps(address);
  char piece[1024];
  ssize_t got;
  while (!maps.found() && (got = RawRead(fd, piece, sizeof(piece))) > 0) {
    for (ssize_t i = 0; i < got; ++i) maps.Take(piece[i]);
  }
  RawClose(fd);
  if (maps.found()) NoteCode(maps.start(), maps.limit());
  return maps.found();
}

// Whether a call stands before `pc`. Where the kernel forbids such reading, it is not known.
enum class Answer { kYes, kNo, kUnknown };
Answer IsBehindCall(uintptr_t pc) {
  unsigned char before[kLongestCall];
  const ssize_t got =
      RawReadOwnMemory(reinterpret_cast<const void*>(pc - kLongestCall), before, sizeof(before));
  if (got < 0 && got != -EFAULT) return Answer::kUnknown;
  return got == static_cast<ssize_t>(kLongestCall) && EndsWithCall(before + kLongestCall, kLongestCall)
             ? Answer::kYes
             : Answer::kNo;
}

// `likely`: nothing speaks against it.
bool IsCode(uintptr_t address, bool likely) {
  const uint64_t now = TimeNow();
  const uintptr_t page = address >> kPageBits;
  std::atomic<uint64_t>& other = g_other_pages[page % kOtherPages];
  const uint64_t entry = page << kTimeBits | now;
  if (other.load(std::memory_order_relaxed) == entry) return false;
  if (IsKnownCode(page, now)) return true;
  const uint64_t looks = LooksInVain(now);
  if (!likely && looks >= kMaxLooksInVain) return false;
  if (IsExecutable(address)) return true;
  other.store(entry, std::memory_order_relaxed);
  if (looks < kMaxLooksInVain)
    g_looks_in_vain.store(now << kLookBits | (looks + 1), std::memory_order_relaxed);
  return false;
}

}  // namespace

bool MayReturnTo(uintptr_t pc) {
  std::atomic<uintptr_t>& known = KnownReturn(pc);
  if (known.load(std::memory_order_relaxed) == pc) return true;
  const Answer behind_call = IsBehindCall(pc);
  if (behind_call != Answer::kYes) {
    const bool compiled = FindRule(pc).rule.kind() != Rule::kNoCfi;
    if (compiled ? behind_call == Answer::kNo : !IsCode(pc - 1, behind_call == Answer::kUnknown))
      return false;
  }
  known.store(pc, std::memory_order_relaxed);
  return true;
}

bool MayBeExecuted(uintptr_t pc) { return IsCode(pc, true); }

bool BeginsFunction(uintptr_t pc) {
  std::atomic<uintptr_t>& known = KnownReturn(pc);
  if (known.load(std::memory_order_relaxed) == pc) return false;
  if (IsBehindCall(pc) != Answer::kNo) {
    known.store(pc, std::memory_order_relaxed);
    return false;
  }
  const TablesFor code(pc);
  CfiRow row;
  return code.found() && RowFromCfi(code.tables(), pc, &row) == CfiAnswer::kRow;
}

}  // namespace heapprof::unwind
