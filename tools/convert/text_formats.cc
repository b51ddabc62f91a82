// SPDX-License-Identifier: Apache-2.0
// speedscope's format and folded stacks.
#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/convert/formats.h"
#include "tools/convert/stack_tree.h"
#include "tools/report/folded.h"

namespace heapprof::tools {
namespace {

// speedscope's word for a unit: its other ones it would not scale.
std::string_view SpeedscopeUnit(std::string_view unit) {
  for (const std::string_view known : {"bytes", "nanoseconds", "microseconds", "milliseconds", "seconds"}) {
    if (unit == known) return known;
  }
  return "none";
}

void WriteSampled(const View& view, const StackTree& tree, const std::vector<uint32_t>& order, size_t type,
                  std::string_view name, std::string_view unit, TextOutput* out) {
  *out << "{\"type\": \"sampled\", \"name\": " << JsonString(name) << ", \"unit\": \"" << SpeedscopeUnit(unit)
       << "\", \"startValue\": 0, \"endValue\": " << Decimal(tree.total(type)) << ",\n\"samples\": [";
  const char* comma = "";
  for (const uint32_t node : order) {
    if (tree.self(node, type) == 0) continue;
    if (tree.self(node, type) < 0) {
      throw Failure("convert: " + Printable(view.file()) +
                    " holds negative values, as differences do; speedscope's format has no form for them");
    }
    *out << comma << "\n[";
    comma = ",";
    bool first = true;
    for (const uint32_t frame : tree.PathTo(node)) {
      *out << (first ? "" : ",") << std::to_string(frame);
      first = false;
    }
    *out << "]";
  }
  *out << "],\n\"weights\": [";
  comma = "";
  for (const uint32_t node : order) {
    if (tree.self(node, type) == 0) continue;
    *out << comma << Decimal(tree.self(node, type));
    comma = ",";
  }
  *out << "]}";
}

}  // namespace

void WriteSpeedscope(const View& view, const FrameTable& frames, const std::vector<size_t>& types,
                     TextOutput* out) {
  const StackTree tree(view, frames, types);
  std::vector<uint32_t> order = tree.Preorder();
  order.push_back(0);  // what has no stack
  *out << "{\"$schema\": \"https://www.speedscope.app/file-format-schema.json\",\n\"exporter\": "
       << JsonString("heapprof") << ",\n\"name\": " << JsonString(BaseName(view.file()))
       << ",\n\"activeProfileIndex\": 0,\n"
       << "\"shared\": {\"frames\": [";
  for (uint32_t frame = 0; frame < frames.size(); ++frame) {
    *out << (frame == 0 ? "\n" : ",\n") << "{\"name\": " << JsonString(frames.name(frame));
    const std::string_view place = frames.source(frame).empty() ? frames.module(frame) : frames.source(frame);
    if (!place.empty()) *out << ", \"file\": " << JsonString(place);
    if (frames.start_line(frame) > 0) *out << ", \"line\": " << std::to_string(frames.start_line(frame));
    *out << "}";
  }
  *out << "]},\n\"profiles\": [";
  for (size_t i = 0; i < types.size(); ++i) {
    *out << (i == 0 ? "\n" : ",\n");
    WriteSampled(view, tree, order, i, view.profile().type_name(types[i]), view.profile().unit_name(types[i]),
                 out);
  }
  *out << "]}\n";
}

void WriteFolded(const View& view, const FrameTable& frames, TextOutput* out) {
  for (const FoldedStack& stack : FoldedStacks(view, frames, 0)) *out << FoldedLine(frames, stack) << "\n";
}

}  // namespace heapprof::tools
