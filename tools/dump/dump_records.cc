// SPDX-License-Identifier: Apache-2.0
#include "tools/dump/dump_records.h"

#include <elf.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "tools/base/elf_notes.h"
#include "tools/base/failure.h"
#include "tools/process/process_memory.h"

namespace heapprof::tools {
namespace {

constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxNotes = 64 << 10;  // bytes of a segment
constexpr uint64_t kPage = 4096;

// The address of the record that the notes at `address` name.
std::optional<uint64_t> FindInNotes(pid_t pid, uint64_t address, uint64_t size) {
  std::string notes(std::min<uint64_t>(size, kMaxNotes), '\0');
  if (ReadMemory(pid, address, notes.data(), notes.size()) != notes.size()) return {};
  ElfNotes reader(notes);
  while (const auto note = reader.Next()) {
    static constexpr char kOwner[] = HEAPPROF_DUMP_RECORD_OWNER;
    uint64_t distance;
    if (note->type == kDumpRecordNote && note->contents.size() == sizeof distance &&
        note->owner == std::string_view(kOwner, sizeof kOwner)) {
      std::memcpy(&distance, note->contents.data(), sizeof distance);
      return address + static_cast<uint64_t>(note->contents.data() - notes.data()) + distance;
    }
  }
  return {};
}

// Likewise of the ELF file that is mapped at `start`, if it is one.
std::optional<uint64_t> FindInModule(pid_t pid, uint64_t start, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMaxHeaders) return {};
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  const size_t size = segments.size() * sizeof(Elf64_Phdr);
  if (size == 0 || ReadMemory(pid, start + header.e_phoff, segments.data(), size) != size) return {};
  const auto first = std::find_if(segments.begin(), segments.end(),
                                  [](const Elf64_Phdr& segment) { return segment.p_type == PT_LOAD; });
  if (first == segments.end()) return {};
  const uint64_t bias = start - (first->p_vaddr & ~(kPage - 1));
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_NOTE) continue;
    if (const auto record = FindInNotes(pid, bias + segment.p_vaddr, segment.p_memsz)) return record;
  }
  return {};
}

}  // namespace

uint64_t ReadDumpFailure(const Process& process, uint64_t record) {
  uint64_t failure = 0;
  ReadMemory(process.living_thread(), record + offsetof(DumpRecord, failure), &failure, sizeof failure);
  return failure;
}

void CheckReadable(const Process& process, const DumpRecords& records, const char* otherwise) {
  if (records.readable || records.error == 0) return;
  std::string what_to_do = "ask as root";
  // Yama lets a process' parents alone read it, where it says other than 0.
  std::string scope;
  if (std::getline(std::ifstream("/proc/sys/kernel/yama/ptrace_scope"), scope) && scope != "0") {
    what_to_do += ", or set kernel.yama.ptrace_scope, which is " + scope + ", to 0";
  }
  throw Failure("process " + std::to_string(process.pid()) +
                " cannot be asked, as its memory cannot be read: " + ErrorText(records.error) +
                "; nothing is sent: " + what_to_do + otherwise);
}

DumpRecords ReadDumpRecords(const Process& process) {
  DumpRecords records;
  const pid_t pid = process.living_thread();
  for (const uint64_t start : process.MappedFiles()) {
    Elf64_Ehdr header;
    if (ReadMemory(pid, start, &header, sizeof header) != sizeof header) {
      records.error = errno;
      continue;
    }
    records.readable = true;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) continue;
    const auto address = FindInModule(pid, start, header);
    if (!address) continue;
    // Of an older library, whose record has no more.
    constexpr size_t kMinSize = offsetof(DumpRecord, failure);
    DumpRecord record = {};
    if (ReadMemory(pid, *address, &record, kMinSize) != kMinSize || record.size < kMinSize) continue;
    const size_t size = std::min<size_t>(record.size, sizeof record);
    ReadMemory(pid, *address + kMinSize, reinterpret_cast<char*>(&record) + kMinSize, size - kMinSize);
    if (record.signal < 0) {
      records.starting = true;
    } else {
      records.started.push_back({*address, record});
    }
  }
  return records;
}

}  // namespace heapprof::tools
