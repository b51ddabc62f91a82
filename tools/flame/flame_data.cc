// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame_data.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "tools/base/failure.h"
#include "tools/flame/json_writer.h"

namespace heapprof::tools {
namespace {

constexpr size_t kMaxMappings = 4096;
// What the signed form of 64 bits holds; above 2^53 the page's numbers have gaps.
constexpr double kMaxWhole = 4611686018427387904.0;

void WriteComments(JsonWriter* json, const char* key, const Profile& profile) {
  json->Key(key);
  json->Open('[');
  for (const int64_t comment : profile.header.comments) json->Text(profile.text(comment));
  json->Close(']');
}

void WriteMappings(JsonWriter* json, const Profile& profile) {
  json->Key("mappings");
  json->Open('[');
  for (size_t i = 0; i < profile.mappings.size() && i < kMaxMappings; ++i) {
    const ProfileMapping& mapping = profile.mappings[i];
    char range[48], offset[24];
    std::snprintf(range, sizeof range, "%#llx-%#llx", static_cast<unsigned long long>(mapping.start),
                  static_cast<unsigned long long>(mapping.limit));
    std::snprintf(offset, sizeof offset, "%#llx", static_cast<unsigned long long>(mapping.offset));
    json->Open('[');
    json->Text(range);
    json->Text(offset);
    json->Text(profile.text(mapping.build_id));
    json->Text(profile.text(mapping.filename));
    json->Close(']');
  }
  json->Close(']');
}

void WriteFacts(JsonWriter* json, const FlameInput& input) {
  const Profile& profile = *input.profile;
  const ProfileHeader& header = profile.header;
  json->Key("facts");
  json->Open('{');
  json->NumberAt("milliseconds", std::floor(static_cast<double>(header.time_nanos) / 1e6));
  json->NumberAt("duration", static_cast<double>(header.duration_nanos));
  json->NumberAt("period", static_cast<double>(header.period));
  json->TextAt("periodType", profile.text(header.period_type.type));
  json->TextAt("periodUnit", profile.text(header.period_type.unit));
  json->NumberAt("samples", static_cast<double>(profile.samples.size()));
  json->TextAt("dropFrames", profile.text(header.drop_frames));
  json->Texts("notes", input.notes);
  WriteComments(json, "comments", profile);
  if (input.base != nullptr) WriteComments(json, "baseComments", *input.base);
  json->NumberAt("mappingCount", static_cast<double>(profile.mappings.size()));
  WriteMappings(json, profile);
  json->Close('}');
}

void WriteFunctions(JsonWriter* json, const FlameTree& tree) {
  json->Texts("modules", tree.modules());
  json->Texts("files", tree.files());
  json->Key("functions");
  json->Open('{');
  const std::vector<std::string> names = tree.FunctionNames();
  json->Texts("name", names);
  // What people call it, where that is not its name.
  const std::vector<std::string> display_names = tree.DisplayNames();
  json->Key("display");
  json->Open('[');
  for (size_t i = 0; i < tree.functions().size(); ++i) {
    const std::string& display = display_names[i];
    json->Text(display == names[i] ? "" : display);
  }
  json->Close(']');
  const auto numbers = [&](const char* key, auto FlameTree::Function::*member) {
    json->Key(key);
    json->Open('[');
    for (const FlameTree::Function& function : tree.functions()) {
      json->Number(static_cast<double>(function.*member));
    }
    json->Close(']');
  };
  numbers("file", &FlameTree::Function::file);
  numbers("module", &FlameTree::Function::module);
  numbers("line", &FlameTree::Function::line);
  json->Close('}');
}

void WriteLabels(JsonWriter* json, const LabelSets& labels) {
  json->Key("labels");
  json->Open('{');
  json->Texts("keys", labels.keys());
  json->Key("values");
  json->Open('[');
  for (uint32_t key = 0; key < labels.keys().size(); ++key) {
    json->Open('[');
    for (const std::string& value : labels.values(key)) json->Text(value);
    json->Close(']');
  }
  json->Close(']');
  json->Key("sets");
  json->Open('[');
  for (const LabelSets::Set& set : labels.sets()) {
    json->Open('[');
    for (const auto& [key, value] : set) {
      json->Number(key);
      json->Number(value);
    }
    json->Close(']');
  }
  json->Close(']');
  json->Close('}');
}

void WriteMoments(JsonWriter* json, const FlameInput& input, const FlameTree& tree) {
  json->Key("moments");
  json->Open('[');
  for (const FlameMoment& moment : input.moments) {
    json->Open('{');
    json->TextAt("file", moment.file);
    json->NumberAt("milliseconds", std::floor(static_cast<double>(moment.time_nanos) / 1e6));
    json->Key("totals");
    json->Open('[');
    for (size_t type = 0; type < tree.type_count(); ++type) {
      double total = 0;
      for (uint32_t stack = 0; stack < tree.stack_count(); ++stack) {
        total += tree.figures(moment.in_tree, stack)[type].value;
      }
      json->Number(total);
    }
    json->Close(']');
    json->Close('}');
  }
  json->Close(']');
}

// The number of the main binary's path among the modules, -1 if no frame is of it.
double MainModule(const Profile& profile, const FlameTree& tree) {
  if (profile.mappings.empty()) return -1;
  const std::string_view path = profile.text(profile.mappings.front().filename);
  for (size_t i = 0; i < tree.modules().size(); ++i) {
    if (!path.empty() && tree.modules()[i] == path) return static_cast<double>(i);
  }
  return -1;
}

std::string Header(const FlameInput& input, const FlameTree& tree, SourceFiles* sources) {
  const Profile& profile = *input.profile;
  JsonWriter json;
  json.Open('{');
  json.TextAt("file", input.moments.back().file);
  if (input.base != nullptr) {
    json.TextAt("base", input.base_file);
  }
  json.Key("types");
  json.Open('[');
  for (size_t i = 0; i < input.types.size(); ++i) {
    json.Open('{');
    json.TextAt("name", profile.type_name(input.types[i]));
    json.TextAt("unit", profile.unit_name(input.types[i]));
    json.NumberAt("sampled", tree.is_sampled(i));
    json.Close('}');
  }
  json.Close(']');
  json.NumberAt("defaultType", static_cast<double>(input.default_type));
  json.NumberAt("mainModule", MainModule(profile, tree));
  json.NumberAt("nodes", static_cast<double>(tree.node_count()));
  json.NumberAt("stacks", static_cast<double>(tree.stack_count()));
  WriteMoments(&json, input, tree);
  WriteFunctions(&json, tree);
  WriteLabels(&json, tree.labels());
  json.NumberAt("hasFolded", tree.has_folded());
  json.NumberAt("unfold", input.unfold);
  json.TextAt("folded", input.folded);
  if (input.source != nullptr) input.source->Write(&json, sources);
  WriteFacts(&json, input);
  json.Close('}');
  return json.text();
}

void AppendVarint(std::string* to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) to->push_back(static_cast<char>(value | 0x80));
  to->push_back(static_cast<char>(value));
}

void AppendSigned(std::string* to, double value) {
  const double whole = std::fmax(-kMaxWhole, std::fmin(kMaxWhole, std::nearbyint(value)));
  const auto number = static_cast<int64_t>(whole);
  AppendVarint(to, (static_cast<uint64_t>(number) << 1) ^ static_cast<uint64_t>(number >> 63));
}

// The upper three bytes of a float, rounded: five digits.
void AppendReal(std::string* to, double value) {
  const auto single = static_cast<float>(value);
  uint32_t bits;
  std::memcpy(&bits, &single, sizeof bits);
  bits = (bits + 0x80) >> 8;
  for (int shift = 0; shift < 24; shift += 8) to->push_back(static_cast<char>(bits >> shift));
}

void AppendShape(std::string* to, const FlameTree& tree, const std::vector<uint32_t>& order) {
  uint32_t last = 0;
  for (const uint32_t node : order) {
    uint32_t leave = 0;
    for (; last != tree.node(node).parent; last = tree.node(last).parent) ++leave;
    AppendVarint(to, leave);
    last = node;
  }
  for (const uint32_t node : order) AppendVarint(to, tree.node(node).function);
}

// The stacks in the order of their nodes, written down.
std::vector<uint32_t> AppendStacks(std::string* to, const FlameTree& tree,
                                   const std::vector<uint32_t>& order) {
  std::vector<uint32_t> place(order.size() + 1);  // of a node in the page
  for (size_t i = 0; i < order.size(); ++i) place[order[i]] = static_cast<uint32_t>(i + 1);
  std::vector<uint32_t> stacks(tree.stack_count());
  for (uint32_t i = 0; i < stacks.size(); ++i) stacks[i] = i;
  const auto node = [&](uint32_t stack) { return place[tree.stacks()[stack].node]; };
  std::sort(stacks.begin(), stacks.end(),
            [&](uint32_t a, uint32_t b) { return node(a) != node(b) ? node(a) < node(b) : a < b; });
  uint32_t last = 0;
  for (const uint32_t stack : stacks) {
    AppendVarint(to, node(stack) - last);
    last = node(stack);
  }
  if (tree.labels().sets().size() > 1) {
    for (const uint32_t stack : stacks) AppendVarint(to, tree.stacks()[stack].labels);
  }
  if (tree.has_folded()) {
    for (const uint32_t stack : stacks) AppendVarint(to, place[tree.stacks()[stack].folded]);
  }
  return stacks;
}

std::string Column(const FlameInput& input, const FlameTree& tree, const ChangeNoise& noise, size_t type,
                   size_t moment, const std::vector<uint32_t>& stacks) {
  std::string data;
  const auto figures = [&](uint32_t stack) { return tree.figures(moment, stack); };
  for (const uint32_t stack : stacks) AppendSigned(&data, figures(stack)[type].value);
  if (input.base != nullptr) {
    for (const uint32_t stack : stacks) AppendSigned(&data, figures(stack)[type].base);
    for (const uint32_t stack : stacks) AppendReal(&data, noise.Of(figures(stack), type).variance);
    for (const uint32_t stack : stacks) AppendReal(&data, noise.Of(figures(stack), type).moved);
  } else if (tree.is_sampled(type)) {
    for (const auto member : {&StackFigures::variance, &StackFigures::passed_by, &StackFigures::one_more,
                              &StackFigures::one_more_variance}) {
      for (const uint32_t stack : stacks) AppendReal(&data, figures(stack)[type].*member);
    }
  }
  return data;
}

}  // namespace

