// SPDX-License-Identifier: Apache-2.0
#include "tools/send/item.h"

#include <sys/random.h>

#include <cstdio>

#include "tools/base/failure.h"

namespace heapprof::tools::send {

std::string NewId() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) throw Failure("the kernel gives no random bytes");
  std::string id;
  for (const unsigned char byte : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", byte);
    id += digits;
  }
  return id;
}

std::string LabelValue(const Item& item, const std::string& name) {
  for (const ItemLabel& label : item.labels) {
    if (label.name == name) return label.value;
  }
  return "";
}

}  // namespace heapprof::tools::send
