// SPDX-License-Identifier: Apache-2.0
// Exceptions thrown, caught, nested, rethrown and carried between threads; 4 threads.   exceptions ROUNDS
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

NOINLINE void Thrower(int depth) {
  const std::string held(static_cast<size_t>(40 + depth), 'x');
  if (depth == 0) throw std::runtime_error(held);
  try {
    Thrower(depth - 1);
  } catch (const std::logic_error&) {  // never: looked at and passed by
    CHECK(false);
  }
}

NOINLINE void Nested() {
  try {
    Thrower(3);
  } catch (...) {
    std::throw_with_nested(std::invalid_argument("outer"));
  }
}

void Round() {
  int caught = 0;
  try {
    Nested();
  } catch (const std::exception& outer) {
    try {
      std::rethrow_if_nested(outer);
    } catch (const std::runtime_error& inner) {
      caught = static_cast<int>(strlen(inner.what()));
    }
  }
  CHECK(caught == 40);
  std::exception_ptr carried;
  std::thread([&carried] {
    try {
      Thrower(2);
    } catch (...) {
      carried = std::current_exception();
    }
  }).join();
  try {
    std::rethrow_exception(carried);
  } catch (const std::runtime_error& caught_here) {
    CHECK(caught_here.what()[0] == 'x');
  }
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  const int rounds = atoi(argv[1]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([rounds] {
      for (int round = 0; round < rounds; ++round) Round();
    });
  }
  for (std::thread& thread : threads) thread.join();
  Dump();
  Finish();
}
