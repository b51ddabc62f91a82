// SPDX-License-Identifier: Apache-2.0
#include "tools/profile/load.h"

#include <algorithm>

#include "tools/base/failure.h"
#include "tools/profile/drop_frames.h"
#include "tools/profile/legacy_load.h"
#include "tools/profile/proto_load.h"

namespace heapprof::tools {
namespace {

struct Addresses {
  std::vector<std::string> starts;
  AddressLoader load = nullptr;
};

Addresses& KnownAddresses() {
  static Addresses addresses;
  return addresses;
}

}  // namespace

void SetAddressLoader(std::vector<std::string> starts, AddressLoader load) {
  KnownAddresses() = {std::move(starts), load};
}

bool IsAddress(std::string_view path) {
  const std::vector<std::string>& starts = KnownAddresses().starts;
  return std::any_of(starts.begin(), starts.end(),
                     [&](const std::string& start) { return path.substr(0, start.size()) == start; });
}

Profile LoadProfile(ProfileSource* source, const LoadOptions& options) {
  Profile profile = IsLegacyHeapProfile(source->Head()) ? LoadLegacy(source, options.max_bytes)
                                                        : LoadProto(source, options.max_bytes);
  PrepareProfile(&profile, options);
  return profile;
}

void PrepareProfile(Profile* profile, const LoadOptions& options) {
  if (options.prepare) options.prepare(profile);
  if (options.apply_drop_frames) DropFrames(profile);
}

Profile LoadProfile(const std::string& path, const LoadOptions& options) {
  if (IsAddress(path)) {
    Profile profile = KnownAddresses().load(path, options.max_bytes);
    PrepareProfile(&profile, options);
    return profile;
  }
  ProfileSource source(path, options.max_bytes);
  return LoadProfile(&source, options);
}

Profile LoadNamedProfile(const std::string& path, const LoadOptions& options) try {
  return LoadProfile(path, options);
} catch (const Failure& failure) {
  throw Failure(Printable(path) + ": " + failure.what(), failure.status());
}

}  // namespace heapprof::tools
