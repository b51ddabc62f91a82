// SPDX-License-Identifier: Apache-2.0
#include "sampling/memory/memory_state.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>

#include <algorithm>
#include <initializer_list>

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof {
namespace {

constexpr char kCode[] = "[code]", kData[] = "[data]", kCache[] = "[page cache]", kReserved[] = "[no access]",
               kRunTimeCode[] = "[code made at run time]", kBreak[] = "[brk]", kLibrary[] = "[library]",
               kTables[] = "[tables]", kHuge[] = "[hugetlb]", kUnnamed[] = "[without a name]",
               kUnseen[] = "[before heapprof, or unseen]";

constexpr uintptr_t kPageMask = 4095;

uintptr_t g_image_start = 0, g_image_end = 0;

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

// Pages of devices and of hugetlb are in no RSS.
bool IsDevice(const char* name) {
  return StartsWith(name, "/dev/") && !StartsWith(name, "/dev/zero") && !StartsWith(name, "/dev/shm/");
}
bool IsHugePages(const char* name) { return StartsWith(name, "/anon_hugepage"); }
bool IsSharedMemory(const Area& area) {
  for (const char* start : {"/memfd:", "/SYSV", "/dev/shm/"}) {
    if (StartsWith(area.name, start)) return true;
  }
  return area.shared && StartsWith(area.name, "/dev/zero");
}

// Where the image ends whose headers are mapped at `start`, with the variables that begin as zeros. 0: it is
// none; UINTPTR_MAX: it cannot be read.
uintptr_t EndOfImage(uintptr_t start) {
  ElfW(Ehdr) header;
  const auto* at = reinterpret_cast<const char*>(start);
  if (RawReadOwnMemory(at, &header, sizeof(header)) != static_cast<ssize_t>(sizeof(header)))
    return UINTPTR_MAX;
  if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr))) return 0;
  uintptr_t first = UINTPTR_MAX, limit = 0;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment;
    const char* from = at + header.e_phoff + i * sizeof(segment);
    if (RawReadOwnMemory(from, &segment, sizeof(segment)) != static_cast<ssize_t>(sizeof(segment))) return 0;
    if (segment.p_type != PT_LOAD) continue;
    first = std::min<uintptr_t>(first, segment.p_vaddr & ~kPageMask);
    limit = std::max<uintptr_t>(limit, segment.p_vaddr + segment.p_memsz);
  }
  return limit == 0 ? 0 : start + ((limit - first + kPageMask) & ~kPageMask);
}

}  // namespace

void SetOwnImage(uintptr_t start, uintptr_t end) {
  g_image_start = start;
  g_image_end = end;
}

// From the start of an extent to that of the next one. What is in no extent holds the allocator's own
// records.
void MemoryState::WalkHeap(uintptr_t start, uintptr_t end) {
  constexpr uintptr_t kPage = 4096;
  const HeapView* view = GetHeapView();
  uintptr_t own = start;
  HeapExtent extent;
  for (uintptr_t at = start; at < end;) {
    if (view == nullptr || !view->extent_at(at, &extent)) {
      at += kPage;
      continue;
    }
    allocator_.mapped += at - own;
    allocator_.resident += pages_.Take(at).all();
    extent.end = std::min(extent.end, end);
    heap_.Add(extent, &pages_);
    at = own = extent.end;
  }
  allocator_.mapped += end - own;
  allocator_.resident += pages_.Take(end).all();
}

void MemoryState::Piece(uintptr_t start, uintptr_t end, const OwnedRange* owned, const Area& area) {
  if (start >= end) return;
  // The kernel may have joined the library's image, or the end of another, to its neighbours.
  for (const uintptr_t edge : {g_image_start, g_image_end, data_end_}) {
    if (owned != nullptr || start >= edge || edge >= end) continue;
    Piece(start, edge, owned, area);
    return Piece(edge, end, owned, area);
  }
  using Owner = OwnedRange::Owner;
  if (owned != nullptr && owned->owner == Owner::kAllocator) return WalkHeap(start, end);
  const auto name = [&](const char* text) { return rows_.Name(text); };
  const bool is_image = start >= g_image_start && end <= g_image_end;
  if (owned == nullptr && !is_image && start >= data_end_) {
    const char* shown = area.name;
    if (strcmp(shown, "[heap]") == 0) shown = kBreak;
    if (shown[0] == '\0' && !area.readable && !area.writable && !area.executable) shown = kReserved;
    if (area.executable) shown = kRunTimeCode;
    return AddByStack(name(cause::kMapped), name(shown), end);
  }
  const ResidentBytes resident = pages_.Take(end);
  const uint64_t mapped = end - start;
  if (owned != nullptr) {
    switch (owned->owner) {
      case Owner::kProfiler:
        return rows_.Add(name(cause::kOwn), name(kTables), 0, mapped, {});
      case Owner::kStack:
        return rows_.Add(name(cause::kStacks), owned->name, 0, mapped, resident);
      default:
        return rows_.Add(name(cause::kThreadLocal), 0, 0, mapped, resident);
    }
  }
  if (is_image) return rows_.Add(name(cause::kOwn), name(kLibrary), 0, mapped, resident);
  rows_.Add(name(cause::kFiles), data_of_, name(kData), mapped, resident);
}

