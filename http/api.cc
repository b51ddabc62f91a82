// SPDX-License-Identifier: Apache-2.0
// The C function that answers a request of the program's own server.
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <atomic>

#include "base/lock/futex.h"
#include "base/system/raw_syscall.h"
#include "heapprof/heapprof.h"
#include "http/exchange.h"
#include "sampling/unwind/caller_frame.h"

#define HEAPPROF_API __attribute__((visibility("default")))

namespace {

using heapprof::http::Piece;

// The fields that the caller's header knows.
heapprof_http_request Known(const heapprof_http_request& request) {
  heapprof_http_request known = {};
  memcpy(&known, &request, request.size < sizeof(known) ? request.size : sizeof(known));
  return known;
}

bool IsForm(const char* type) {
  constexpr char kForm[] = "application/x-www-form-urlencoded";
  return type != nullptr && strncmp(type, kForm, strlen(kForm)) == 0;
}

void Sleep(int64_t nanos) {
  const std::atomic<uint32_t> nobody{0};
  const int64_t until = heapprof::RawMonotonicNanos() + nanos;
  for (int64_t left = nanos; left > 0; left = until - heapprof::RawMonotonicNanos()) {
    heapprof::FutexWait(&nobody, 0U, left);
  }
}

void Hand(const heapprof::http::Answer& answer, heapprof_http_writer write, void* argument) {
  heapprof_http_header headers[heapprof::http::Answer::kMaxFields + 1];
  size_t count = 0;
  headers[count++] = {"Content-Type", answer.type()};
  for (size_t i = 0; i < answer.field_count(); ++i) {
    headers[count++] = {answer.fields()[i].name, answer.fields()[i].value};
  }
  const heapprof_http_response response = {sizeof(response),     answer.status(),     headers, count,
                                           answer.body().data(), answer.body().size()};
  write(argument, &response);
}

}  // namespace

extern "C" {

HEAPPROF_API int heapprof_http(const struct heapprof_http_request* request, heapprof_http_writer write,
                               void* argument) {
  constexpr size_t kMin = offsetof(struct heapprof_http_request, target) + sizeof(char*);
  if (request == nullptr || write == nullptr || request->size < kMin) return -EINVAL;
  const heapprof_http_request known = Known(*request);
  if (known.method == nullptr || known.target == nullptr) return -EINVAL;
  heapprof::http::Request parsed;
  parsed.method = {known.method, strlen(known.method)};
  const Piece target = {known.target, strlen(known.target)};
  if (!heapprof::http::ParseTarget(target, &parsed.path, &parsed.query)) return -EINVAL;
  if (known.body != nullptr) parsed.body = {static_cast<const char*>(known.body), known.body_size};
  parsed.is_form = IsForm(known.content_type);
  parsed.has_origin = known.origin != nullptr && *known.origin != '\0';
  const heapprof::http::Caller caller = {heapprof::http::CallerKind::kProgram, HEAPPROF_CALLER_FRAME()};
  heapprof::http::Exchange exchange(caller);
  if (const int64_t wait = exchange.Begin(parsed)) {
    Sleep(wait);
    exchange.Finish();
  }
  if (!exchange.found()) return -ENOENT;
  Hand(exchange.answer(), write, argument);
  return 0;
}

}  // extern "C"
