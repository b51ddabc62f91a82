// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/row_reader.h"

#include "tools/base/failure.h"

namespace heapprof::tools::clickhouse {
namespace {

[[noreturn]] void FailAtEnd() {
  throw Failure("the server's answer is not what was asked for, or not whole");
}

}  // namespace

uint64_t RowReader::Length() {
  uint64_t length = 0;
  for (unsigned shift = 0; shift < 63; shift += 7) {
    const auto byte = static_cast<uint8_t>(Take(1)[0]);
    length |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return length;
  }
  FailAtEnd();
}

std::string_view RowReader::Take(uint64_t size) {
  if (size > rest_.size()) FailAtEnd();
  const std::string_view taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

void RowReader::CheckRoom(uint64_t count, uint64_t least_size) const {
  if (count > rest_.size() / least_size) FailAtEnd();
}

std::vector<std::string_view> RowReader::Texts() {
  const uint64_t count = Length();
  CheckRoom(count, 1);
  std::vector<std::string_view> texts;
  texts.reserve(count);
  for (uint64_t i = 0; i < count; ++i) texts.push_back(Text());
  return texts;
}

}  // namespace heapprof::tools::clickhouse
