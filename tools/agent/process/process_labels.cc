// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/process_labels.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <protozero/pbf_reader.hpp>

#include "tools/base/failure.h"
#include "tools/process/process_memory.h"

namespace heapprof::tools::agent {
namespace {

constexpr size_t kMaxValue = 256;
constexpr size_t kMaxEnvironment = 1 << 20;

std::string Clean(std::string_view value) {
  std::string text = WellFormed(value.substr(0, kMaxValue));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '_';
  }
  return text;
}

std::string_view BaseNameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view CutEnd(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end
             ? text.substr(0, text.size() - end.size())
             : text;
}

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "docker-<64 hex>.scope", "cri-containerd-<64 hex>.scope", "<64 hex>".
std::string_view ContainerOf(std::string_view part) {
  part = CutEnd(part, ".scope");
  const std::string_view last = part.substr(part.rfind('-') + 1);
  constexpr size_t kDigits = 64;
  return last.size() == kDigits && IsHex(last) ? last : std::string_view();
}

// "kubepods-burstable-pod0b1c_..._.slice", "pod0b1c-...".
std::string PodUidOf(std::string_view part) {
  part = CutEnd(part, ".slice");
  const size_t at = part.rfind("pod");
  if (at == std::string_view::npos || (at != 0 && part[at - 1] != '-')) return "";
  std::string uid(part.substr(at + 3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  constexpr size_t kUid = 36, kPlainUid = 32;
  const bool good = (uid.size() == kUid || uid.size() == kPlainUid) &&
                    uid.find_first_not_of("0123456789abcdef-") == std::string::npos;
  return good ? uid : "";
}

std::string Unescape(std::string_view text) {
  std::string plain;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      plain += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

void AddAttribute(std::string_view key, std::string_view value, Labels* labels) {
  static constexpr struct {
    std::string_view attribute;
    const char* label;
  } kKnown[] = {{"service.name", "service"},
                {"service.version", "version"},
                {"service.instance.id", "instance"},
                {"service.namespace", "service_namespace"},
                {"k8s.pod.name", "pod"},
                {"k8s.namespace.name", "namespace"},
                {"k8s.container.name", "container_name"},
                {"k8s.node.name", "node"},
                {"deployment.environment.name", "environment"}};
  for (const auto& known : kKnown) {
    if (key == known.attribute) SetLabel(labels, known.label, value);
  }
}

// KeyValue {string key = 1; AnyValue value = 2}, AnyValue {string string_value = 1}.
void AddKeyValue(std::string_view message, Labels* labels) {
  std::string_view key, value;
  protozero::pbf_reader reader(message.data(), message.size());
  while (reader.next()) {
    if (reader.tag() == 1 && reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      const auto view = reader.get_view();
      key = {view.data(), view.size()};
    } else if (reader.tag() == 2 && reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
      protozero::pbf_reader any(reader.get_view());
      while (any.next()) {
        if (any.tag() == 1 && any.wire_type() == protozero::pbf_wire_type::length_delimited) {
          const auto view = any.get_view();
          value = {view.data(), view.size()};
        } else {
          any.skip();
        }
      }
    } else {
      reader.skip();
    }
  }
  AddAttribute(key, value, labels);
}

// The header of the mapping that is published.
struct ContextHeader {
  char signature[8];
  uint32_t version, payload_size;
  uint64_t published;  // 0: it is being written
  uint64_t payload;
};

void AddContextOf(const HeldProcess& process, Labels* labels) {
  for (const MapsLine& line : process.Maps()) {
    if (line.executable || line.path.find("OTEL_CTX") == std::string::npos) continue;
    ContextHeader header, after;
    if (ReadMemory(process.pid(), line.start, &header, sizeof header) != sizeof header) continue;
    constexpr uint32_t kVersion = 2, kMaxPayload = 64 << 10;
    if (std::memcmp(header.signature, "OTEL_CTX", sizeof header.signature) != 0 ||
        header.version != kVersion || header.payload_size == 0 || header.payload_size > kMaxPayload ||
        header.published == 0) {
      continue;
    }
    std::string payload(header.payload_size, '\0');
    if (ReadMemory(process.pid(), header.payload, payload.data(), payload.size()) != payload.size()) continue;
    if (ReadMemory(process.pid(), line.start, &after, sizeof after) != sizeof after ||
        after.published != header.published || !process.lives()) {
      continue;
    }
    AddProcessContext(payload, labels);
    return;
  }
}

// As it was started: where several commands are links to one file, the link (redis-server is one to
// redis-check-rdb); of a script the script. "" where its memory may not be read.
std::string NameAtStart(const HeldProcess& process) {
  const std::string pairs = process.Read("auxv", 4096);
  for (size_t at = 0; at + 2 * sizeof(uint64_t) <= pairs.size(); at += 2 * sizeof(uint64_t)) {
    uint64_t pair[2];
    std::memcpy(pair, &pairs[at], sizeof pair);
    if (pair[0] != AT_EXECFN) continue;
    std::string path(PATH_MAX, '\0');
    // What lies behind it may end with the stack.
    path.resize(ReadMemory(process.pid(), pair[1], path.data(), path.size()));
    const size_t end = path.find('\0');
    if (end == std::string::npos || !process.lives()) return "";
    return std::string(BaseNameOf(std::string_view(path).substr(0, end)));
  }
  return "";
}

}  // namespace

std::string_view LabelOf(const Labels& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

void SetLabel(Labels* labels, const std::string& name, std::string_view value) {
  if (value.empty()) return;
  for (auto& [key, old] : *labels) {
    if (key != name) continue;
    old = Clean(value);
    return;
  }
  labels->emplace_back(name, Clean(value));
}

void AddCgroupLabels(std::string_view cgroup, Labels* labels) {
  while (!cgroup.empty()) {
    const size_t end = std::min(cgroup.find('\n'), cgroup.size());
    std::string_view path = cgroup.substr(0, end);
    cgroup.remove_prefix(std::min(cgroup.size(), end + 1));
    const size_t slash = path.find(":/");
    if (slash == std::string_view::npos) continue;
    path.remove_prefix(slash + 2);
    while (!path.empty()) {
      const size_t stop = std::min(path.find('/'), path.size());
      const std::string_view part = path.substr(0, stop);
      path.remove_prefix(std::min(path.size(), stop + 1));
      SetLabel(labels, "pod_uid", PodUidOf(part));
      const std::string_view container = ContainerOf(part);
      SetLabel(labels, "container", container);
      const bool is_unit = CutEnd(part, ".service") != part || CutEnd(part, ".scope") != part;
      if (is_unit && container.empty()) SetLabel(labels, "systemd_unit", part);
    }
  }
}

void AddResourceAttributes(std::string_view text, Labels* labels) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    AddAttribute(Unescape(Trim(pair.substr(0, equals))), Unescape(Trim(pair.substr(equals + 1))), labels);
  }
}

// ProcessContext {Resource resource = 1}, Resource {repeated KeyValue attributes = 1}.
void AddProcessContext(std::string_view message, Labels* labels) try {
  protozero::pbf_reader context(message.data(), message.size());
  while (context.next()) {
    if (context.tag() != 1 || context.wire_type() != protozero::pbf_wire_type::length_delimited) {
      context.skip();
      continue;
    }
    protozero::pbf_reader resource(context.get_view());
    while (resource.next()) {
      if (resource.tag() == 1 && resource.wire_type() == protozero::pbf_wire_type::length_delimited) {
        const auto view = resource.get_view();
        AddKeyValue({view.data(), view.size()}, labels);
      } else {
        resource.skip();
      }
    }
  }
} catch (const protozero::exception&) {
  // What came before it stays.
}

Labels ParseLabels(const std::vector<std::string>& pairs) {
  Labels labels;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    SetLabel(&labels, pair.substr(0, equals), pair.substr(equals + 1));
  }
  return labels;
}

Labels LabelsOf(const HeldProcess& process) {
  Labels labels;
  const std::string program = process.Link("exe");
  const std::string cgroup = process.Read("cgroup", kMaxEnvironment);
  const std::string environment = process.Read("environ", kMaxEnvironment);
  const auto variable = [&](const char* name) { return HeldProcess::Variable(environment, name); };
  std::string_view name = CutEnd(BaseNameOf(program), " (deleted)");
  SetLabel(&labels, "service", name.empty() ? "unknown" : name);
  // A number is that of /proc/self/fd/3.
  const std::string at_start = NameAtStart(process);
  if (at_start.find_first_not_of("0123456789") != std::string::npos) SetLabel(&labels, "service", at_start);
  AddCgroupLabels(cgroup, &labels);
  // A unit names a service better than its program does; one for a session does not.
  const std::string_view unit = LabelOf(labels, "systemd_unit");
  const std::string_view service = CutEnd(unit, ".service");
  if (service != unit && service.substr(0, 5) != "user@") {
    const std::string kept(service);
    SetLabel(&labels, "service", kept);
  }
  // Kubernetes gives a container these by its downward API, if its manifest says so, and the host's name is
  // the pod's.
  const bool in_pod = !variable("KUBERNETES_SERVICE_HOST").empty() || !LabelOf(labels, "pod_uid").empty();
  if (in_pod) SetLabel(&labels, "pod", variable("HOSTNAME"));
  SetLabel(&labels, "pod", variable("POD_NAME"));
  SetLabel(&labels, "namespace", variable("POD_NAMESPACE"));
  AddResourceAttributes(variable("OTEL_RESOURCE_ATTRIBUTES"), &labels);
  SetLabel(&labels, "service", variable("OTEL_SERVICE_NAME"));
  AddContextOf(process, &labels);
  SetLabel(&labels, "pid", std::to_string(process.pid()));
  const std::string status = process.Read("status");
  const std::string_view uids = FieldOf(status, "Uid");
  SetLabel(&labels, "uid", uids.substr(0, uids.find('\t')));
  SetLabel(&labels, "exe", CutEnd(program, " (deleted)"));
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  SetLabel(&labels, "host", host);
  if (LabelOf(labels, "instance").empty())
    SetLabel(&labels, "instance", std::string(host) + ":" + std::to_string(process.pid()));
  return labels;
}

}  // namespace heapprof::tools::agent
