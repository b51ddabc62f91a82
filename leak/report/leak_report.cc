// SPDX-License-Identifier: Apache-2.0
#include "leak/report/leak_report.h"

#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/heap_source.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof::leak {
namespace {

// Writes the frames of one stack with consecutive numbers.
class FrameWriter {
 public:
  FrameWriter(const FrameNames& names, TextStream* out) : names_(names), out_(out) {}

  void Write(uint64_t return_address) {
    address_ = return_address;
    names_.Lines(return_address, OnLine, this);
  }

 private:
  static void OnLine(void* self, const FrameLine& line) { static_cast<FrameWriter*>(self)->WriteLine(line); }

  void WriteLine(const FrameLine& line) {
    out_->Str("    #").UDec(number_++).Str(" ").Hex(address_ - 1);
    if (line.function[0] != '\0') out_->Str(" in ").Str(line.function);
    if (line.file[0] != '\0') {
      out_->Str(" ").Str(line.file);
      if (line.line != 0) out_->Str(":").UDec(line.line);
    } else if (const Module* module = names_.ModuleOf(address_)) {
      uintptr_t base = module->image_base != 0 ? module->image_base : module->start - module->file_offset;
      out_->Str(" (").Str(module->path).Str("+").Hex(address_ - 1 - base).Str(")");
      if (module->build_id[0] != '\0') out_->Str(" (BuildId: ").Str(module->build_id).Str(")");
    }
    out_->Str("\n");
  }

  const FrameNames& names_;
  TextStream* out_;
  uint64_t address_ = 0;
  uint64_t number_ = 0;
};

void WriteFinding(const Finding& finding, const FrameNames& names, TextStream* out) {
  switch (finding.kind) {
    case FindingKind::kDirect:
      out->Str("Direct leak of ");
      break;
    case FindingKind::kIndirect:
      out->Str("Indirect leak of ");
      break;
    case FindingKind::kLive:
      out->Str("Still allocated: ");
      break;
  }
  out->UDec(finding.bytes).Str(" byte(s) in ").UDec(finding.blocks).Str(" object(s) allocated from:\n");
  if (finding.stack == kOverflowStack) {
    out->Str("    #0 ").Str(kOverflowFrame).Str("\n");
  } else {
    StackView stack = HeapStacks().At(finding.stack);
    FrameWriter frames(names, out);
    for (uint32_t i = 0; i < stack.depth; ++i) frames.Write(HeapStacks().ReturnAddress(stack.locations[i]));
    if (stack.truncated) out->Str("    ").Str(TruncatedFrame(stack.truncated)).Str("\n");
  }
  out->Str("\n");
}

// A number in a column of `width`.
void WriteColumn(uint64_t value, size_t width, TextStream* out) {
  Text<32> digits;
  digits.UDec(value);
  for (size_t i = digits.size(); i < width; ++i) out->Str(" ");
  out->Str(digits.data());
}

}  // namespace

void WriteFindings(const Findings& findings, const FrameNames& names, TextStream* out) {
  for (const Finding& finding : findings) WriteFinding(finding, names, out);
}

void WriteReport(const Findings& findings, const FrameNames& names, TextStream* out) {
  if (findings.count() == 0) return;
  uint64_t leaked = 0, leaked_bytes = 0;
  for (const Finding& finding : findings) {
    if (finding.kind == FindingKind::kLive) continue;
    leaked += finding.blocks;
    leaked_bytes += finding.bytes;
  }
  bool leaks = leaked > 0;
  out->Str("\n=================================================================\n==");
  out->UDec(static_cast<uint64_t>(RawGetPid())).Str("==ERROR: LeakSanitizer: detected ");
  out->Str(leaks ? "memory leaks\n\n" : "memory that is still allocated\n\n");
  WriteFindings(findings, names, out);
  out->Str("SUMMARY: LeakSanitizer: ").UDec(leaked_bytes).Str(" byte(s) leaked in ").UDec(leaked);
  out->Str(" allocation(s).\n");
  if (leaked != findings.blocks()) {
    out->Str("SUMMARY: heapprof: ").UDec(findings.bytes() - leaked_bytes).Str(" byte(s) still allocated in ");
    out->UDec(findings.blocks() - leaked).Str(" allocation(s).\n");
  }
}

void WriteUsedSuppressions(Suppressions* suppressions, TextStream* out) {
  constexpr char kRule[] = "-----------------------------------------------------\n";
  constexpr size_t kCountWidth = 7, kBytesWidth = 11;
  bool any = false;
  for (size_t i = 0; i < suppressions->count(); ++i) {
    const Suppression& suppression = suppressions->at(i);
    if (suppression.blocks == 0) continue;
    if (!any) out->Str("\n").Str(kRule).Str("Suppressions used:\n  count      bytes template\n");
    any = true;
    WriteColumn(suppression.blocks, kCountWidth, out);
    WriteColumn(suppression.bytes, kBytesWidth, out);
    out->Str(" ").Str(suppression.pattern).Str("\n");
  }
  if (any) out->Str(kRule).Str("\n");
}

}  // namespace heapprof::leak
