// SPDX-License-Identifier: Apache-2.0
// What V8's profilers write, and Chrome's DevTools, VS Code and speedscope read.
#include <algorithm>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/convert/formats.h"
#include "tools/convert/stack_tree.h"

namespace heapprof::tools {
namespace {

void CheckValues(const View& view, const StackTree& tree, const char* format) {
  for (uint32_t node = 0; node < tree.size(); ++node) {
    if (tree.self(node, 0) >= 0) continue;
    throw Failure("convert: " + Printable(view.file()) + " holds negative values, as differences do; " +
                  format + " has no form for them");
  }
}

[[noreturn]] void FailAtUnit(const View& view, const std::string& needed, const std::string& other) {
  throw Failure("convert: " + Printable(view.type_name()) + " of " + Printable(view.file()) + " is not in " +
                needed + "; choose another sample type by --type, or " + other);
}

// "callFrame": {...}. Readers take functions of one name, address and line (from 0; -1: not known) for one.
void WriteCallFrame(std::string_view name, std::string_view url, int64_t line, TextOutput* out) {
  *out << "\"callFrame\": {\"functionName\": " << JsonString(name)
       << ", \"scriptId\": \"0\", \"url\": " << JsonString(url)
       << ", \"lineNumber\": " << std::to_string(line) << ", \"columnNumber\": -1}";
}

// DevTools shows what is an address as a link.
std::string Url(const FrameTable& frames, uint32_t frame) {
  const std::string_view source = frames.source(frame);
  const std::string_view path = source.empty() ? frames.module(frame) : source;
  return (path.empty() || path[0] != '/' ? "" : "file://") + std::string(path);
}

void WriteFrame(const FrameTable& frames, uint32_t frame, TextOutput* out) {
  const int64_t line = std::max<int64_t>(frames.start_line(frame), 0);
  WriteCallFrame(frames.name(frame), Url(frames, frame), line - 1, out);
}

// A value of `unit` in microseconds, to the last digit.
std::string Microseconds(Sum value, std::string_view unit) {
  constexpr int kThousand = 1000;
  if (unit == "seconds") return Decimal(value * kThousand * kThousand);
  if (unit == "milliseconds") return Decimal(value * kThousand);
  if (unit == "microseconds") return Decimal(value);
  std::string text = Decimal(value / kThousand);
  std::string rest = std::to_string(static_cast<int>(value % kThousand) + kThousand).substr(1);
  while (!rest.empty() && rest.back() == '0') rest.pop_back();
  return rest.empty() ? text : text + "." + rest;
}

}  // namespace

void WriteHeapProfile(const View& view, const FrameTable& frames, TextOutput* out) {
  if (view.unit() != "bytes") FailAtUnit(view, "bytes", "--to chrome for times");
  const StackTree tree(view, frames, {view.type()});
  CheckValues(view, tree, ".heapprofile");
  const auto open = [&](uint32_t node) {
    *out << "{";
    if (node == 0) {
      WriteCallFrame("(root)", "", -1, out);
    } else {
      WriteFrame(frames, tree.node(node).frame, out);
    }
    *out << ", \"selfSize\": " << Decimal(tree.self(node, 0)) << ", \"id\": " << std::to_string(node + 1)
         << ", \"children\": [";
  };
  struct Visit {
    uint32_t node;
    size_t next;  // of its children
  };
  std::vector<Visit> path = {{0, 0}};
  *out << "{\"head\": ";
  open(0);
  while (!path.empty()) {
    Visit& visit = path.back();
    const std::vector<uint32_t>& children = tree.node(visit.node).children;
    if (visit.next == children.size()) {
      *out << "]}";
      path.pop_back();
      continue;
    }
    const uint32_t child = children[visit.next++];
    *out << (visit.next == 1 ? "\n" : ",\n");
    open(child);
    path.push_back({child, 0});
  }
  *out << ",\n\"samples\": [";
  uint32_t ordinal = 0;
  for (uint32_t node = 0; node < tree.size(); ++node) {
    if (tree.self(node, 0) == 0) continue;
    *out << (ordinal == 0 ? "\n" : ",\n") << "{\"size\": " << Decimal(tree.self(node, 0))
         << ", \"nodeId\": " << std::to_string(node + 1) << ", \"ordinal\": " << std::to_string(ordinal + 1)
         << "}";
    ++ordinal;
  }
  *out << "]}\n";
}

void WriteCpuProfile(const View& view, const FrameTable& frames, TextOutput* out) {
  const std::string_view unit = view.unit();
  if (unit != "nanoseconds" && unit != "microseconds" && unit != "milliseconds" && unit != "seconds") {
    FailAtUnit(view, "units of time", "--to heapprofile for bytes");
  }
  const StackTree tree(view, frames, {view.type()});
  CheckValues(view, tree, ".cpuprofile");
  std::vector<uint32_t> order = tree.Preorder();
  *out << "{\"nodes\": [";
  for (uint32_t node = 0; node < tree.size(); ++node) {
    *out << (node == 0 ? "\n" : ",\n") << "{\"id\": " << std::to_string(node + 1) << ", ";
    if (node == 0) {
      WriteCallFrame("(root)", "", -1, out);
    } else {
      WriteFrame(frames, tree.node(node).frame, out);
    }
    *out << ", \"hitCount\": " << (tree.self(node, 0) == 0 ? "0" : "1") << ", \"children\": [";
    const char* comma = "";
    for (const uint32_t child : tree.node(node).children) {
      *out << comma << std::to_string(child + 1);
      comma = ",";
    }
    *out << "]}";
  }
  // A sample lasts until the next one: one more ends the last.
  order.push_back(0);
  std::string samples, deltas = "0";
  for (const uint32_t node : order) {
    if (tree.self(node, 0) == 0) continue;
    samples += std::to_string(node + 1) + ",";
    deltas += "," + Microseconds(tree.self(node, 0), unit);
  }
  *out << "],\n\"startTime\": 0, \"endTime\": " << Microseconds(tree.total(0), unit) << ",\n\"samples\": ["
       << samples << "1],\n\"timeDeltas\": [" << deltas << "]}\n";
}

}  // namespace heapprof::tools
