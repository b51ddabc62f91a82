// SPDX-License-Identifier: Apache-2.0
#include "leak/search/data_pages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

#include <algorithm>

#include "base/system/raw_syscall.h"

namespace heapprof::leak {
namespace {

constexpr uintptr_t kPage = 4096;

// Bits of an entry (Documentation/admin-guide/mm/pagemap.rst).
constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;
constexpr uint64_t kOfFile = uint64_t{1} << 61;

bool SystemSwaps() {
  struct sysinfo info = {};
  return RawSyscall(SYS_sysinfo, reinterpret_cast<long>(&info)) != 0 || info.freeswap != info.totalswap;
}

}  // namespace

DataPages::~DataPages() {
  if (entries_ != nullptr) RawUnmap(entries_, kPagesAtOnce * sizeof(uint64_t));
  if (flags_ != nullptr) RawUnmap(flags_, kPagesAtOnce);
  if (page_map_ >= 0) RawClose(page_map_);
}

bool DataPages::Init() {
  entries_ = static_cast<uint64_t*>(RawMap(kPagesAtOnce * sizeof(uint64_t)));
  flags_ = static_cast<uint8_t*>(RawMap(kPagesAtOnce));
  page_map_ = RawOpen("/proc/thread-self/../../pagemap", O_RDONLY | O_CLOEXEC, 0);
  swapping_ = SystemSwaps();
  return entries_ != nullptr && flags_ != nullptr;
}

bool DataPages::AskPageMap(uintptr_t start, size_t count) {
  if (page_map_ < 0) return false;
  ssize_t got = RawPread(page_map_, entries_, count * sizeof(uint64_t), start / kPage * sizeof(uint64_t));
  if (got != static_cast<ssize_t>(count * sizeof(uint64_t))) return false;
  for (size_t i = 0; i < count; ++i) {
    flags_[i] = (entries_[i] & kPresentOrSwapped) != 0 && (entries_[i] & kOfFile) == 0;
  }
  return true;
}

bool DataPages::AskCore(uintptr_t start, size_t count) {
  return !swapping_ && RawSyscall(SYS_mincore, static_cast<long>(start), static_cast<long>(count * kPage),
                                  reinterpret_cast<long>(flags_)) == 0;
}

AddressRange DataPages::Next(uintptr_t start, uintptr_t end, bool shared) {
  for (uintptr_t at = start; at < end;) {
    uintptr_t page = at & ~(kPage - 1);
    if (known_ == 0 || shared != known_shared_ || page < known_start_ ||
        page >= known_start_ + known_ * kPage) {
      known_start_ = page;
      known_shared_ = shared;
      known_ = std::min<size_t>((end - page + kPage - 1) / kPage, kPagesAtOnce);
      if ((shared || !AskPageMap(page, known_)) && !AskCore(page, known_)) memset(flags_, 1, known_);
    }
    size_t first = (page - known_start_) / kPage;
    while (first < known_ && (flags_[first] & 1) == 0) ++first;
    size_t limit = first;
    while (limit < known_ && (flags_[limit] & 1) != 0) ++limit;
    at = std::max(at, known_start_ + first * kPage);
    if (first < limit && at < end) return {at, std::min(end, known_start_ + limit * kPage)};
  }
  return {end, end};
}

}  // namespace heapprof::leak
