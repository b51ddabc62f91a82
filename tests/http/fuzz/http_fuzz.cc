// SPDX-License-Identifier: Apache-2.0
// Reads any bytes as a request, and looks for what must hold whatever they are.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

#include "http/address.h"
#include "http/request.h"

using heapprof::Text;
using heapprof::http::Address;
using heapprof::http::CleanPath;
using heapprof::http::Escape;
using heapprof::http::Piece;
using heapprof::http::Request;
using heapprof::http::Unescape;

namespace {

void Require(bool holds) {
  if (!holds) abort();
}

void LiesWithin(Piece piece, const char* data, size_t size) {
  Require(piece.size == 0 || (piece.data >= data && piece.data + piece.size <= data + size));
}

void ReadAsRequest(const char* data, size_t size) {
  Request request;
  const int status = ParseHead(data, size, &request);
  Require(status == heapprof::http::kComplete || status == heapprof::http::kIncomplete ||
          (status >= 400 && status < 600));
  if (status == heapprof::http::kIncomplete) Require(size < heapprof::http::kMaxHead);
  if (status != heapprof::http::kComplete) return;
  Require(request.head_bytes <= size && request.body_bytes <= heapprof::http::kMaxBody);
  LiesWithin(request.method, data, size);
  LiesWithin(request.path, data, size);
  LiesWithin(request.query, data, size);
  Require(request.path.size > 0 && request.path.data[0] == '/');
  // What came before the end was no whole head.
  Request shorter;
  Require(ParseHead(data, request.head_bytes - 1, &shorter) == heapprof::http::kIncomplete);
  const size_t rest = size - request.head_bytes;
  request.body = {data + request.head_bytes, rest < request.body_bytes ? rest : request.body_bytes};
  Text<64> value;
  for (const char* key : {"seconds", "debug", "", "sample_interval"}) {
    FormValue(request, key, &value);
    Require(strlen(value.data()) == value.size() && !value.cut());
    IntValue(request, key);
  }
  Text<512> path;
  if (!Unescape(request.path, false, &path)) return;
  Require(strlen(path.data()) == path.size());
  Text<512> clean, again;
  if (!CleanPath(path.data(), &clean)) return;
  Require(CleanPath(clean.data(), &again) && strcmp(clean.data(), again.data()) == 0);
  Text<2048> escaped;
  Escape(clean.data(), &escaped);
  again.Clear();
  Require(Unescape({escaped.data(), escaped.size()}, false, &again) &&
          strcmp(clean.data(), again.data()) == 0);
}

void ReadAsAddress(const char* data, size_t size) {
  Text<256> text;
  text.Str(data, size < 200 ? size : 200);
  Address address, again;
  if (!ParseAddress(text.data(), &address)) return;
  Require(address.size <= sizeof(address.local));
  Text<512> shown;
  PutAddress(address, &shown);
  const char* plain = strncmp(shown.data(), "http://", 7) == 0 ? shown.data() + 7 : shown.data();
  Require(ParseAddress(plain, &again) && again.size == address.size &&
          memcmp(&again, &address, address.size) == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In memory of just that size: a byte too many is found.
  auto* copy = static_cast<char*>(malloc(size == 0 ? 1 : size));
  memcpy(copy, data, size);
  ReadAsRequest(copy, size);
  ReadAsAddress(copy, size);
  free(copy);
  return 0;
}
