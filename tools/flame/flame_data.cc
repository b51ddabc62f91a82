// SPDX-License-Identifier: Apache-2.0
#include "tools/flame/flame_data.h"

#include <zlib.h>

#include <cmath>
#include <cstdio>
#include <cstring>

#include "tools/base/failure.h"
#include "tools/base/human.h"

namespace heapprof::tools {
namespace {

// Longer texts are cut: a page is for people.
constexpr size_t kMaxText = 4000;
constexpr size_t kMaxMappings = 4096;
// What the signed form of 64 bits holds; above 2^53 the page's numbers have gaps.
constexpr double kMaxWhole = 4611686018427387904.0;

class Json {
 public:
  // Text from the profile, in quotes. Control characters and broken bytes are shown as \xNN.
  void Text(std::string_view text) {
    Separate();
    text_ += JsonString(Printable(text.substr(0, kMaxText)) + (text.size() > kMaxText ? "..." : ""));
  }
  void Number(double value) {
    Separate();
    text_ += JsonNumber(value);
  }
  // A key of ours, which needs no escapes.
  void Key(const char* key) {
    Separate();
    text_ += '"';
    text_ += key;
    text_ += "\":";
    is_first_ = true;
  }
  void Open(char bracket) {
    Separate();
    text_ += bracket;
    is_first_ = true;
  }
  void Close(char bracket) {
    text_ += bracket;
    is_first_ = false;
  }
  void Texts(const char* key, const std::vector<std::string>& texts) {
    Key(key);
    Open('[');
    for (const std::string& text : texts) Text(text);
    Close(']');
  }
  const std::string& text() const { return text_; }

 private:
  void Separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }

  std::string text_;
  bool is_first_ = true;
};

void WriteComments(Json* json, const char* key, const Profile& profile) {
  json->Key(key);
  json->Open('[');
  for (const int64_t comment : profile.header.comments) json->Text(profile.text(comment));
  json->Close(']');
}

void WriteMappings(Json* json, const Profile& profile) {
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

void WriteFacts(Json* json, const FlameInput& input) {
  const Profile& profile = *input.profile;
  const ProfileHeader& header = profile.header;
  json->Key("facts");
  json->Open('{');
  json->Key("milliseconds");
  json->Number(std::floor(static_cast<double>(header.time_nanos) / 1e6));
  json->Key("duration");
  json->Number(static_cast<double>(header.duration_nanos));
  json->Key("period");
  json->Number(static_cast<double>(header.period));
  json->Key("periodType");
  json->Text(profile.text(header.period_type.type));
  json->Key("periodUnit");
  json->Text(profile.text(header.period_type.unit));
  json->Key("samples");
  json->Number(static_cast<double>(profile.samples.size()));
  json->Key("dropFrames");
  json->Text(profile.text(header.drop_frames));
  json->Texts("notes", input.notes);
  WriteComments(json, "comments", profile);
  if (input.base != nullptr) WriteComments(json, "baseComments", *input.base);
  json->Key("mappingCount");
  json->Number(static_cast<double>(profile.mappings.size()));
  WriteMappings(json, profile);
  json->Close('}');
}

void WriteFunctions(Json* json, const FlameTree& tree) {
  json->Texts("modules", tree.modules());
  json->Texts("files", tree.files());
  json->Key("functions");
  json->Open('{');
  json->Texts("name", tree.function_names());
  json->Key("file");
  json->Open('[');
  for (const FlameTree::Function& function : tree.functions()) json->Number(function.file);
  json->Close(']');
  json->Key("module");
  json->Open('[');
  for (const FlameTree::Function& function : tree.functions()) json->Number(function.module);
  json->Close(']');
  json->Close('}');
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

std::string Header(const FlameInput& input, const FlameTree& tree) {
  const Profile& profile = *input.profile;
  Json json;
  json.Open('{');
  json.Key("file");
  json.Text(input.file);
  if (input.base != nullptr) {
    json.Key("base");
    json.Text(input.base_file);
  }
  json.Key("types");
  json.Open('[');
  for (size_t i = 0; i < input.types.size(); ++i) {
    json.Open('{');
    json.Key("name");
    json.Text(profile.type_name(input.types[i]));
    json.Key("unit");
    json.Text(profile.unit_name(input.types[i]));
    json.Key("sampled");
    json.Number(tree.is_sampled(i));
    json.Close('}');
  }
  json.Close(']');
  json.Key("defaultType");
  json.Number(static_cast<double>(input.default_type));
  json.Key("mainModule");
  json.Number(MainModule(profile, tree));
  json.Key("nodes");
  json.Number(static_cast<double>(tree.node_count()));
  json.Key("stacks");
  json.Number(static_cast<double>(tree.stack_count()));
  WriteFunctions(&json, tree);
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

}  // namespace

std::string FlameData(const FlameInput& input, const FlameTree& tree) {
  const std::string header = Header(input, tree);
  std::string data;
  for (int shift = 0; shift < 32; shift += 8) data.push_back(static_cast<char>(header.size() >> shift));
  data += header;
  const std::vector<uint32_t> order = tree.Preorder();
  AppendShape(&data, tree, order);
  std::vector<uint32_t> stacks;  // in the order of their nodes
  if (tree.node(0).stack != kNone) stacks.push_back(tree.node(0).stack);
  uint64_t last = 0;
  if (!stacks.empty()) AppendVarint(&data, 0);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t stack = tree.node(order[i]).stack;
    if (stack == kNone) continue;
    AppendVarint(&data, i + 1 - last);
    last = i + 1;
    stacks.push_back(stack);
  }
  std::vector<std::string> names;
  for (const size_t type : input.types) names.emplace_back(input.profile->type_name(type));
  const ChangeNoise noise(names, input.one_process);
  for (size_t type = 0; type < tree.type_count(); ++type) {
    for (const uint32_t stack : stacks) AppendSigned(&data, tree.figures(stack)[type].value);
    if (input.base != nullptr) {
      for (const uint32_t stack : stacks) AppendSigned(&data, tree.figures(stack)[type].base);
      for (const uint32_t stack : stacks) AppendReal(&data, noise.Of(tree.figures(stack), type).variance);
      for (const uint32_t stack : stacks) AppendReal(&data, noise.Of(tree.figures(stack), type).moved);
    } else if (tree.is_sampled(type)) {
      for (const auto member : {&StackFigures::variance, &StackFigures::passed_by, &StackFigures::one_more,
                                &StackFigures::one_more_variance}) {
        for (const uint32_t stack : stacks) AppendReal(&data, tree.figures(stack)[type].*member);
      }
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
