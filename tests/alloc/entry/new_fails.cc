// SPDX-License-Identifier: Apache-2.0
// A plug-in in C++: operator new fails in all its ways. Says how many were as the standard has them.
#include <stddef.h>
#include <stdint.h>

#include <new>

namespace {

struct OutOfMemory {};
void ThrowOwn() { throw OutOfMemory(); }
constexpr size_t kTooMuch = PTRDIFF_MAX;

template <typename Exception, typename Call>
int Throws(Call call) {
  try {
    call();
  } catch (const Exception&) {
    return 1;
  }
  return 0;
}

}  // namespace

extern "C" int NewFails(void) {
  int good = Throws<std::bad_alloc>([] { return ::operator new(kTooMuch); });
  good += Throws<std::bad_alloc>([] { return ::operator new (kTooMuch, std::align_val_t{128}); });
  good += ::operator new(kTooMuch, std::nothrow) == nullptr;
  std::set_new_handler(ThrowOwn);
  good += Throws<OutOfMemory>([] { return ::operator new(kTooMuch); });
  good += ::operator new(kTooMuch, std::nothrow) == nullptr;
  std::set_new_handler(nullptr);
  return good;
}
