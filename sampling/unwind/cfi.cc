#include "sampling/unwind/cfi.h"

#include <dlfcn.h>

#include <atomic>

#include "sampling/unwind/cfi_program.h"
#include "sampling/unwind/cfi_reader.h"
#include "sampling/unwind/module_snapshot.h"
#include "sampling/unwind/rule_of_row.h"

namespace heapprof::unwind {
namespace {

// What a CIE says of its FDEs.
struct Cie {
  CfiFactors factors;
  uint8_t pointer_encoding = 0;
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
  if (*letter == 'z') {
    cie->has_augmentation_data = true;
    uint64_t size = reader.Uleb();
    if (reader.failed() || size > reader.end() - reader.at()) return false;
    CfiReader data(reader.at(), reader.at() + size);
    reader.Skip(size);
    for (++letter; *letter != '\0'; ++letter) {
      switch (*letter) {
        case 'R':
          cie->pointer_encoding = data.Fixed<uint8_t>();
          break;
        case 'P': {
          uint8_t encoding = data.Fixed<uint8_t>();
          data.Pointer(encoding, 0);
          break;
        }
        case 'L':
          data.Fixed<uint8_t>();
          break;
        case 'S':
          cie->signal_frame = true;
          break;
        default:  // B, G: aarch64's; anything else is skipped by the augmentation's size
          break;
      }
    }
    if (data.failed()) return false;
  } else if (*letter != '\0') {
    return false;  // an augmentation without a size: nothing behind it can be trusted
  }
  cie->instructions = reader;
  return !reader.failed();
}

// The row at pc from the FDE at `at`; kNoCfi when the FDE does not cover pc.
CfiAnswer RowFromFde(const UnwindTables& tables, uintptr_t at, uintptr_t pc, CfiRow* row) {
  CfiReader reader;
  if (!OpenRecord(tables, at, &reader)) return CfiAnswer::kNoCfi;
  uintptr_t cie_field = reader.at();
  uint32_t cie_distance = reader.Fixed<uint32_t>();
  if (cie_distance == 0 || cie_distance > cie_field) return CfiAnswer::kNoCfi;
  Cie cie;
  if (!ParseCie(tables, cie_field - cie_distance, &cie)) return CfiAnswer::kNoCfi;

  uintptr_t start = reader.Pointer(cie.pointer_encoding, tables.eh_frame_hdr);
  uintptr_t size = reader.Pointer(cie.pointer_encoding & 0x0f, 0);
  if (cie.has_augmentation_data) reader.Skip(reader.Uleb());
  if (reader.failed() || pc < start || pc - start >= size) return CfiAnswer::kNoCfi;
  if (cie.signal_frame) return CfiAnswer::kSignal;

  CfiProgram program(cie.factors);
  if (!program.RunCie(cie.instructions) || !program.RunFde(reader, start, pc)) return CfiAnswer::kNonsense;
  *row = program.row();
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
uintptr_t g_static_lo, g_static_hi;  // set once, before there is a second thread

}  // namespace

void CloseTablesOfStaticProgram(uintptr_t lo, uintptr_t hi) {
  g_static_lo = lo;
  g_static_hi = hi;
  g_closed.store(true, std::memory_order_relaxed);
}

void OpenUnwindTables() { g_closed.store(false, std::memory_order_relaxed); }

#if __GLIBC_PREREQ(2, 35)
bool FindUnwindTables(uintptr_t pc, UnwindTables* tables) {
  dl_find_object code, header;
  if (g_closed.load(std::memory_order_relaxed)) return false;
  if (_dl_find_object(reinterpret_cast<void*>(pc), &code) != 0 || code.dlfo_eh_frame == nullptr) return false;
  tables->eh_frame_hdr = reinterpret_cast<uintptr_t>(code.dlfo_eh_frame);
  tables->code_lo = tables->lo = reinterpret_cast<uintptr_t>(code.dlfo_map_start);
  tables->code_hi = tables->hi = reinterpret_cast<uintptr_t>(code.dlfo_map_end);
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

void TakeModuleSnapshot() {}
#else
static ModuleSnapshot g_snapshot;

bool FindUnwindTables(uintptr_t pc, UnwindTables* tables) { return g_snapshot.Find(pc, tables); }

void TakeModuleSnapshot() { g_snapshot.Take(); }
#endif

CfiAnswer RowFromCfi(const UnwindTables& tables, uintptr_t pc, CfiRow* row) {
  CfiReader header(tables.eh_frame_hdr, tables.hi);
  if (tables.eh_frame_hdr < tables.lo || header.Fixed<uint8_t>() != 1) return CfiAnswer::kNoCfi;
  uint8_t frame_encoding = header.Fixed<uint8_t>();
  uint8_t count_encoding = header.Fixed<uint8_t>();
  uint8_t table_encoding = header.Fixed<uint8_t>();
  uintptr_t eh_frame = header.Pointer(frame_encoding, tables.eh_frame_hdr);
  if (header.failed()) return CfiAnswer::kNoCfi;

  constexpr uint8_t kDatarelSdata4 = 0x3b;  // what every linker writes
  if (count_encoding == kEncodingOmit || table_encoding != kDatarelSdata4) {
    return ScanEhFrame(tables, eh_frame, pc, row);
  }
  uint64_t count = header.Pointer(count_encoding, tables.eh_frame_hdr);
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

Rule RuleFromCfi(const UnwindTables& tables, uintptr_t pc) {
  CfiRow row;
  switch (RowFromCfi(tables, pc, &row)) {
    case CfiAnswer::kRow:
      return RuleOfRow(row);
    case CfiAnswer::kNoCfi:
      return Rule::Of(Rule::kNoCfi);
    case CfiAnswer::kSignal:
      return Rule::Of(Rule::kSignal);
    case CfiAnswer::kNonsense:
      break;
  }
  return Rule::Of(Rule::kNoRule);
}

}  // namespace heapprof::unwind
