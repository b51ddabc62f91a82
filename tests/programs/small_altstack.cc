// Dumps by signal on an alternate stack of the smallest size that the kernel allows, with a guard page below
// it; errno and the registers' contents must come back unchanged.
#include <sys/auxv.h>
#include <sys/mman.h>

#include <algorithm>
#include <thread>

#include "tests/programs/churn.h"

namespace {

constexpr size_t kPage = 4096;

void OnSmallStack() {
  const size_t size = std::max<size_t>(getauxval(AT_MINSIGSTKSZ), MINSIGSTKSZ);
  const size_t room = (size + kPage - 1) / kPage * kPage;
  char* memory =
      static_cast<char*>(mmap(nullptr, room + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(memory != MAP_FAILED && mprotect(memory + kPage, room, PROT_READ | PROT_WRITE) == 0);
  stack_t stack{};
  stack.ss_sp = memory + kPage;  // its low end is the guard
  stack.ss_size = size;
  CHECK(sigaltstack(&stack, nullptr) == 0);
  Churn churn(1);
  for (int round = 0; round < 20; ++round) {
    churn.Steps(50);
    errno = 4242;
    const double kept = 0.1 * round;
    DumpBySignal();
    CHECK(errno == 4242);
    CHECK(kept == 0.1 * round);
  }
  stack.ss_flags = SS_DISABLE;
  CHECK(sigaltstack(&stack, nullptr) == 0);
  munmap(memory, room + kPage);
}

}  // namespace

int main() {
  OnSmallStack();
  std::thread(OnSmallStack).join();
  const auto stats = Stats();
  CHECK(!HasLibrary() || stats.dumps + stats.failed_dumps == 40);
  Finish();
}