std::string FlameData(const FlameInput& input, const FlameTree& tree, SourceFiles* sources) {
  const std::string header = Header(input, tree, sources);
  std::string data;
  for (int shift = 0; shift < 32; shift += 8) data.push_back(static_cast<char>(header.size() >> shift));
  data += header;
  const std::vector<uint32_t> order = tree.Preorder();
  AppendShape(&data, tree, order);
  const std::vector<uint32_t> stacks = AppendStacks(&data, tree, order);
  std::vector<std::string> names;
  for (const size_t type : input.types) names.emplace_back(input.profile->type_name(type));
  const ChangeNoise noise(names, input.one_process);
  for (const FlameMoment& moment : input.moments) {
    for (size_t type = 0; type < tree.type_count(); ++type) {
      const std::string column = Column(input, tree, noise, type, moment.in_tree, stacks);
      AppendVarint(&data, column.size());
      data += column;
    }
  }
  return data;
}

std::string PackData(const std::string& data) {
  // On a million stacks zlib's default level takes 3.6 times as long for 6 % less.
  constexpr int kLevel = 4;
  uLongf size = compressBound(data.size());
  std::string packed(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(data.data()),
                data.size(), kLevel) != Z_OK) {
    throw Failure("the page's data cannot be compressed");
  }
  packed.resize(size);
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve(size / 3 * 4 + 4);
  for (size_t i = 0; i < packed.size(); i += 3) {
    const auto byte = [&](size_t at) -> uint32_t {
      return at < packed.size() ? static_cast<unsigned char>(packed[at]) : 0;
    };
    const uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    text += kLetters[three >> 18];
    text += kLetters[three >> 12 & 63];
    text += i + 1 < packed.size() ? kLetters[three >> 6 & 63] : '=';
    text += i + 2 < packed.size() ? kLetters[three & 63] : '=';
  }
  return text;
}

}  // namespace heapprof::tools
