// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/emergency_pool.h"

#include <utility>

#include "tools/blame/plumbing.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"
#include "tools/profile/interner.h"

namespace heapprof::tools {
namespace {

// 71 KiB in gcc 5 to 14; it depends on the machine, and from gcc 13 on can be tuned.
constexpr int64_t kMinSize = 16 << 10, kMaxSize = 1 << 20;

bool BeginsWith(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

class PoolNamer {
 public:
  explicit PoolNamer(Profile* profile) : profile_(*profile) {}

  std::vector<uint32_t> Run() {
    if (!HasBytes()) return {};
    // Few locations can be it, and samples are many.
    std::vector<bool> constructors, of_library;
    bool any = false;
    for (const ProfileLocation& location : profile_.locations) {
      constructors.push_back(IsConstructor(location));
      of_library.push_back(IsOfLibrary(location));
      any = any || constructors.back() || of_library.back();
    }
    for (size_t at = 0; any && at < profile_.samples.size(); ++at) {
      const ProfileSample& sample = profile_.samples[at];
      const Range<uint32_t> stack = profile_.stack(sample);
      for (size_t i = 0; i < stack.size(); ++i) {
        if (!constructors[stack[i]] && !of_library[stack[i]]) continue;
        const ProfileLocation& location = profile_.locations[stack[i]];
        const bool is_called =
            constructors[stack[i]] || (i + 1 < stack.size() && IsLoader(profile_.locations[stack[i + 1]]));
        const bool is_named = location.line_count == 1 && location.first_line == line_;
        if (is_called && !is_named && HasSize(sample)) Name(stack[i]);
      }
    }
    return std::move(named_);
  }

 private:
  // Code of libstdc++ that asks for time, or stands under a thread's start, asks for no pool.
  bool HasBytes() const {
    for (size_t type = 0; type < profile_.type_count(); ++type) {
      if (profile_.unit_name(type) == "bytes") return true;
    }
    return false;
  }
  std::string_view Module(const ProfileLocation& location) const {
    if (location.mapping == kNone) return "";
    return BaseName(profile_.text(profile_.mappings[location.mapping].filename));
  }
  std::string_view OutermostName(const ProfileLocation& location) const {
    if (location.line_count == 0) return "";
    const uint32_t function = profile_.lines[location.first_line + location.line_count - 1].function;
    return function == kNone ? "" : profile_.text(profile_.functions[function].name);
  }
  bool IsOfLibrary(const ProfileLocation& location) const {
    return location.line_count == 0 && BeginsWith(Module(location), "libstdc++.so");
  }
  bool IsConstructor(const ProfileLocation& location) const {
    const std::string_view name = OutermostName(location);
    return name == "_GLOBAL__sub_I_eh_alloc.cc" || name == "_GLOBAL__sub_I__ZN9__gnu_cxx9__freeresEv";
  }
  // What calls initializers: the dynamic linker, with names or without.
  bool IsLoader(const ProfileLocation& location) const {
    const std::string_view name = OutermostName(location);
    if (!name.empty()) return Plumbing::Default().OfName(BareName(name)) == Blame::kStart;
    return BeginsWith(Module(location), "ld-");
  }
  bool HasSize(const ProfileSample& sample) const {
    for (const ProfileLabel& label : profile_.labels_of(sample)) {
      if (label.str == 0 && profile_.text(label.key) == "bytes") {
        return label.num >= kMinSize && label.num <= kMaxSize;
      }
    }
    return true;  // not told
  }

  void Name(uint32_t at) {
    if (function_ == kNone) {
      function_ = static_cast<uint32_t>(profile_.functions.size());
      ProfileFunction function;
      function.name = static_cast<uint32_t>(Interner(&profile_.header.strings).Intern(kEmergencyPool));
      profile_.functions.push_back(function);
      line_ = static_cast<uint32_t>(profile_.lines.size());
      profile_.lines.push_back({function_, 0});
    }
    profile_.locations[at].first_line = line_;
    profile_.locations[at].line_count = 1;
    named_.push_back(at);
  }

  Profile& profile_;
  uint32_t function_ = kNone, line_ = kNone;
  std::vector<uint32_t> named_;
};

}  // namespace

std::vector<uint32_t> NameEmergencyPool(Profile* profile) { return PoolNamer(profile).Run(); }

}  // namespace heapprof::tools
