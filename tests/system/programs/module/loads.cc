// SPDX-License-Identifier: Apache-2.0
// Tries to load libraries, which a program linked with -static cannot: it is told so, and goes on.
#include <dlfcn.h>

#include <initializer_list>

#include "tests/system/programs/program.h"

int main() {
  for (int i = 0; i < 3; ++i) {
    for (const char* file : {"libm.so.6", "libnowhere.so", static_cast<const char*>(nullptr)}) {
      CHECK(dlopen(file, RTLD_NOW) == nullptr);
    }
  }
  Finish();
}
