// SPDX-License-Identifier: Apache-2.0
// Answers any request that the parser lets pass, and looks for what must hold of each answer.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"
#include "tests/http/fake_profiles.h"

namespace {

using heapprof::http::Answer;
using heapprof::http::CallerKind;
using heapprof::http::Exchange;
using heapprof::http::Fake;
using heapprof::http::Request;

void Require(bool holds) {
  if (!holds) abort();
}

bool IsOfOneLine(const char* text) { return strpbrk(text, "\r\n") == nullptr; }

void CheckAnswer(const Answer& answer) {
  Require(answer.status() >= 200 && answer.status() < 600);
  Require(!answer.out_of_memory());
  Require(IsOfOneLine(answer.type()));
  for (size_t i = 0; i < answer.field_count(); ++i) {
    Require(IsOfOneLine(answer.fields()[i].name) && IsOfOneLine(answer.fields()[i].value));
  }
  heapprof::Text<4096> head;
  answer.WriteHead(0, &head);
  Require(!head.cut());
}

void Answered(const char* data, size_t size, bool own, bool finish) {
  Request request;
  if (ParseHead(data, size, &request) != heapprof::http::kComplete) return;
  const size_t rest = size - request.head_bytes;
  request.body = {data + request.head_bytes, rest < request.body_bytes ? rest : request.body_bytes};
  {
    Exchange exchange({own ? CallerKind::kOwnThread : CallerKind::kProgram, {}});
    const int64_t wait = exchange.Begin(request);
    Require(wait >= 0 && wait <= int64_t{86400} * 1'000'000'000);
    if (wait == 0 || finish) {
      if (wait != 0) exchange.Finish();
      CheckAnswer(exchange.answer());
    }
  }
  Require(!Fake().cpu && !Fake().wall && Fake().moments == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In memory of just that size: a byte too many is found.
  auto* copy = static_cast<char*>(malloc(size == 0 ? 1 : size));
  memcpy(copy, data, size);
  const int way = size == 0 ? 0 : data[size - 1];
  Fake().error = way % 16 == 15 ? -12 : 0;
  Answered(copy, size, way % 2 == 0, way % 4 < 2);
  free(copy);
  return 0;
}
