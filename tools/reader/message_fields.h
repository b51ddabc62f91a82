// SPDX-License-Identifier: Apache-2.0
// The fields of a small message in memory, with their wire types checked: protozero does so by assert only.
//
// Thread-safety: functions without state. Errors: Failure, or protozero::exception where the bytes end early.
#ifndef HEAPPROF_TOOLS_READER_MESSAGE_FIELDS_H_
#define HEAPPROF_TOOLS_READER_MESSAGE_FIELDS_H_

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <vector>

#include "tools/base/failure.h"

namespace heapprof::tools {

inline uint64_t Number(protozero::pbf_reader* message) {
  if (message->wire_type() != protozero::pbf_wire_type::varint)
    throw Failure("not a profile: a number is no varint");
  return message->get_uint64();
}

inline int64_t Signed(uint64_t value) { return static_cast<int64_t>(value); }

inline protozero::pbf_reader Nested(protozero::pbf_reader* message) {
  if (message->wire_type() != protozero::pbf_wire_type::length_delimited) {
    throw Failure("not a profile: a message is no message");
  }
  return message->get_message();
}

// Repeated numbers come packed or one by one.
template <typename T>
void AppendNumbers(protozero::pbf_reader* message, std::vector<T>* to) {
  if (message->wire_type() == protozero::pbf_wire_type::varint) {
    to->push_back(static_cast<T>(message->get_uint64()));
    return;
  }
  if (message->wire_type() != protozero::pbf_wire_type::length_delimited) {
    throw Failure("not a profile: a number is no varint");
  }
  for (const uint64_t value : message->get_packed_uint64()) to->push_back(static_cast<T>(value));
}

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_READER_MESSAGE_FIELDS_H_
