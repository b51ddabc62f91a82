// SPDX-License-Identifier: Apache-2.0
#include "sampling/unwind/cfi/cfi.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>

#include "base/older_libc.h"
#include "sampling/unwind/cfi/cfi_program.h"
#include "sampling/unwind/cfi/cfi_reader.h"
#include "sampling/unwind/cfi/eh_frame_section.h"
#include "sampling/unwind/cfi/registered_frames.h"

namespace heapprof::unwind {
namespace {

// What a CIE says of its FDEs.
struct Cie {
  CfiFactors factors;
  bool has_augmentation_data = false;
  bool signal_frame = false;
  CfiReader instructions;
};

// A CIE or FDE record: its body, behind length and before the next record. False: the end, or nonsense.
bool OpenRecord(const UnwindTables& tables, uintptr_t at, CfiReader* body) {
  if (at < tables.lo || at >= tables.hi) return false;
  CfiReader reader(at, tables.hi);
  uint64_t length = reader.Fixed<uint32_t>();
  if (length == 0xffffffff) length = reader.Fixed<uint64_t>();
  if (reader.failed() || length == 0 || length > tables.hi - reader.at()) return false;
  *body = CfiReader(reader.at(), reader.at() + length);
  return true;
}

bool ParseCie(const UnwindTables& tables, uintptr_t at, Cie* cie) {
  CfiReader reader;
  if (!OpenRecord(tables, at, &reader)) return false;
  if (reader.Fixed<uint32_t>() != 0) return false;  // an FDE
  uint8_t version = reader.Fixed<uint8_t>();
  if (version != 1 && version != 3 && version != 4) return false;
  uintptr_t augmentation = reader.at();
  while (reader.Fixed<uint8_t>() != 0) {
  }
  if (version == 4) reader.Skip(2);  // address size, segment size
  cie->factors.code = reader.Uleb();
  cie->factors.data = reader.Sleb();
  cie->factors.return_register = version == 1 ? reader.Fixed<uint8_t>() : reader.Uleb();
  if (reader.failed()) return false;

  const char* letter = reinterpret_cast<const char*>(augmentation);
  cie->has_augmentation_data = *letter == 'z';
  CfiReader data = reader;
  if (cie->has_augmentation_data) {
    ++letter;
    uint64_t size = reader.Uleb();
    if (reader.failed() || size > reader.end() - reader.at()) return false;
    data = CfiReader(reader.at(), reader.at() + size);
    reader.Skip(size);
  }
  for (; *letter != '\0'; ++letter) {
    switch (*letter) {
      case 'R':
        cie->factors.pointer_encoding = data.Fixed<uint8_t>();
        break;
      case 'P': {
        uint8_t encoding = data.Fixed<uint8_t>();
        data.Pointer(encoding & static_cast<uint8_t>(~kEncodingIndirect), {});
        break;
      }
      case 'L':
        data.Fixed<uint8_t>();
        break;
      case 'S':
        cie->signal_frame = true;
        break;
      case 'B':
      case 'G':
        break;
      default:
        // Skipped by the augmentation's size; without one nothing behind it can be trusted.
        if (!cie->has_augmentation_data) return false;
    }
  }
  if (data.failed()) return false;
  cie->instructions = cie->has_augmentation_data ? reader : data;
  return !cie->instructions.failed();
}

struct Fde {
  Cie cie;
  uintptr_t start, size;
  CfiReader instructions;
};

// False: the record at `at` is none, or nonsense.
bool ParseFde(const UnwindTables& tables, uintptr_t at, Fde* fde) {
  CfiReader reader;
  if (!OpenRecord(tables, at, &reader)) return false;
  uintptr_t cie_field = reader.at();
  uint32_t cie_distance = reader.Fixed<uint32_t>();
  if (cie_distance == 0 || cie_distance > cie_field) return false;
  if (!ParseCie(tables, cie_field - cie_distance, &fde->cie)) return false;
  const uint8_t encoding = fde->cie.factors.pointer_encoding;
  fde->start = reader.Pointer(encoding, tables.bases);
  if ((encoding & kEncodingIndirect) != 0) {
    if (fde->start == 0 || fde->start < tables.lo) return false;
    fde->start = CfiReader(fde->start, tables.hi).Fixed<uint64_t>();
  }
  fde->size = reader.Pointer(encoding & 0x0f, {});
  if (fde->cie.has_augmentation_data) reader.Skip(reader.Uleb());
  fde->instructions = reader;
  return !reader.failed();
}

// The row at pc from the FDE at `at`; kNoCfi when the FDE does not cover pc.
CfiAnswer RowFromFde(const UnwindTables& tables, uintptr_t at, uintptr_t pc, CfiRow* row) {
  Fde fde;
  if (!ParseFde(tables, at, &fde) || pc < fde.start || pc - fde.start >= fde.size) return CfiAnswer::kNoCfi;
  fde.cie.factors.bases = tables.bases;
  CfiProgram program(fde.cie.factors);
  if (!program.RunCie(fde.cie.instructions) || !program.RunFde(fde.instructions, fde.start, pc)) {
    return CfiAnswer::kNonsense;
  }
  *row = program.row();
  row->signal_frame = fde.cie.signal_frame;
  return CfiAnswer::kRow;
}

// Without a search table: one record after the other.
CfiAnswer ScanEhFrame(const UnwindTables& tables, uintptr_t at, uintptr_t pc, CfiRow* row) {
  CfiReader body;
  while (OpenRecord(tables, at, &body)) {
    CfiAnswer answer = RowFromFde(tables, at, pc, row);
    if (answer != CfiAnswer::kNoCfi) return answer;
    at = body.end();
  }
  return CfiAnswer::kNoCfi;
}

}  // namespace

namespace {

std::atomic<bool> g_closed{false};
uintptr_t g_static_lo, g_static_hi, g_static_header;  // set once, before there is a second thread

// By the program's own headers.
bool FindStaticTables(uintptr_t pc, UnwindTables* tables) {
  if (g_static_header == 0 || pc < g_static_lo || pc >= g_static_hi) return false;
  tables->eh_frame_hdr = g_static_header;
  tables->code_lo = tables->lo = g_static_lo;
  tables->code_hi = tables->hi = g_static_hi;
  tables->eh_frame = 0;
  tables->bases = {};
  return true;
}

}  // namespace

void CloseTablesOfStaticProgram(uintptr_t lo, uintptr_t hi, uintptr_t eh_frame_hdr) {
  g_static_lo = lo;
  g_static_hi = hi;
  g_static_header = eh_frame_hdr;
  g_closed.store(true, std::memory_order_relaxed);
}

void OpenUnwindTables() { g_closed.store(false, std::memory_order_relaxed); }

// For a module without .eh_frame_hdr.
static bool UseSection(const dl_find_object& code, UnwindTables* tables) {
  EhFrameSection section;
  dl_find_object there;
  if (!FindEhFrameSection(*code.dlfo_link_map, tables->code_lo, &section)) return false;
  const bool in_program = section.lo >= g_static_lo && section.hi <= g_static_hi;
  if (!in_program && (_dl_find_object(reinterpret_cast<void*>(section.lo), &there) != 0 ||
                      there.dlfo_link_map != code.dlfo_link_map ||
                      section.hi > reinterpret_cast<uintptr_t>(there.dlfo_map_end))) {
    return false;
  }
  tables->lo = tables->eh_frame = tables->eh_frame_hdr = section.lo;
  tables->hi = section.hi;
  return true;
}

bool FindUnwindTables(uintptr_t pc, UnwindTables* tables) {
  dl_find_object code, header;
  if (g_closed.load(std::memory_order_relaxed)) return FindStaticTables(pc, tables);
  if (_dl_find_object(reinterpret_cast<void*>(pc), &code) != 0) return false;
  tables->eh_frame_hdr = reinterpret_cast<uintptr_t>(code.dlfo_eh_frame);
  tables->code_lo = tables->lo = reinterpret_cast<uintptr_t>(code.dlfo_map_start);
  tables->code_hi = tables->hi = reinterpret_cast<uintptr_t>(code.dlfo_map_end);
  tables->eh_frame = 0;
  tables->bases = {};
  if (code.dlfo_eh_frame == nullptr) return UseSection(code, tables);
  if (tables->eh_frame_hdr >= tables->lo && tables->eh_frame_hdr < tables->hi) return true;
  if (g_static_hi != 0) {
    tables->lo = g_static_lo;
    tables->hi = g_static_hi;
    return true;
  }
  // The loader knows each segment of a program with holes by itself.
  if (_dl_find_object(code.dlfo_eh_frame, &header) != 0) return false;
  tables->lo = reinterpret_cast<uintptr_t>(header.dlfo_map_start);
  tables->hi = reinterpret_cast<uintptr_t>(header.dlfo_map_end);
  return true;
}

CfiAnswer RowFromCfi(const UnwindTables& tables, uintptr_t pc, CfiRow* row) {
  if (tables.eh_frame != 0) return ScanEhFrame(tables, tables.eh_frame, pc, row);
  CfiReader header(tables.eh_frame_hdr, tables.hi);
  if (tables.eh_frame_hdr < tables.lo || header.Fixed<uint8_t>() != 1) return CfiAnswer::kNoCfi;
  uint8_t frame_encoding = header.Fixed<uint8_t>();
  uint8_t count_encoding = header.Fixed<uint8_t>();
  uint8_t table_encoding = header.Fixed<uint8_t>();
  PointerBases bases;
  bases.data = tables.eh_frame_hdr;
  uintptr_t eh_frame = header.Pointer(frame_encoding, bases);
  if (header.failed()) return CfiAnswer::kNoCfi;

  constexpr uint8_t kDatarelSdata4 = 0x3b;  // what every linker writes
  if (count_encoding == kEncodingOmit || table_encoding != kDatarelSdata4) {
    return ScanEhFrame(tables, eh_frame, pc, row);
  }
  uint64_t count = header.Pointer(count_encoding, bases);
  struct Entry {
    int32_t start, fde;
  };
  if (header.failed() || count == 0 || count > (header.end() - header.at()) / sizeof(Entry)) {
    return CfiAnswer::kNoCfi;
  }
  auto entry_at = [&](uint64_t index) {
    return CfiReader(header.at() + index * sizeof(Entry), header.end()).Fixed<uint64_t>();
  };
  auto start_of = [&](uint64_t entry) {
    return tables.eh_frame_hdr + static_cast<uintptr_t>(int64_t{static_cast<int32_t>(entry)});
  };
  // The last entry that starts at or before pc.
  uint64_t low = 0, high = count;
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (start_of(entry_at(middle)) <= pc) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return CfiAnswer::kNoCfi;
  uint64_t entry = entry_at(low - 1);
  uintptr_t fde = tables.eh_frame_hdr + static_cast<uintptr_t>(int64_t{static_cast<int32_t>(entry >> 32)});
  return RowFromFde(tables, fde, pc, row);
}

CodeRange CodeOfRecords(uintptr_t begin, const PointerBases& bases) {
  UnwindTables tables = {begin, UINTPTR_MAX, begin, 0, UINTPTR_MAX, begin, bases};
  CodeRange code = {UINTPTR_MAX, 0, begin};
  CfiReader body;
  Fde fde;
  while (OpenRecord(tables, code.end_of_records, &body)) {
    if (ParseFde(tables, code.end_of_records, &fde) && fde.size != 0) {
      code.lo = std::min(code.lo, fde.start);
      code.hi = std::max(code.hi, fde.start + fde.size);
    }
    code.end_of_records = body.end();
  }
  return code;
}

TablesFor::TablesFor(uintptr_t pc) : found_(false), held_(g_registered_frames.any()) {
  if (held_) {
    g_registered_frames.BeginReading();
    found_ = g_registered_frames.Find(pc, &tables_);
  }
  if (!found_) found_ = FindUnwindTables(pc, &tables_);
}

TablesFor::~TablesFor() {
  if (held_) g_registered_frames.EndReading();
}

}  // namespace heapprof::unwind
