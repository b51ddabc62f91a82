// SPDX-License-Identifier: Apache-2.0
// The C functions of the leak check. Those of LeakSanitizer's names are in lsan_api.cc.
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "heapprof/heapprof.h"
#include "leak/at_exit.h"
#include "leak/check.h"
#include "leak/quarantine.h"
#include "leak/search/roots.h"
#include "sampling/recorder.h"

#define HEAPPROF_API __attribute__((visibility("default")))

namespace recorder = heapprof::recorder;
namespace leak = heapprof::leak;

namespace {

struct Call {
  const leak::CheckRequest* request;
  leak::CheckResult result;
  int error;

  static void Run(void* self, const heapprof::SavedRegisters& caller) {
    auto* call = static_cast<Call*>(self);
    call->error = leak::RunCheck(*call->request, caller, &call->result);
  }
};

int CheckOnce(void*, const heapprof::SavedRegisters* caller) {
  leak::CheckOnce(*caller);
  return 0;
}
int CheckNow(void*, const heapprof::SavedRegisters* caller) { return leak::CheckAndReport(*caller) ? 1 : 0; }

int CheckLeaks(uint32_t since, unsigned flags, struct heapprof_leaks* leaks, heapprof_text_writer write,
               void* argument, const heapprof::SavedRegisters& caller) {
  heapprof::MemorySink text;
  leak::CheckRequest request;
  request.since = since;
  request.whole_report = false;
  request.list_live = (flags & HEAPPROF_LEAKS_ALIVE) != 0;
  if (write != nullptr) request.text = &text;
  int saved = errno;
  Call call = {&request, {}, -ENOMEM};
  leak::OnCheckStack(Call::Run, &call, caller);
  errno = saved;
  if (call.error != 0) return call.error;
  const leak::CheckResult& result = call.result;
  struct heapprof_leaks now = {};
  now.size = leaks->size;
  now.leaked_blocks = result.leaked_blocks;
  now.leaked_bytes = result.leaked_bytes;
  if (request.list_live) {
    now.alive_blocks = result.leaked_blocks + result.live_blocks;
    now.alive_bytes = result.leaked_bytes + result.live_bytes;
  }
  const size_t known = now.size < sizeof(now) ? now.size : sizeof(now);
  memcpy(leaks, &now, known);
  memset(reinterpret_cast<char*>(leaks) + known, 0, now.size - known);  // fields of later headers
  if (write != nullptr && text.size() > 0) write(argument, text.data(), text.size());
  return 0;
}

int CheckLeaksOfWords(uintptr_t since, uintptr_t flags, uintptr_t leaks, uintptr_t write, uintptr_t argument,
                      const heapprof::SavedRegisters* caller) {
  return CheckLeaks(static_cast<uint32_t>(since), static_cast<unsigned>(flags),
                    reinterpret_cast<struct heapprof_leaks*>(leaks),
                    reinterpret_cast<heapprof_text_writer>(write), reinterpret_cast<void*>(argument),
                    *caller);
}

}  // namespace

extern "C" {

HEAPPROF_API uint64_t heapprof_leak_mark(void) {
  heapprof::quarantine::SwitchOn();
  return recorder::NextLeakEpoch();
}

HEAPPROF_API int heapprof_check_leaks(uint64_t since, unsigned flags, struct heapprof_leaks* leaks,
                                      heapprof_text_writer write, void* argument) {
  constexpr size_t kMin = offsetof(struct heapprof_leaks, leaked_bytes) + sizeof(uint64_t);
  if (leaks == nullptr || leaks->size < kMin || since > UINT32_MAX || (flags & ~HEAPPROF_LEAKS_ALIVE) != 0) {
    return -EINVAL;
  }
  // A frame of our own would be searched as part of the stack, with whatever lay there before.
  return heapprof::CallWithRegisters(since, flags, reinterpret_cast<uintptr_t>(leaks),
                                     reinterpret_cast<uintptr_t>(write),
                                     reinterpret_cast<uintptr_t>(argument), CheckLeaksOfWords);
}

HEAPPROF_API void heapprof_leaks_disable(void) { recorder::IgnoreAllocations(true); }
HEAPPROF_API void heapprof_leaks_enable(void) { recorder::IgnoreAllocations(false); }
HEAPPROF_API void heapprof_ignore_object(const void* block) { recorder::IgnoreBlock(block); }
HEAPPROF_API int heapprof_register_root_region(const void* start, size_t size) {
  return leak::RegisterRegion(start, size) ? 0 : -ENOSPC;
}
HEAPPROF_API int heapprof_unregister_root_region(const void* start, size_t size) {
  return leak::UnregisterRegion(start, size) ? 0 : -ENOENT;
}
HEAPPROF_API void heapprof_do_leak_check(void) { heapprof::CallWithRegisters(CheckOnce, nullptr); }
HEAPPROF_API int heapprof_do_recoverable_leak_check(void) {
  return heapprof::CallWithRegisters(CheckNow, nullptr);
}

}  // extern "C"