void MemoryState::AddByStack(uint32_t first, uint32_t second, uintptr_t end) {
  for (uintptr_t at = pages_.at(); at < end; at = pages_.at()) {
    while (next_range_ < range_count_ && ranges_[next_range_].end <= at) ++next_range_;
    uintptr_t stop = end;
    uint32_t stack = 0;
    if (next_range_ < range_count_) {
      const MappedRange& range = ranges_[next_range_];
      stop = std::min(end, range.start > at ? range.start : range.end);
      // Of one that was being written when a handler interrupted it anything may be read.
      if (range.start <= at && range.stack <= stacks_known_) stack = range.stack;
    }
    const ResidentBytes resident = pages_.Take(stop);
    uint32_t last = 0;
    if (stack == 0 && mapped_by_ == MappedBy::kKnown) last = rows_.Name(kUnseen);
    if (stack == 0 && last == 0 && second == 0) last = rows_.Name(kUnnamed);
    rows_.Add(first, second != 0 ? second : last, second != 0 ? last : 0, stop - at, resident, stack);
  }
}

bool MemoryState::ReadRanges() {
  MappingStacks& mappings = ProcessMappings();
  if (!mappings.IsOn()) return true;
  constexpr size_t kMore = 1024;  // that come meanwhile
  range_room_ = mappings.range_count() + kMore;
  ranges_ = static_cast<MappedRange*>(RawMap(range_room_ * sizeof(MappedRange)));
  if (ranges_ == nullptr) return false;
  const ptrdiff_t count = mappings.Read(ranges_, range_room_);
  mapped_by_ = count >= 0 ? MappedBy::kKnown : MappedBy::kBusy;
  if (count > 0) range_count_ = static_cast<size_t>(count);
  stacks_known_ = mappings.stacks().count();
  return true;
}

MemoryState::~MemoryState() {
  if (ranges_ != nullptr) RawUnmap(ranges_, range_room_ * sizeof(MappedRange));
}

void MemoryState::VisitAnonymous(const Area& area) {
  uintptr_t at = area.start;
  if (area.start != data_end_) data_end_ = 0;
  if (data_end_ == area.start && data_of_ != 0 && area.name[0] == '\0' && area.writable) {
    data_end_ = image_of_ == data_of_ ? std::min(EndOfImage(image_start_), area.end) : 0;
  } else {
    data_end_ = 0;
  }
  while (next_owned_ != owners_.end() && next_owned_->end <= at) ++next_owned_;
  for (const OwnedRange* owned = next_owned_; owned != owners_.end() && owned->start < area.end; ++owned) {
    Piece(at, std::max(at, std::min(owned->start, area.end)), nullptr, area);
    at = std::max(at, owned->start);
    const uintptr_t end = std::max(at, std::min(owned->end, area.end));
    Piece(at, end, owned, area);
    at = end;
  }
  Piece(at, area.end, nullptr, area);
  data_end_ = 0;
}

void MemoryState::VisitFile(const Area& area) {
  const uint64_t mapped = area.end - area.start;
  const uint32_t file = rows_.Name(area.name);
  if (area.offset == 0) {
    image_of_ = file;
    image_start_ = area.start;
  }
  if (IsDevice(area.name) || IsHugePages(area.name)) {
    const char* which = IsHugePages(area.name) ? kHuge : "";
    return rows_.Add(rows_.Name(cause::kFiles), file, rows_.Name(which), mapped, {});
  }
  if (IsSharedMemory(area)) return AddByStack(rows_.Name(cause::kShared), file, area.end);
  const ResidentBytes resident = pages_.Take(area.end);
  ResidentBytes own, cache;
  own.own = resident.own;
  cache.file = resident.file;
  // Where pages of files are doubtful none are told as private.
  (resident.own != 0 ? own : cache).doubtful = resident.doubtful;
  if (area.start >= g_image_start && area.end <= g_image_end) {
    return rows_.Add(rows_.Name(cause::kOwn), rows_.Name(kLibrary), 0, mapped, resident);
  }
  const uint32_t files = rows_.Name(cause::kFiles);
  const bool data = area.writable && !area.shared;
  rows_.Add(files, file, rows_.Name(kData), data ? mapped : 0, own);
  rows_.Add(files, file, rows_.Name(area.executable ? kCode : kCache), data ? 0 : mapped, cache);
  if (data) {
    data_of_ = file;
    data_end_ = area.end;
  }
}

