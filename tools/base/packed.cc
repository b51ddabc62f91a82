// SPDX-License-Identifier: Apache-2.0
#include "tools/base/packed.h"

#include <zlib.h>

namespace heapprof::tools {

std::string_view PackedReader::Take(uint64_t size) {
  good_ = good_ && size <= rest_.size();
  if (!good_) return {};
  const std::string_view piece = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return piece;
}

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

}  // namespace heapprof::tools
