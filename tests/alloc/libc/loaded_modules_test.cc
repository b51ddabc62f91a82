// SPDX-License-Identifier: Apache-2.0
#include "alloc/libc/loaded_modules.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/older_libc.h"

namespace heapprof {
namespace {

uintptr_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
const void* Any(void* (*function)(size_t)) { return reinterpret_cast<const void*>(function); }

void ExpectAsTheLoader(LoadedModules* modules, const void* code) {
  LoadedModule ours;
  dl_find_object loaders;
  ASSERT_TRUE(modules->Find(Address(code), &ours));
  ASSERT_EQ(_dl_find_object(const_cast<void*>(code), &loaders), 0);
  EXPECT_EQ(ours.map, loaders.dlfo_link_map);
  EXPECT_EQ(ours.eh_frame_hdr, Address(loaders.dlfo_eh_frame));
  EXPECT_EQ(ours.lo, Address(loaders.dlfo_map_start));
  // What stands in for an older loader's does not know of gaps.
  if (__GLIBC_PREREQ(2, 35)) {
    EXPECT_EQ(ours.hi, Address(loaders.dlfo_map_end));
  }
}

TEST(LoadedModulesTest, FindsWhatTheLoaderFinds) {
  static LoadedModules modules;
  modules.Take();
  EXPECT_GT(modules.count(), 3u);
  ExpectAsTheLoader(&modules, Any(&malloc));
  ExpectAsTheLoader(&modules, reinterpret_cast<const void*>(&ExpectAsTheLoader));
  ExpectAsTheLoader(&modules, dlsym(RTLD_DEFAULT, "_ZSt9terminatev"));
  ExpectAsTheLoader(&modules, dlsym(RTLD_DEFAULT, "__tls_get_addr"));
}

TEST(LoadedModulesTest, NobodysAddressIsNotFound) {
  static LoadedModules modules;
  LoadedModule module;
  int on_stack = 0;
  EXPECT_FALSE(modules.Find(0, &module));
  EXPECT_FALSE(modules.Find(UINTPTR_MAX, &module));
  EXPECT_FALSE(modules.Find(Address(&on_stack), &module));
}

TEST(LoadedModulesTest, WhatIsLoadedLaterIsFoundWithoutBeingTold) {
  static LoadedModules modules;
  modules.Take();
  const uint32_t before = modules.count();
  void* handle = dlopen(MODULE, RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  ExpectAsTheLoader(&modules, dlsym(handle, "LateKey"));
  EXPECT_EQ(modules.count(), before + 1);
  dlclose(handle);
}

TEST(LoadedModulesTest, WhatHasGoneIsNotFoundThoughNobodyToldOfIt) {
  static LoadedModules modules;
  void* handle = dlopen(MODULE, RTLD_NOW);
  ASSERT_NE(handle, nullptr) << dlerror();
  const uintptr_t code = Address(dlsym(handle, "LateKey"));
  LoadedModule module;
  ASSERT_TRUE(modules.Find(code, &module));
  dlclose(handle);
  EXPECT_FALSE(modules.Find(code, &module));
  ExpectAsTheLoader(&modules, Any(&malloc));
}

// Also who has taken in the parent is not there in the child of a fork.
TEST(LoadedModulesTest, LooksUpBesideLoadsAndUnloads) {
  static LoadedModules modules;
  modules.Take();
  std::atomic<bool> done{false};
  std::atomic<uint64_t> missed{0}, wrong{0}, asked{0};
  std::atomic<uintptr_t> code{0};
  const uintptr_t in_libc = Address(Any(&malloc));
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done.load()) {
        LoadedModule module;
        if (!modules.Find(in_libc, &module)) {
          ++missed;
        } else if (in_libc < module.lo || in_libc >= module.hi) {
          ++wrong;
        }
        // Found or not, as it comes and goes.
        if (modules.Find(code.load(), &module) && module.eh_frame_hdr == 0) ++wrong;
        ++asked;
      }
    });
  }
  for (int i = 0; i < 200 || asked.load() < 1000; ++i) {
    void* handle = dlopen(MODULE, RTLD_NOW);
    if (handle == nullptr) break;
    code.store(Address(dlsym(handle, "LateKey")));
    dlclose(handle);
    modules.Take();
  }
  done.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(missed.load(), 0u);
  EXPECT_EQ(wrong.load(), 0u);
}

}  // namespace
}  // namespace heapprof
