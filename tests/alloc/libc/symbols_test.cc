// SPDX-License-Identifier: Apache-2.0
#include "alloc/libc/symbols.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace heapprof {
namespace {

const link_map* ModuleWith(const char* part) {
  const link_map* module = FirstModule();
  while (module != nullptr && std::string(module->l_name).find(part) == std::string::npos)
    module = module->l_next;
  return module;
}

TEST(SymbolsTest, AreThoseThatDlsymFinds) {
  // strlen and memcpy choose by the processor; pthread_cond_wait has an older version, too.
  std::vector<const char*> names = {"malloc", "dlsym",  "environ",          "_ZSt9terminatev",
                                    "strlen", "memcpy", "pthread_cond_wait"};
  if (__GLIBC_PREREQ(2, 35)) names.insert(names.end(), {"__libc_single_threaded", "_dl_find_object"});
  for (const char* name : names) {
    EXPECT_EQ(FindSymbol(FirstModule(), name), dlsym(RTLD_DEFAULT, name)) << name;
    EXPECT_NE(FindSymbol(FirstModule(), name), nullptr) << name;
  }
}

TEST(SymbolsTest, EachOfLibcIsThatOfDlvsym) {
  const link_map* libc = ModuleWith("/libc.so.6");
  ASSERT_NE(libc, nullptr);
  EXPECT_EQ(ModuleSymbols(*libc).Find("regexec"), dlvsym(RTLD_DEFAULT, "regexec", "GLIBC_2.3.4"));
  EXPECT_NE(ModuleSymbols(*libc).Find("regexec"), dlvsym(RTLD_DEFAULT, "regexec", "GLIBC_2.2.5"));
}

TEST(SymbolsTest, WhatNobodyDefinesIsNotFound) {
  EXPECT_EQ(FindSymbol(FirstModule(), "heapprof_no_such_name"), nullptr);
  EXPECT_EQ(FindSymbol(FirstModule(), ""), nullptr);
  EXPECT_EQ(FindSymbol(nullptr, "malloc"), nullptr);
}

// One version alone, and that an old one: who asks without a version is to get none (libc's own rule).
TEST(SymbolsTest, OldVersionsAreNotFound) {
  const link_map* libc = ModuleWith("/libc.so.6");
  ASSERT_NE(libc, nullptr);
  // Programs could ask for it until 2.32.
  if (!__GLIBC_PREREQ(2, 32)) GTEST_SKIP() << "here it is none of those";
  ASSERT_NE(dlvsym(RTLD_DEFAULT, "sys_errlist", "GLIBC_2.12"), nullptr);
  EXPECT_EQ(ModuleSymbols(*libc).Find("sys_errlist"), nullptr);
}

TEST(SymbolsTest, TheModuleAfterAnotherIsSearchedAlone) {
  const link_map* libc = ModuleWith("/libc.so.6");
  ASSERT_NE(libc, nullptr);
  EXPECT_EQ(FindSymbol(libc, "malloc"), ModuleSymbols(*libc).Find("malloc"));
  EXPECT_EQ(FindSymbol(libc->l_next, "strtok"), nullptr);
  EXPECT_EQ(OwnModule(), FirstModule());  // this test is a program
}

// The kernel's module has a gettimeofday: libc's is meant.
TEST(SymbolsTest, TheKernelsModuleIsPassedOver) {
  for (const link_map* module = FirstModule(); module != nullptr; module = module->l_next) {
    EXPECT_EQ(ModuleSymbols(*module).Find("__vdso_gettimeofday"), nullptr) << module->l_name;
  }
}

// A library that was linked with the older table of names alone.
TEST(SymbolsTest, TheOlderTableOfNamesWillDo) {
  void* handle = dlopen(MODULE_WITH_OLD_TABLE, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  const auto* module = static_cast<const link_map*>(handle);
  EXPECT_EQ(ModuleSymbols(*module).Find("LateKey"), dlsym(handle, "LateKey"));
  EXPECT_NE(ModuleSymbols(*module).Find("LateKey"), nullptr);
  EXPECT_EQ(ModuleSymbols(*module).Find("LateKez"), nullptr);
  dlclose(handle);
}

}  // namespace
}  // namespace heapprof
