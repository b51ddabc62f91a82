// SPDX-License-Identifier: Apache-2.0
// Reads back what the writers wrote, with zlib's inflate and the code that protoc generates.
#ifndef HEAPPROF_TESTS_PROTO_DECODE_H_
#define HEAPPROF_TESTS_PROTO_DECODE_H_

#include <gtest/gtest.h>

#include <string>

#include "profile.pb.h"
#include "proto/byte_sink.h"

namespace heapprof {

// Keeps everything; fails with `error` once `limit` bytes were taken.
class StringSink final : public ByteSink {
 public:
  int Write(const void* data, size_t size) override;

  std::string data;
  size_t limit = SIZE_MAX;
  int error = 0;
  size_t calls = 0;
  size_t largest = 0;
};

// The contents of one gzip member. Fails the test if there is not exactly one, whole and undamaged.
std::string Gunzip(const std::string& compressed);

// The message that `bytes` are; fails the test if they are none.
template <class Message>
Message Parsed(const std::string& bytes) {
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

// Both steps; fails the test if the bytes are no Profile.
pb::Profile DecodeProfile(const std::string& compressed);

// The string of a profile's table; fails the test if there is none.
std::string Text(const pb::Profile& profile, int64_t index);

}  // namespace heapprof

#endif  // HEAPPROF_TESTS_PROTO_DECODE_H_
