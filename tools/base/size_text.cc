// SPDX-License-Identifier: Apache-2.0
#include "tools/base/size_text.h"

#include "base/size_text.h"
#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

bool Read(const std::string& text, uint64_t* size) {
  return ReadSize(text.data(), text.size(), UINT64_MAX, size);
}

}  // namespace

std::string CheckSize(const std::string& text) {
  uint64_t size;
  return Read(text, &size) ? "" : "'" + Printable(text) + "' is no size (a number, with k, m or g)";
}

uint64_t ParseSize(const std::string& text) {
  uint64_t size = 0;
  Read(text, &size);
  return size;
}

}  // namespace heapprof::tools
