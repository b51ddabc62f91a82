// SPDX-License-Identifier: Apache-2.0
#include "sampling/thread/labels.h"

#include <string.h>

#include "base/constinit.h"

namespace heapprof {
namespace {

HP_CONSTINIT LabelTable g_sets;
thread_local uint32_t t_labels __attribute__((tls_model("initial-exec")));

}  // namespace

LabelTable& LabelSets() { return g_sets; }

uint32_t CurrentLabels() { return t_labels; }

const uint32_t* CurrentLabelsPlace() { return &t_labels; }

void InheritLabels(uint32_t set) { t_labels = set; }

int SetLabel(const char* key, const char* value) {
  uint32_t changed;
  int error = g_sets.With(t_labels, key, value, &changed);
  if (error == 0) t_labels = changed;
  return error;
}

const char* GetLabel(const char* key) {
  if (key == nullptr) return nullptr;
  LabelSetView set = g_sets.At(t_labels);
  for (size_t i = 0; i < set.count; ++i) {
    if (strcmp(set.labels[i].key, key) == 0) return set.labels[i].value;
  }
  return nullptr;
}

}  // namespace heapprof
