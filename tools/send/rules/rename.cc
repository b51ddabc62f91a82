// SPDX-License-Identifier: Apache-2.0
#include "tools/send/rules/rename.h"

#include <map>

#include "tools/send/rules/names.h"

namespace heapprof::tools::send {
namespace {

uint32_t AddText(Profile* profile, std::string_view text) {
  profile->header.strings.Add(text);
  return static_cast<uint32_t>(profile->header.strings.size() - 1);
}

}  // namespace

void RenameTypes(Profile* profile, const std::function<std::string(std::string_view)>& change) {
  ProfileHeader& header = profile->header;
  const int64_t default_type = header.default_sample_type;
  const auto renamed = [&](int64_t text) {
    const std::string_view old = profile->text(text);
    return TypeName(change ? change(old) : std::string(old));
  };
  UniqueNames names;
  for (ValueType& type : header.sample_types) {
    const bool is_default = default_type != 0 && profile->text(type.type) == profile->text(default_type);
    type.type = AddText(profile, names.Add(renamed(type.type)));
    type.unit = AddText(profile, TypeName(profile->text(type.unit)));
    if (is_default) header.default_sample_type = type.type;
  }
  if (header.period_type.type != 0) {
    header.period_type.type = AddText(profile, TypeName(profile->text(header.period_type.type)));
    header.period_type.unit = AddText(profile, TypeName(profile->text(header.period_type.unit)));
  }
}

bool KeepTypes(Profile* profile, const std::function<bool(std::string_view)>& wanted) {
  ProfileHeader& header = profile->header;
  const size_t types = profile->type_count();
  std::vector<size_t> kept;
  for (size_t i = 0; i < types; ++i) {
    if (wanted(profile->type_name(i))) kept.push_back(i);
  }
  if (kept.empty()) return false;
  size_t to = 0;
  for (size_t i = 0; i < profile->samples.size(); ++i) {
    for (const size_t type : kept) profile->values[to++] = profile->values[i * types + type];
  }
  profile->values.resize(to);
  std::vector<ValueType> left;
  bool has_default = false;
  for (const size_t type : kept) {
    left.push_back(header.sample_types[type]);
    has_default = has_default || profile->type_name(type) == profile->text(header.default_sample_type);
  }
  if (!has_default) header.default_sample_type = 0;
  header.sample_types = std::move(left);
  return true;
}

void RenameLabels(Profile* profile, const SampleLabelRules& rules) {
  UniqueNames names;
  for (const std::string& name : rules.taken) names.Add(name);
  std::map<std::string, uint32_t> keys;     // by the old name; 0: dropped
  std::map<uint32_t, uint32_t> known_keys;  // by the old string
  std::map<uint32_t, uint32_t> values;
  size_t text_keys = 0;
  const auto key_of = [&](const ProfileLabel& label) {
    const std::string old(profile->text(label.key));
    const auto [key, is_new] = keys.emplace(old, 0);
    if (is_new) {
      if (label.str != 0 && ++text_keys > rules.max_keys) return key->second;
      std::string name = LabelName(old);
      if (rules.taken.count(name) != 0) name = "exported_" + name;
      key->second = AddText(profile, names.Add(name));
    }
    return key->second;
  };
  std::vector<ProfileLabel> kept;
  kept.reserve(profile->labels.size());
  for (ProfileSample& sample : profile->samples) {
    const auto first = static_cast<uint32_t>(kept.size());
    for (size_t i = 0; i < sample.label_count; ++i) {
      ProfileLabel label = profile->labels[sample.first_label + i];
      const auto [key, is_new] = known_keys.emplace(label.key, 0);
      if (is_new) key->second = key_of(label);
      if (key->second == 0) continue;
      label.key = key->second;
      if (label.str != 0) {
        const auto [value, is_new_value] = values.emplace(label.str, 0);
        if (is_new_value) {
          value->second = AddText(profile, LabelText(std::string(profile->text(label.str)), rules.max_bytes));
        }
        label.str = value->second;
      }
      kept.push_back(label);
    }
    sample.first_label = first;
    sample.label_count = static_cast<uint32_t>(kept.size()) - first;
  }
  profile->labels = std::move(kept);
}

size_t CountLabelKeys(const Profile& profile) {
  std::set<uint32_t> strings;
  for (const ProfileLabel& label : profile.labels) {
    if (label.str != 0) strings.insert(label.key);
  }
  std::set<std::string_view> keys;
  for (const uint32_t string : strings) keys.insert(profile.text(string));
  return keys.size();
}

void AddLabels(Profile* profile, const std::vector<std::pair<std::string, std::string>>& labels) {
  std::vector<ProfileLabel> added;
  for (const auto& [name, value] : labels) {
    ProfileLabel label;
    label.key = AddText(profile, name);
    label.str = AddText(profile, value);
    added.push_back(label);
  }
  std::vector<ProfileLabel> all;
  all.reserve(profile->labels.size() + profile->samples.size() * added.size());
  for (ProfileSample& sample : profile->samples) {
    const auto first = static_cast<uint32_t>(all.size());
    const auto old = profile->labels.begin() + sample.first_label;
    all.insert(all.end(), old, old + sample.label_count);
    all.insert(all.end(), added.begin(), added.end());
    sample.first_label = first;
    sample.label_count = static_cast<uint32_t>(all.size()) - first;
  }
  profile->labels = std::move(all);
}

}  // namespace heapprof::tools::send
