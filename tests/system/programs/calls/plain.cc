// SPDX-License-Identifier: Apache-2.0
// An ordinary program: allocates, then does what its arguments say, one after the other.
//   signal        raises SIGUSR2
//   dump          heapprof_dump_heap(NULL); the result must be 0
//   fails         heapprof_dump_heap(NULL); the result must be negative
//   to PATH       heapprof_dump_heap(PATH); prints the result
//   exhaust       allocates until malloc and new fail, gives all back, and goes on
//   nofiles       allows itself no further descriptor
//   fds           prints the number of open descriptors
//   title         writes a title over its first word, as daemons do for ps
//   secure        prints AT_SECURE and whether SIGUSR2 has its default effect
#include <dirent.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <new>
#include <string>
#include <vector>

#include "tests/system/programs/churn.h"

namespace {

int OpenDescriptors() {
  int count = 0;
  DIR* folder = opendir("/proc/self/fd");
  CHECK(folder != nullptr);
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 3;  // ".", ".." and the folder's own
}

void Exhaust() {
  struct Link {
    Link* next;
  };
  Link* all = nullptr;
  constexpr size_t kSize = 1 << 20;
  errno = 0;
  while (void* block = malloc(kSize)) {
    memset(block, 1, 4096);
    all = new (block) Link{all};
  }
  CHECK(errno == ENOMEM && all != nullptr);
  bool thrown = false;
  try {
    for (int i = 0; i < 1000; ++i) all = new (operator new(16 << 20)) Link{all};
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  CHECK(thrown);
  CHECK(new (std::nothrow) char[1u << 30] == nullptr);
  while (all != nullptr) {
    Link* next = all->next;
    free(all);
    all = next;
  }
  Churn(8).Steps(1000);
}

void Secure() {
  // The kernel's answer, as libc's is that of a program without the library.
  unsigned long action[4] = {};
  CHECK(syscall(SYS_rt_sigaction, SIGUSR2, nullptr, action, 8) == 0);
  printf("secure %lu default %d interval %zu\n", getauxval(AT_SECURE), action[0] == 0,
         HasLibrary() ? heapprof_sample_interval() : 0);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> kept(1000, std::string(100, 'k'));
  Churn churn(7);
  churn.Steps(1000);
  for (int i = 1; i < argc; ++i) {
    const std::string what = argv[i];
    if (what == "signal") raise(SIGUSR2);
    if (what == "dump") CHECK(heapprof_dump_heap(nullptr) == 0);
    if (what == "fails") CHECK(heapprof_dump_heap(nullptr) < 0);
    if (what == "to") printf("result %d\n", heapprof_dump_heap(argv[++i]));
    if (what == "exhaust") Exhaust();
    if (what == "nofiles") {
      const rlimit none{3, 3};
      CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    if (what == "fds") printf("open %d\n", OpenDescriptors());
    if (what == "title") {
      for (size_t at = 0; argv[0][at] != '\0'; ++at) argv[0][at] = "a/title"[at % 7];
    }
    if (what == "secure") Secure();
    churn.Steps(10);
  }
  Finish();
  return 7;
}
