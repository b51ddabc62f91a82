// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/function_starts.h"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "tools/symbols/symbol_file.h"

namespace heapprof::tools {
namespace {

std::unique_ptr<SymbolFile> FileOf(const Profile& profile, const ProfileMapping& mapping) {
  const std::string path(profile.text(mapping.filename));
  const std::string_view build_id = profile.text(mapping.build_id);
  if (path.empty() || path[0] != '/' || build_id.empty()) return nullptr;
  auto file = SymbolFile::Open(path);
  return file != nullptr && file->build_id() == build_id ? std::move(file) : nullptr;
}

}  // namespace

void FindFunctionStarts(Profile* profile) {
  std::map<std::pair<uint32_t, uint32_t>, std::unique_ptr<SymbolFile>>
      files;  // by path and build id, strings
  for (ProfileLocation& location : profile->locations) {
    if (location.line_count != 0 || location.mapping == kNone) continue;
    const ProfileMapping& mapping = profile->mappings[location.mapping];
    const auto [found, is_new] = files.try_emplace({mapping.filename, mapping.build_id});
    if (is_new) found->second = FileOf(*profile, mapping);
    if (found->second == nullptr) continue;
    const auto address = found->second->AddressOfOffset(location.address - mapping.start + mapping.offset);
    if (address) location.function_start = found->second->FunctionStart(*address).value_or(0);
  }
}

}  // namespace heapprof::tools
