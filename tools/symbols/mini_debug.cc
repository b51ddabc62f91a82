// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/mini_debug.h"

#include <lzma.h>

#include <vector>

namespace heapprof::tools {

std::string InflateXz(std::string_view packed) {
  constexpr size_t kMaxBytes = 256 << 20;
  constexpr uint64_t kMaxMemory = 128 << 20;
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, kMaxMemory, 0) != LZMA_OK) return "";
  std::string out;
  std::vector<uint8_t> piece(1 << 16);
  stream.next_in = reinterpret_cast<const uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  lzma_ret result = LZMA_OK;
  while (result == LZMA_OK && out.size() <= kMaxBytes) {
    stream.next_out = piece.data();
    stream.avail_out = piece.size();
    result = lzma_code(&stream, LZMA_FINISH);
    out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
  }
  lzma_end(&stream);
  return result == LZMA_STREAM_END ? out : "";
}

}  // namespace heapprof::tools
