// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame_source.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace heapprof::tools {
namespace {

constexpr size_t kMaxLines = 12;  // of a function: the largest
constexpr int64_t kAround = 4;    // lines of text on either side

}  // namespace

void FlameSource::Add(const Profile& profile, const std::vector<size_t>& types, const FlameTree::Part& part) {
  const FrameTable frames(profile, Granularity::kFunction);
  const std::vector<uint32_t> numbers = tree_.NumberFunctions(frames);
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (part.selection != nullptr && !part.selection->IsSelected(i)) continue;
    const Range<int64_t> values = profile.values_of(i);
    for (const uint32_t at : profile.stack(profile.samples[i])) {
      const Range<ProfileLine> lines = profile.lines_of(profile.locations[at]);
      const Range<uint32_t> ids = frames.frames_of(at);
      for (size_t k = 0; k < lines.size() && k < ids.size(); ++k) {
        if (lines[k].line <= 0) continue;
        Line& line = lines_[{numbers[ids[k]], lines[k].line}];
        if (line.counted == i + 1) continue;
        line.counted = i + 1;
        line.values.resize(types.size());
        for (size_t type = 0; type < types.size(); ++type) {
          line.values[type] += static_cast<double>(values[types[type]]);
        }
      }
    }
  }
}

void FlameSource::WriteText(JsonWriter* json, const SourceFiles::File& file,
                            const std::vector<int64_t>& lines) const {
  std::set<int64_t> shown;
  for (const int64_t line : lines) {
    const int64_t last = std::min(line + kAround, static_cast<int64_t>(file.lines.size()));
    for (int64_t at = std::max<int64_t>(1, line - kAround); at <= last; ++at) shown.insert(at);
  }
  json->Key("text");
  json->Open('[');
  for (const int64_t line : shown) {
    json->Open('[');
    json->Number(static_cast<double>(line));
    json->Text(file.lines[static_cast<size_t>(line) - 1]);
    json->Close(']');
  }
  json->Close(']');
}

void FlameSource::Write(JsonWriter* json, SourceFiles* sources) const {
  json->Key("source");
  json->Open('{');
  json->TextAt("link", options_.link);
  json->Key("functions");
  json->Open('{');
  for (auto at = lines_.begin(); at != lines_.end();) {
    const uint32_t function = at->first.first;
    std::vector<std::pair<int64_t, const Line*>> lines;
    for (; at != lines_.end() && at->first.first == function; ++at) {
      lines.emplace_back(at->first.second, &at->second);
    }
    const auto size = [](const Line* line) {
      double sum = 0;
      for (const double value : line->values) sum = std::max(sum, value < 0 ? -value : value);
      return sum;
    };
    std::stable_sort(lines.begin(), lines.end(),
                     [&](const auto& a, const auto& b) { return size(a.second) > size(b.second); });
    if (lines.size() > kMaxLines) lines.resize(kMaxLines);
    std::sort(lines.begin(), lines.end());
    const std::string& path = tree_.files()[tree_.functions()[function].file];
    const SourceFiles::File& file = sources->Find(path);
    json->Key(std::to_string(function).c_str());
    json->Open('{');
    if (!file.found_at.empty())
      json->TextAt("at", std::filesystem::absolute(file.found_at).lexically_normal().string());
    if (!file.below_root.empty()) json->TextAt("path", file.below_root);
    json->Key("lines");
    json->Open('[');
    std::vector<int64_t> numbers;
    for (const auto& [number, line] : lines) {
      numbers.push_back(number);
      json->Open('[');
      json->Number(static_cast<double>(number));
      for (const double value : line->values) json->Number(value);
      json->Close(']');
    }
    json->Close(']');
    if (options_.embed && !file.lines.empty()) WriteText(json, file, numbers);
    json->Close('}');
  }
  json->Close('}');
  json->Close('}');
}

}  // namespace heapprof::tools
