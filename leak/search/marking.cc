// SPDX-License-Identifier: Apache-2.0
#include "leak/search/marking.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

namespace heapprof::leak {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kWord = sizeof(uintptr_t);

uintptr_t AlignDown(uintptr_t value, uintptr_t to) { return value & ~(to - 1); }
uintptr_t AlignUp(uintptr_t value, uintptr_t to) { return AlignDown(value + to - 1, to); }
uintptr_t Least(uintptr_t a, uintptr_t b) { return a < b ? a : b; }
uintptr_t Most(uintptr_t a, uintptr_t b) { return a > b ? a : b; }

// Whether the process has a userfaultfd(2), whose page faults a thread may answer that is stopped.
bool HasUserfault() {
  constexpr char kLink[] = "anon_inode:[userfaultfd]";
  constexpr size_t kLength = sizeof(kLink) - 1;
  int folder = RawOpen("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder < 0) return true;
  alignas(dirent64) char entries[4096];
  bool found = false;
  long got;
  while (!found &&
         (got = RawSyscall(SYS_getdents64, folder, reinterpret_cast<long>(entries), sizeof(entries))) > 0) {
    for (long at = 0; at < got && !found;) {
      auto* entry = reinterpret_cast<dirent64*>(entries + at);
      at += entry->d_reclen;
      char link[kLength + 1];
      long size = RawSyscall(SYS_readlinkat, folder, reinterpret_cast<long>(entry->d_name),
                             reinterpret_cast<long>(link), sizeof(link));
      found = size == static_cast<long>(kLength) && memcmp(link, kLink, kLength) == 0;
    }
  }
  RawClose(folder);
  return found;
}

}  // namespace

Marking::~Marking() {
  if (states_ != nullptr) RawUnmap(states_, index_->count() + 1);
  if (work_ != nullptr) RawUnmap(work_, (size_t{index_->count()} + 1) * sizeof(uint32_t));
  if (copy_ != nullptr) RawUnmap(copy_, kCopyBytes);
  if (memory_ >= 0) RawClose(memory_);
}

bool Marking::Init() {
  states_ = static_cast<BlockState*>(RawMapTable(index_->count() + 1));
  work_ = static_cast<uint32_t*>(RawMapTable((size_t{index_->count()} + 1) * sizeof(uint32_t)));
  copy_ = static_cast<char*>(RawMap(kCopyBytes));
  memory_ = RawOpen("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC, 0);
  faults_wait_ = HasUserfault();
  return pages_.Init() && states_ != nullptr && work_ != nullptr && copy_ != nullptr;
}

void Marking::Take(uint32_t block) {
  BlockState state = states_[block];
  if (state == BlockState::kUnseen) {
    states_[block] = as_;
    work_[work_size_++] = block;
  } else if (state == BlockState::kDirect && block != leader_ && as_ == BlockState::kIndirect) {
    // It led a search of its own before, and now turns out to hang from this one.
    states_[block] = BlockState::kIndirect;
  }
}

void Marking::ScanWords(const uintptr_t* word, const uintptr_t* end) {
  for (; word < end; ++word) {
    if (index_->InRange(*word)) Enqueue(*word);
  }
}

void Marking::Settle() {
  for (uintptr_t& word : words_) {
    uintptr_t due = word;
    word = 0;
    if (due != 0) LookUp(due);
  }
  for (Candidate& candidate : candidates_) {
    Candidate due = candidate;
    candidate.word = 0;
    if (due.word != 0 && index_->Contains(due.block, due.word)) Take(due.block);
  }
}

void Marking::Flood() {
  // The queue of blocks lies before the work list: its end is what was put there last, and is not near yet.
  constexpr uint32_t kBlocksAhead = 8;
  uint32_t ahead[kBlocksAhead];
  uint32_t held = 0, oldest = 0;
  for (;;) {
    while (held < kBlocksAhead && work_size_ > 0) {
      uint32_t block = work_[--work_size_];
      index_->Prefetch(block);
      ahead[(oldest + held++) % kBlocksAhead] = block;
    }
    if (held > 0) {
      --held;
      ScanBlock(ahead[oldest++ % kBlocksAhead]);
      continue;
    }
    Settle();
    if (work_size_ == 0) break;
  }
}

void Marking::ScanBlock(uint32_t block) {
  uintptr_t start = index_->start(block);
  uintptr_t end = AlignDown(start + index_->size(block), kWord);
  if (start >= end) return;
  // A program may have taken the rights from pages of a block: a guard below a stack of its own, a secret.
  if (end - start >= kSparseBytes || faults_wait_ || !index_->IsReadable(block)) {
    AddRange(start, end);
    return;
  }
  ScanWords(reinterpret_cast<const uintptr_t*>(start), reinterpret_cast<const uintptr_t*>(end));
}

void Marking::ScanMapped(const Mapping& mapping, uintptr_t start, uintptr_t end) {
  // Large ranges without rights are address space that was reserved.
  constexpr uintptr_t kMaxUnreadable = 64 << 20;
  if (!mapping.readable && (mapping.end - mapping.start > kMaxUnreadable || !pages_.exact())) return;
  while (start < end) {
    AddressRange run = pages_.Next(start, end, mapping.shared);
    if (mapping.readable) {
      ScanCarefully(run.start, run.end);
    } else if (!ReadUnreadable(run.start, run.end)) {
      return;
    }
    start = run.end;
  }
}

bool Marking::ReadUnreadable(uintptr_t start, uintptr_t end) {
  while (start < end) {
    ssize_t got = memory_ < 0 ? -1 : RawPread(memory_, copy_, Least(end - start, kCopyBytes), start);
    if (got <= 0) return false;
    auto* words = reinterpret_cast<const uintptr_t*>(copy_);
    ScanWords(words, words + static_cast<size_t>(got) / kWord);
    start += AlignUp(static_cast<size_t>(got), kWord);
  }
  return true;
}

void Marking::ScanCarefully(uintptr_t start, uintptr_t end) {
  for (uintptr_t at = start; at < end;) {
    size_t size = Least(end - at, kCopyBytes - at % kPage);
    ssize_t got = copy_refused_ ? -1 : RawReadOwnMemory(reinterpret_cast<const void*>(at), copy_, size);
    if (got > 0) {
      auto* words = reinterpret_cast<const uintptr_t*>(copy_);
      ScanWords(words, words + static_cast<size_t>(got) / kWord);
      at += AlignUp(static_cast<size_t>(got), kWord);
      continue;
    }
    uintptr_t next = Least(AlignDown(at, kPage) + kPage, end);
    constexpr ssize_t kBadAddress = -14;
    if (got != kBadAddress) {
      copy_refused_ = true;  // a sandbox forbids the call: ask for each page
      if (RawReadable(reinterpret_cast<const void*>(at))) {
        ScanWords(reinterpret_cast<const uintptr_t*>(at), reinterpret_cast<const uintptr_t*>(next));
      }
    }
    at = next;
  }
}

void Marking::AddRange(uintptr_t start, uintptr_t end) {
  start = AlignUp(start, kWord);
  end = AlignDown(end, kWord);
  for (const Mapping* mapping = map_->FindFrom(start); mapping != nullptr && mapping->start < end;
       mapping = map_->FindFrom(mapping->end)) {
    ScanMapped(*mapping, Most(start, mapping->start), Least(end, mapping->end));
  }
}

void Marking::SortLeaks() {
  as_ = BlockState::kIndirect;
  for (uint32_t block = 0; block < index_->count(); ++block) {
    if (states_[block] != BlockState::kUnseen) continue;
    states_[block] = BlockState::kDirect;
    leader_ = block;
    work_[work_size_++] = block;
    Flood();
  }
  leader_ = BlockIndex::kNone;
}

}  // namespace heapprof::leak
