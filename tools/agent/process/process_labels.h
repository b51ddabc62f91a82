// SPDX-License-Identifier: Apache-2.0
// What a process is called: the labels of its profiles.
//
// From the kernel: pid, uid, container, systemd unit, pod (by its cgroup). From the process, which may say
// what it likes: its environment (OpenTelemetry's and Kubernetes' variables), and the process context that
// OpenTelemetry's libraries publish in its memory (OTEP 4719). Values are cut, and are UTF-8 without control
// characters. Thread-safety: functions without state. Errors: none; what is not known has no label.
#ifndef HEAPPROF_TOOLS_AGENT_PROCESS_PROCESS_LABELS_H_
#define HEAPPROF_TOOLS_AGENT_PROCESS_PROCESS_LABELS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/agent/process/held_process.h"

namespace heapprof::tools::agent {

using Labels = std::vector<std::pair<std::string, std::string>>;

// The value of a label, or "".
std::string_view LabelOf(const Labels& labels, std::string_view name);
// Replaces it, or adds it; an empty value changes nothing.
void SetLabel(Labels* labels, const std::string& name, std::string_view value);

// What the lines of /proc/PID/cgroup say: labels "container", "systemd_unit", "pod_uid".
void AddCgroupLabels(std::string_view cgroup, Labels* labels);
// "service.name=x,k8s.pod.name=y", with escapes. Keys are ours where there is one: service, version,
// instance, pod, namespace.
void AddResourceAttributes(std::string_view text, Labels* labels);
// A message opentelemetry.proto ProcessContext.
void AddProcessContext(std::string_view message, Labels* labels);
// "service=x,team=y".
Labels ParseLabels(const std::vector<std::string>& pairs);

Labels LabelsOf(const HeldProcess& process);

}  // namespace heapprof::tools::agent

#endif  // HEAPPROF_TOOLS_AGENT_PROCESS_PROCESS_LABELS_H_
