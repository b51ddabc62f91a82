// SPDX-License-Identifier: Apache-2.0
// A program in which threads come with a plug-in: late_threads PLUGIN. Prints the number of a key of theirs,
// forks beside and without threads, and loses a block.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

__attribute__((noinline)) void* LoseBlock() { return malloc(3000); }

bool ChildAllocates() {
  const pid_t child = fork();
  if (child == 0) {
    void* block = malloc(100);
    free(block);
    _exit(block == nullptr ? 1 : 0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || LoseBlock() == nullptr || !ChildAllocates()) return 1;
  for (int i = 0; i < 20; ++i) {
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) return 2;
    auto* late_key = reinterpret_cast<int (*)()>(dlsym(plugin, "LateKey"));
    const int key = late_key != nullptr ? late_key() : -1;
    if (key < 0) return 3;
    if (i == 0) printf("%d\n", key);
    if (i < 19 && dlclose(plugin) != 0) return 4;
  }
  return ChildAllocates() ? 0 : 5;
}
