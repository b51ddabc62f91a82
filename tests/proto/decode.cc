// SPDX-License-Identifier: Apache-2.0
#include "tests/proto/decode.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

namespace heapprof {

int StringSink::Write(const void* bytes, size_t size) {
  calls++;
  largest = std::max(largest, size);
  if (data.size() + size > limit) return error;
  data.append(static_cast<const char*>(bytes), size);
  return 0;
}

std::string Gunzip(const std::string& compressed) {
  z_stream z = {};
  EXPECT_EQ(inflateInit2(&z, 15 + 16), Z_OK);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  z.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  int result = Z_OK;
  while (result == Z_OK) {
    char piece[65536];
    z.next_out = reinterpret_cast<Bytef*>(piece);
    z.avail_out = sizeof(piece);
    result = inflate(&z, Z_NO_FLUSH);
    out.append(piece, sizeof(piece) - z.avail_out);
  }
  EXPECT_EQ(result, Z_STREAM_END);
  EXPECT_EQ(z.avail_in, 0u) << "bytes after the end";
  inflateEnd(&z);
  return out;
}

pb::Profile DecodeProfile(const std::string& compressed) { return Parsed<pb::Profile>(Gunzip(compressed)); }

std::string Text(const pb::Profile& profile, int64_t index) {
  if (index < 0 || index >= profile.string_table_size()) {
    ADD_FAILURE() << "no string " << index;
    return "";
  }
  return profile.string_table(static_cast<int>(index));
}

}  // namespace heapprof
