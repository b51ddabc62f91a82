// SPDX-License-Identifier: Apache-2.0
// From a file to a Profile: gzip'd or plain profile.proto of any producer, or the text form of gperftools'
// and jemalloc's heap profiles.
//
// Thread-safety: functions without state. Errors: Failure, whose line does not name the file.
#ifndef HEAPPROF_TOOLS_PROFILE_LOAD_H_
#define HEAPPROF_TOOLS_PROFILE_LOAD_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/profile/profile.h"
#include "tools/reader/inflate.h"

namespace heapprof::tools {

// Has paths that begin with one of `starts` ("clickhouse://") loaded by `load`, which is given the path and
// the bound on bytes. Once, before anything is loaded.
using AddressLoader = Profile (*)(const std::string& address, uint64_t max_bytes);
void SetAddressLoader(std::vector<std::string> starts, AddressLoader load);
// True if `path` is such an address, and no file.
bool IsAddress(std::string_view path);

struct LoadOptions {
  // The bound on the inflated bytes, and on the bytes of the Profile made of them.
  uint64_t max_bytes = kDefaultInflatedLimit;
  // Take out the frames that the profile's drop_frames names, as every view of it does; a profile that is to
  // be written again keeps them.
  bool apply_drop_frames = true;
  // Is given each profile that was loaded, before frames are dropped: that goes by names, which may be put in
  // here.
  std::function<void(Profile*)> prepare;
  // Of several files: earlier dumps of a process, and files that are there twice, are summed like the others.
  bool keep_duplicates = false;
  // Of files of several kinds those are summed that have this sample type; empty: those that are most.
  std::string type;
};

// What of the options is done to a profile that was loaded without them.
void PrepareProfile(Profile* profile, const LoadOptions& options);

// "-" is standard input.
Profile LoadProfile(const std::string& path, const LoadOptions& options = {});

// Like LoadProfile, with the file's name in front of a failure's line.
Profile LoadNamedProfile(const std::string& path, const LoadOptions& options = {});

// The part of LoadProfile behind the file: the source may be any.
Profile LoadProfile(ProfileSource* source, const LoadOptions& options);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROFILE_LOAD_H_
