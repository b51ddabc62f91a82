// SPDX-License-Identifier: Apache-2.0
// The C functions of named profiles. A heapprof_profile is a NamedProfile.
#include <errno.h>

#include "heapprof/heapprof.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/unwind/caller_frame.h"

#define HEAPPROF_API __attribute__((visibility("default")))

namespace {

heapprof_profile* Handle(heapprof::NamedProfile* profile) {
  return reinterpret_cast<heapprof_profile*>(profile);
}

heapprof::NamedProfile* Inside(heapprof_profile* profile) {
  return reinterpret_cast<heapprof::NamedProfile*>(profile);
}
const heapprof::NamedProfile* Inside(const heapprof_profile* profile) {
  return reinterpret_cast<const heapprof::NamedProfile*>(profile);
}

}  // namespace

extern "C" {

HEAPPROF_API heapprof_profile* heapprof_profile_new(const char* name) {
  heapprof::NamedProfile* profile = nullptr;
  int error = heapprof::ProcessProfiles().Make(name, &profile);
  if (error != 0) errno = -error;
  return Handle(profile);
}

HEAPPROF_API heapprof_profile* heapprof_profile_lookup(const char* name) {
  return Handle(heapprof::ProcessProfiles().Lookup(name));
}

HEAPPROF_API size_t heapprof_profile_list(heapprof_profile** out, size_t capacity) {
  return heapprof::ProcessProfiles().List(reinterpret_cast<heapprof::NamedProfile**>(out), capacity);
}

HEAPPROF_API const char* heapprof_profile_name(const heapprof_profile* profile) {
  return profile == nullptr ? "" : Inside(profile)->name;
}

HEAPPROF_API size_t heapprof_profile_count(const heapprof_profile* profile) {
  return profile == nullptr ? 0 : heapprof::ProfileCount(*Inside(profile));
}

HEAPPROF_API int heapprof_profile_add(heapprof_profile* profile, const void* key, int skip) {
  heapprof::CallerFrame caller = HEAPPROF_CALLER_FRAME();
  if (profile == nullptr || skip < 0) return -EINVAL;
  return heapprof::ProcessProfiles().Add(Inside(profile), key, static_cast<size_t>(skip), caller);
}

HEAPPROF_API int heapprof_profile_add_value(heapprof_profile* profile, const void* key, int skip,
                                            int64_t count, int64_t amount, const char* unit) {
  heapprof::CallerFrame caller = HEAPPROF_CALLER_FRAME();
  if (profile == nullptr || skip < 0) return -EINVAL;
  return heapprof::ProcessProfiles().AddValue(Inside(profile), key, static_cast<size_t>(skip),
                                              {count, amount, unit}, caller);
}

HEAPPROF_API int heapprof_profile_remove(heapprof_profile* profile, const void* key) {
  if (profile == nullptr) return -EINVAL;
  return heapprof::ProcessProfiles().Remove(Inside(profile), key);
}

}  // extern "C"
