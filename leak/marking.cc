#include "leak/marking.h"

#include <fcntl.h>

#include "base/raw_syscall.h"

namespace heapprof::leak {
namespace {

constexpr uintptr_t kPage = 4096;
constexpr uintptr_t kWord = sizeof(uintptr_t);

uintptr_t AlignDown(uintptr_t value, uintptr_t to) { return value & ~(to - 1); }
uintptr_t AlignUp(uintptr_t value, uintptr_t to) { return AlignDown(value + to - 1, to); }
uintptr_t Least(uintptr_t a, uintptr_t b) { return a < b ? a : b; }

}  // namespace

Marking::~Marking() {
  if (states_ != nullptr) RawUnmap(states_, index_->count() + 1);
  if (work_ != nullptr) RawUnmap(work_, (size_t{index_->count()} + 1) * sizeof(uint32_t));
  if (copy_ != nullptr) RawUnmap(copy_, kCopyBytes);
  if (pages_ != nullptr) RawUnmap(pages_, kPageEntries * sizeof(uint64_t));
  if (page_map_ >= 0) RawClose(page_map_);
}

bool Marking::Init() {
  states_ = static_cast<BlockState*>(RawMapTable(index_->count() + 1));
  work_ = static_cast<uint32_t*>(RawMapTable((size_t{index_->count()} + 1) * sizeof(uint32_t)));
  copy_ = static_cast<char*>(RawMap(kCopyBytes));
  pages_ = static_cast<uint64_t*>(RawMap(kPageEntries * sizeof(uint64_t)));
  page_map_ = RawOpen("/proc/thread-self/../../pagemap", O_RDONLY | O_CLOEXEC, 0);
  return states_ != nullptr && work_ != nullptr && copy_ != nullptr && pages_ != nullptr;
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
  if (end - start >= kPage) {
    // A program may have taken the rights from pages of a block, a guard below a stack of its own.
    const Mapping* mapping = map_->Find(start);
    if (mapping == nullptr || !mapping->readable || mapping->end < end) {
      ScanCarefully(start, end);
      return;
    }
    if (end - start >= kSparseBytes) {
      ScanPresent(start, end);
      return;
    }
  }
  ScanWords(reinterpret_cast<const uintptr_t*>(start), reinterpret_cast<const uintptr_t*>(end));
}

// The part of [start, end) whose pages were ever touched.
void Marking::ScanPresent(uintptr_t start, uintptr_t end) {
  constexpr uint64_t kPresentOrSwapped = uint64_t{3} << 62;
  for (uintptr_t at = start; at < end;) {
    uintptr_t first = at / kPage;
    size_t count = Least((end + kPage - 1) / kPage - first, kPageEntries);
    ssize_t got =
        page_map_ < 0 ? 0 : RawPread(page_map_, pages_, count * sizeof(uint64_t), first * sizeof(uint64_t));
    if (got <= 0) {
      ScanCarefully(at, end);
      return;
    }
    count = static_cast<size_t>(got) / sizeof(uint64_t);
    for (size_t i = 0; i < count;) {
      if ((pages_[i] & kPresentOrSwapped) == 0) {
        ++i;
        continue;
      }
      size_t next = i + 1;
      while (next < count && (pages_[next] & kPresentOrSwapped) != 0) ++next;
      uintptr_t from = (first + i) * kPage, to = Least((first + next) * kPage, end);
      ScanCarefully(from > at ? from : at, to);
      i = next;
    }
    at = (first + count) * kPage;
  }
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
  if (start >= end) return;
  if (end - start >= kSparseBytes) {
    ScanPresent(start, end);
  } else {
    ScanCarefully(start, end);
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