void MemoryState::Visit(const Area& area) {
  const bool of_file = area.name[0] == '/';
  pages_.Begin(area.start, area.end, of_file);
  if (of_file) return VisitFile(area);
  if (strcmp(area.name, "[stack]") == 0) {
    return rows_.Add(rows_.Name(cause::kStacks), owners_.first_thread(), 0, area.end - area.start,
                     pages_.Take(area.end));
  }
  // What the kernel gives every process: no RSS, but for the vDSO.
  if (strcmp(area.name, "[vsyscall]") == 0) return;
  if (StartsWith(area.name, "[v")) {
    const ResidentBytes resident = strcmp(area.name, "[vdso]") == 0 ? pages_.Take(area.end) : ResidentBytes{};
    return rows_.Add(rows_.Name(cause::kFiles), rows_.Name(area.name), 0, area.end - area.start, resident);
  }
  if (area.shared) return AddByStack(rows_.Name(cause::kShared), 0, area.end);
  VisitAnonymous(area);
}

void MemoryState::AddOwnTables() {
  ResidentBytes resident;
  for (const OwnedRange& owned : owners_) {
    if (owned.owner != OwnedRange::Owner::kProfiler) continue;
    pages_.Begin(owned.start, owned.end, false);
    resident += pages_.Take(owned.end);
  }
  rows_.Add(rows_.Name(cause::kOwn), rows_.Name(kTables), 0, 0, resident);
}

void MemoryState::AddHeapRows() {
  heap_.TakeCached(cached_);
  const auto add = [&](const char* second, const char* third, const MemoryBytes& bytes) {
    if (bytes.mapped != 0) rows_.Add(cause::kHeap, second, third, bytes.mapped, bytes.resident);
  };
  for (uint32_t i = 0; i < kMaxSizeClasses; ++i) {
    const MemoryBytes& free = heap_.free_in(i);
    if (free.mapped == 0) continue;
    Text<32> name;
    name.Str("[").UDec(GetHeapView()->class_size(i)).Str("-byte blocks]");
    add(cause::kSlabs, name.data(), free);
  }
  add(cause::kCaches, "", heap_.cached());
  add(cause::kDirty, "[dirty]", heap_.dirty());
  add(cause::kDirty, "[muzzy]", heap_.muzzy());
  add(cause::kDirty, "[retained]", heap_.retained());
  add(cause::kAllocator, "", allocator_);
  add(cause::kAllocator, "[changing]", heap_.unknown());
}

// What is more than the kernel counts are pages of zeros, or of files that are in the page cache only.
void MemoryState::Correct() {
  if (pages_.source() == ResidentPages::Source::kCore) {
    const uint32_t shared = rows_.Name(cause::kShared);
    const uint64_t told = rows_.ResidentUnder(shared);
    rows_.TakeDoubtful(told > process_.shared ? told - process_.shared : 0, shared);
  }
  const uint64_t counted = rows_.Resident() + heap_.live().resident;
  if (counted > process_.resident) rows_.TakeDoubtful(counted - process_.resident);
}

int MemoryState::Collect(ResidentPages::Source best, bool (*read)(ProcessMemory*)) {
  if (!rows_.Init() || !pages_.Open(best) || !heap_.Init(HeapBuckets().count()) ||
      !owners_.Collect(&rows_, &cached_) || !ReadRanges()) {
    return -ENOMEM;
  }
  next_owned_ = owners_.begin();
  const int error = ForEachArea(
      text_, [](void* self, const Area& area) { static_cast<MemoryState*>(self)->Visit(area); }, this);
  if (error != 0) return error;
  AddHeapRows();
  AddOwnTables();
  if (read(&process_)) {
    Correct();
  } else {
    process_ = {};
  }
  return 0;
}

}  // namespace heapprof
