// SPDX-License-Identifier: Apache-2.0
// The new handler under RLIMIT_AS: it gives memory back and the allocation succeeds with its alignment; it
// throws a type of its own and that arrives; without one there is bad_alloc, and null from the nothrow forms.
#include <stdint.h>
#include <sys/resource.h>

#include <initializer_list>
#include <new>

#include "tests/system/programs/program.h"

namespace {

constexpr size_t kLimit = size_t{1000} << 20;
constexpr size_t kReserve = size_t{640} << 20;
constexpr size_t kLarge = size_t{512} << 20;  // fits only when the reserve has been given back

struct OutOfMemory : std::bad_alloc {
  int code = 5;
};

void* g_reserve;
int g_calls;

void GiveBack() {
  ++g_calls;
  if (g_calls == 3) {
    free(g_reserve);
    g_reserve = nullptr;
  }
  CHECK(g_calls < 10);
}

void ThrowOwn() {
  ++g_calls;
  throw OutOfMemory();
}

void Retries(size_t alignment) {
  g_reserve = malloc(kReserve);
  CHECK(g_reserve != nullptr);
  g_calls = 0;
  std::set_new_handler(GiveBack);
  void* block =
      alignment == 0 ? ::operator new(kLarge) : ::operator new (kLarge, std::align_val_t{alignment});
  CHECK(g_calls == 3);
  CHECK(alignment == 0 || reinterpret_cast<uintptr_t>(block) % alignment == 0);
  alignment == 0 ? ::operator delete(block) : ::operator delete (block, std::align_val_t{alignment});
}

template <typename Call>
void ThrowsOwnType(Call call) {
  g_calls = 0;
  std::set_new_handler(ThrowOwn);
  int code = 0;
  try {
    call();
  } catch (const OutOfMemory& error) {
    code = error.code;
  }
  CHECK(code == 5 && g_calls == 1);
  std::set_new_handler(nullptr);
  bool plain = false;
  try {
    call();
  } catch (const OutOfMemory&) {
  } catch (const std::bad_alloc&) {
    plain = true;
  }
  CHECK(plain);
}

template <typename Call>
void GivesNull(Call call) {
  g_calls = 0;
  std::set_new_handler(ThrowOwn);
  CHECK(call() == nullptr);
  CHECK(g_calls == 1);
  std::set_new_handler(nullptr);
  CHECK(call() == nullptr);
}

}  // namespace

int main() {
  rlimit limit = {kLimit, kLimit};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  for (size_t alignment : {size_t{0}, size_t{64}, size_t{1} << 16}) Retries(alignment);
  constexpr auto kAlign = std::align_val_t{128};
  for (size_t size : {kLimit, size_t{PTRDIFF_MAX}, SIZE_MAX}) {
    ThrowsOwnType([size] { return ::operator new(size); });
    ThrowsOwnType([size] { return ::operator new[](size); });
    ThrowsOwnType([size] { return ::operator new(size, kAlign); });
    ThrowsOwnType([size] { return ::operator new[](size, kAlign); });
    GivesNull([size] { return ::operator new(size, std::nothrow); });
    GivesNull([size] { return ::operator new[](size, std::nothrow); });
    GivesNull([size] { return ::operator new(size, kAlign, std::nothrow); });
    GivesNull([size] { return ::operator new[](size, kAlign, std::nothrow); });
  }
  Finish();
}
