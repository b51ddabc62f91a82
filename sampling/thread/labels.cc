// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/labels.h"

#include <string.h>

#include "base/constinit.h"

namespace heapprof {
namespace {

HP_CONSTINIT LabelTable g_sets;
thread_local ThreadTags t_tags __attribute__((tls_model("initial-exec")));

}  // namespace

LabelTable& LabelSets() { return g_sets; }

uint32_t CurrentLabels() { return t_tags.labels; }

const ThreadTags* CurrentTags() { return &t_tags; }

void NoteCreator(uint32_t entry) { t_tags.creator = entry; }

void InheritLabels(uint32_t set) { t_tags.labels = set; }

int SetLabel(const char* key, const char* value) {
  uint32_t changed;
  int error = g_sets.With(t_tags.labels, key, value, &changed);
  if (error == 0) t_tags.labels = changed;
  return error;
}

const char* GetLabel(const char* key) {
  if (key == nullptr) return nullptr;
  LabelSetView set = g_sets.At(t_tags.labels);
  for (size_t i = 0; i < set.count; ++i) {
    if (strcmp(set.labels[i].key, key) == 0) return set.labels[i].value;
  }
  return nullptr;
}

}  // namespace heapprof
