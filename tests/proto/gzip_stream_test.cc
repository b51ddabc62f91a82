// SPDX-License-Identifier: Apache-2.0
#include "proto/gzip_stream.h"

#include <errno.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "tests/proto/decode.h"

namespace heapprof {
namespace {

std::unique_ptr<GzipStream::Workspace> NewWorkspace() { return std::make_unique<GzipStream::Workspace>(); }

std::string Compress(const std::string& text, size_t piece) {
  StringSink sink;
  auto workspace = NewWorkspace();
  GzipStream gzip(&sink, workspace.get());
  for (size_t at = 0; at < text.size(); at += piece) {
    EXPECT_EQ(gzip.Write(text.data() + at, std::min(piece, text.size() - at)), 0);
  }
  EXPECT_EQ(gzip.Finish(), 0);
  return sink.data;
}

TEST(GzipStream, RoundTrips) {
  std::mt19937_64 random(1);
  for (size_t size : {0, 1, 1000, 16384, 65536, 3000000}) {
    for (int bits : {1, 8}) {  // one that compresses well, one that does not at all
      std::string text(size, '\0');
      for (char& c : text) c = static_cast<char>(random() >> (64 - bits));
      for (size_t piece : {size_t{4096}, size_t{7777}, size_t{4000000}}) {
        EXPECT_EQ(Gunzip(Compress(text, piece)), text) << size << " " << bits << " " << piece;
      }
    }
  }
}

TEST(GzipStream, HeaderHasNoTimeAndNoName) {
  std::string file = Compress("abc", 3);
  ASSERT_GT(file.size(), 10u);
  EXPECT_EQ(file.substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));
}

TEST(GzipStream, Compresses) {
  std::string text;
  for (int i = 0; i < 100000; i++) text += std::to_string(i);
  EXPECT_LT(Compress(text, 4096).size(), text.size() / 2);
}

TEST(GzipStream, ErrorsOfTheSinkStick) {
  StringSink sink;
  sink.limit = 20000;
  sink.error = -ENOSPC;
  auto workspace = NewWorkspace();
  GzipStream gzip(&sink, workspace.get());
  std::mt19937_64 random(1);
  std::string text(200000, '\0');
  for (char& c : text) c = static_cast<char>(random());
  EXPECT_EQ(gzip.Write(text.data(), text.size()), -ENOSPC);
  size_t calls = sink.calls;
  EXPECT_EQ(gzip.Write(text.data(), text.size()), -ENOSPC);
  EXPECT_EQ(gzip.Finish(), -ENOSPC);
  EXPECT_EQ(sink.calls, calls);
}

TEST(GzipStream, AnErrorInTheLastPieceComesOutOfFinish) {
  StringSink sink;
  sink.limit = 0;
  sink.error = -EIO;
  auto workspace = NewWorkspace();
  GzipStream gzip(&sink, workspace.get());
  EXPECT_EQ(gzip.Write("abc", 3), 0);  // zlib still holds it
  EXPECT_EQ(gzip.Finish(), -EIO);
}

}  // namespace
}  // namespace heapprof
