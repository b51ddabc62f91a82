// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/process_rights.h"

#include <string.h>
#include <sys/types.h>

#include "base/hash.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

bool BeginsWith(const char* line, const char* prefix) { return strncmp(line, prefix, strlen(prefix)) == 0; }

}  // namespace

uint64_t HashOfRights(int status) {
  static constexpr const char* kLines[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp"};
  char text[1024], name[16];
  uint64_t hash = 1;
  off_t place = 0;
  size_t column = 0;
  bool counts = false;
  // In pieces: the line of groups may have some hundred thousand characters.
  for (ssize_t got; (got = RawPread(status, text, sizeof(text), place)) > 0; place += got) {
    for (const char* at = text; at != text + got; ++at) {
      if (column < sizeof(name) - 1) {
        name[column] = *at;
        name[column + 1] = '\0';
      }
      if (*at == ':') {
        for (const char* prefix : kLines) counts = counts || BeginsWith(name, prefix);
      }
      if (counts) hash = MixBits(hash + static_cast<unsigned char>(*at));
      ++column;
      if (*at == '\n') {
        column = 0;
        counts = false;
      }
    }
  }
  return place == 0 ? 0 : hash;
}

}  // namespace heapprof
