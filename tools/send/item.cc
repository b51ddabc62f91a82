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

std::string ContentId(std::string_view bytes) {
  // FNV-1a, from two beginnings.
  constexpr uint64_t kPrime = 0x100000001b3, kBeginnings[] = {0xcbf29ce484222325, 0x84222325cbf29ce4};
  std::string id;
  for (uint64_t hash : kBeginnings) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
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
