// SPDX-License-Identifier: Apache-2.0
// In C: no library comes into it because of ours. argv[1]: a plug-in in C++ that brings its runtime for
// itself alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int loaded(const char* name) {
  FILE* maps = fopen("/proc/self/maps", "r");
  char line[4096];
  int found = 0;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) found |= strstr(line, name) != NULL;
  if (maps != NULL) fclose(maps);
  return found;
}

int main(int argc, char** argv) {
  printf("heapprof %d libstdc++ %d libm %d libgcc_s %d\n", loaded("/libheapprof.so"), loaded("/libstdc++.so"),
         loaded("/libm.so"), loaded("/libgcc_s.so"));
  // operator new(size_t, const std::nothrow_t&), which may find no runtime to throw with, and needs none.
  void* (*nothrow_new)(size_t, const void*);
  *(void**)&nothrow_new = dlsym(RTLD_DEFAULT, "_ZnwmRKSt9nothrow_t");
  if (nothrow_new == NULL) return 1;
  printf("without throwing %d", nothrow_new(PTRDIFF_MAX, "") == NULL);
  printf(" libstdc++ %d\n", loaded("/libstdc++.so"));
  void* plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  if (plugin == NULL) return 1;
  int (*fails)(void);
  *(void**)&fails = dlsym(plugin, "NewFails");
  printf("%d of 5\n", fails());
  return 0;
}
