// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/text_labels.h"

#include "sampling/thread/labels.h"

namespace heapprof {

void WriteQuoted(const char* text, TextStream* out) {
  out->Str("\"");
  for (; *text != '\0'; ++text) {
    char c = static_cast<unsigned char>(*text) < ' ' ? ' ' : *text;
    if (c == '"' || c == '\\') out->Str("\\");
    out->Str(&c, 1);
  }
  out->Str("\"");
}

void WriteTextLabels(uint32_t set, TextStream* out) {
  LabelSetView labels = LabelSets().At(set);
  if (labels.count == 0) return;
  out->Str("# labels: {");
  for (size_t i = 0; i < labels.count; ++i) {
    if (i > 0) out->Str(", ");
    WriteQuoted(labels.labels[i].key, out);
    out->Str(":");
    WriteQuoted(labels.labels[i].value, out);
  }
  out->Str("}\n");
}

}  // namespace heapprof
