// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/proto_parts.h"

#include <heapprof/heapprof.h>

#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/write/process_start.h"
#include "sampling/thread/labels.h"

namespace heapprof {
namespace {

void WriteMapping(const ModuleTable& modules, uint32_t index, ProfileBuilder* builder) {
  const Module& module = modules.at(index);
  builder->AddMapping({MappingId(modules, index), module.start, module.limit, module.file_offset, module.path,
                       module.build_id});
}

void AddComment(const TextWriter& text, ProfileBuilder* builder) {
  builder->AddComment(text.data(), text.size());
}

}  // namespace

uint64_t MappingId(const ModuleTable& modules, uint32_t index) {
  if (index == ModuleTable::kNone) return 0;
  if (index == modules.main_binary()) return 1;
  return index < modules.main_binary() ? index + 2 : index + 1;
}

void WriteMappings(const ModuleTable& modules, ProfileBuilder* builder) {
  if (modules.count() == 0) return;
  WriteMapping(modules, modules.main_binary(), builder);
  for (uint32_t i = 0; i < modules.count(); i++) {
    if (i != modules.main_binary()) WriteMapping(modules, i, builder);
  }
}

// It has a function of its own and no mapping: has_functions of a mapping would keep readers from looking up
// all its other locations.
void WriteUnknownFrame(uint64_t location, uint64_t function, const char* name, ProfileBuilder* builder) {
  builder->AddFunction({function, name, name, "", 0});
  ProfileBuilder::LineInfo line = {function, 0};
  builder->AddLocation({location, 0, 0, &line, 1});
}

static_assert(kMaxLabelTexts == ProfileBuilder::kMaxLabelTexts);

ProfileBuilder::LabelTexts AllLabelTexts() {
  return {LabelSets().text_count(), [](uint32_t number) { return LabelSets().TextAt(number); }};
}

void WriteLabels(uint32_t set, ProfileBuilder* builder) {
  LabelSetView labels = LabelSets().At(set);
  for (size_t i = 0; i < labels.count; ++i) {
    builder->SampleLabel(LabelTable::NumberOf(labels.labels[i].key),
                         LabelTable::NumberOf(labels.labels[i].value));
  }
}

void WriteComment(const char* key, uint64_t value, ProfileBuilder* builder) {
  Text<80> text;
  AddComment(text.Str(key).Str(": ").UDec(value), builder);
}

void WriteComment(const char* key, const char* value, ProfileBuilder* builder) {
  Text<160> text;
  AddComment(text.Str(key).Str(": ").Str(value), builder);
}

void WriteProcessComments(ProfileBuilder* builder) {
  WriteComment("heapprof-version", HEAPPROF_VERSION, builder);
  WriteComment("pid", static_cast<uint64_t>(RawGetPid()), builder);
  if (int64_t start = ProcessStartSeconds()) {
    Text<40> text;
    AppendUtc(start, &text);
    WriteComment("start-time", text.data(), builder);
  }
  if (GetOptions().run[0] != '\0') WriteComment("run", GetOptions().run, builder);
}

}  // namespace heapprof
