// SPDX-License-Identifier: Apache-2.0
// Names as people write them, of names that compilers made.
#include "tools/names/display_name.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace heapprof::tools {
namespace {

struct Case {
  const char* whole;
  const char* shown;
};

TEST(DisplayName, LeavesOutWhatNobodyWrites) {
  const Case cases[] = {
      // libstdc++
      {"std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector<int>::push_back"},
      {"void std::vector<int, std::allocator<int> >::_M_realloc_insert<int "
       "const&>(__gnu_cxx::__normal_iterator<int*, "
       "std::vector<int, std::allocator<int> > >, int const&)",
       "std::vector<int>::_M_realloc_insert<int const&>"},
      {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_mutate(unsigned "
       "long, "
       "unsigned long, char const*, unsigned long)",
       "std::string::_M_mutate"},
      {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::basic_string(char "
       "const*)",
       "std::string::string"},
      {"std::map<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, int, "
       "std::less<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > >, "
       "std::allocator<std::pair<std::__cxx11::basic_string<char, std::char_traits<char>, "
       "std::allocator<char> > const, "
       "int> > >::operator[](std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > "
       "const&)",
       "std::map<std::string, int>::operator[]"},
      {"std::map<int, int, std::greater<int>, std::allocator<std::pair<int const, int> > >::at(int const&)",
       "std::map<int, int, std::greater<int>>::at"},
      {"std::unordered_map<int, Foo, std::hash<int>, std::equal_to<int>, std::allocator<std::pair<int const, "
       "Foo> > "
       ">::operator[](int&&)",
       "std::unordered_map<int, Foo>::operator[]"},
      {"std::unique_ptr<Foo, std::default_delete<Foo> > std::make_unique<Foo, int&>(int&)",
       "std::make_unique<Foo, int&>"},
      {"std::operator<<(std::basic_ostream<char, std::char_traits<char> >&, char const*)", "std::operator<<"},
      {"std::basic_ostream<char, std::char_traits<char> >& std::operator<< <std::char_traits<char> "
       ">(std::basic_ostream<char, std::char_traits<char> >&, char const*)",
       "std::operator<<<std::char_traits<char>>"},
      {"std::basic_ofstream<char, std::char_traits<char> >::open(char const*, std::_Ios_Openmode)",
       "std::ofstream::open"},
      {"std::_Function_handler<void (int), main::{lambda(int)#4}>::_M_invoke(std::_Any_data const&, int&&)",
       "std::_Function_handler<void (int), main::{lambda#4}>::_M_invoke"},
      {"std::enable_if<is_invocable_r_v<void, main::{lambda(int)#4}&, int>, void>::type "
       "std::__invoke_r<void, "
       "main::{lambda(int)#4}&, int>(main::{lambda(int)#4}&, int&&)",
       "std::__invoke_r<void, main::{lambda#4}&, int>"},
      {"std::allocator_traits<std::allocator<int> >::allocate(std::allocator<int>&, unsigned long)",
       "std::allocator_traits<std::allocator<int>>::allocate"},
      {"decltype (::new ((void*)(0)) int((declval<int>)())) std::construct_at<int, int>(int*, int&&)",
       "std::construct_at<int, int>"},
      {"char const (&std::forward<char const (&) [2]>(std::remove_reference<char const (&) [2]>::type&)) [2]",
       "std::forward<char const (&) [2]>"},
      {"std::filesystem::__cxx11::path::path(std::filesystem::__cxx11::path const&)",
       "std::filesystem::path::path"},
      // libc++
      {"std::__1::vector<int, std::__1::allocator<int> >::push_back(int&&)", "std::vector<int>::push_back"},
      {"std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> >::append(char "
       "const*)",
       "std::string::append"},
      // absl
      {"absl::lts_20220623::container_internal::raw_hash_set<absl::lts_20220623::container_internal::"
       "FlatHashMapPolicy<"
       "int, Foo>, absl::lts_20220623::hash_internal::Hash<int>, std::equal_to<int>, "
       "std::allocator<std::pair<int const, "
       "Foo> > >::resize(unsigned long)",
       "absl::container_internal::raw_hash_set<absl::container_internal::FlatHashMapPolicy<int, Foo>, "
       "absl::hash_internal::Hash<int>, std::equal_to<int>>::resize"},
      {"absl::lts_20220623::flat_hash_set<int, absl::lts_20220623::hash_internal::Hash<int>, "
       "std::equal_to<int>, "
       "std::allocator<int> >::insert(int const&)",
       "absl::flat_hash_set<int>::insert"},
      // clang and LLVM
      {"clang::ASTContext::getTypeInfoImpl(clang::Type const*) const", "clang::ASTContext::getTypeInfoImpl"},
      {"llvm::Expected<std::unique_ptr<llvm::MemoryBuffer, std::default_delete<llvm::MemoryBuffer> > > "
       "llvm::foo<llvm::StringRef>(llvm::StringRef)",
       "llvm::foo<llvm::StringRef>"},
      {"llvm::DenseMap<int, int, llvm::DenseMapInfo<int, void>, llvm::detail::DenseMapPair<int, int> "
       ">::grow(unsigned)",
       "llvm::DenseMap<int, int, llvm::DenseMapInfo<int, void>, llvm::detail::DenseMapPair<int, int>>::grow"},
      {"main::$_0::operator()(int) const", "main::{lambda#1}"},
      // Lambdas, local classes, unnamed namespaces, coroutines
      {"main::{lambda(int)#2}::operator()(int) const", "main::{lambda#2}"},
      {"Foo::run(int)::{lambda()#1}::operator()() const::{lambda(char)#3}::operator()(char) const",
       "Foo::run::{lambda#1}::operator()::{lambda#3}"},
      {"auto main::{lambda(auto:1)#1}::operator()<int>(int) const", "main::{lambda#1}<int>"},
      {"main::Local::go(int) (.constprop.0)", "main::Local::go"},
      {"foo(std::vector<int, std::allocator<int> > const&)::Local::bar()", "foo::Local::bar"},
      {"(anonymous namespace)::anon_fn(int)", "(anonymous namespace)::anon_fn"},
      {"ns::(anonymous namespace)::Pool<3ul>::grow()", "ns::(anonymous namespace)::Pool<3ul>::grow"},
      {"co(co(int)::_Z2coi.Frame*) (.actor)", "co (resume)"},
      {"co(int) (.resume)", "co (resume)"},
      {"co(int) (.destroy)", "co (destroy)"},
      {"ns::Job::run(int) [clone .resume]", "ns::Job::run (resume)"},
      // Operators, conversions, tags, parts
      {"operator new(unsigned long)", "operator new"},
      {"operator new[](unsigned long, std::nothrow_t const&)", "operator new[]"},
      {"Foo::operator bool() const", "Foo::operator bool"},
      {"Foo::operator std::vector<int, std::allocator<int> >() const", "Foo::operator std::vector<int>"},
      {"Foo::operator->() const", "Foo::operator->"},
      {"bool operator< <int>(Foo<int> const&, Foo<int> const&)", "operator<<int>"},
      {"Foo::operator()(int) &&", "Foo::operator()"},
      {"operator\"\" _kb(unsigned long long)", "operator\"\" _kb"},
      {"Foo::name[abi:cxx11]() const", "Foo::name"},
      {"foo(int) (.part.0.cold)", "foo"},
      {"foo.part.0", "foo"},
      {"foo.isra.0.cold", "foo"},
      {"non-virtual thunk to Foo::bar()", "Foo::bar"},
      {"void site<2>(int)", "site<2>"},
      {"unsigned long count<char>(char const*)", "count<char>"},
      // C, Go, Rust, pseudo frames: as they are
      {"main", "main"},
      {"foo.lto_priv.0", "foo.lto_priv.0"},
      {"main.(*Server).Serve.func1", "main.(*Server).Serve.func1"},
      {"main.Map[go.shape.int]", "main.Map[go.shape.int]"},
      {"alloc::vec::Vec<u8, alloc::alloc::Global>::reserve", "alloc::vec::Vec<u8>::reserve"},
      {"<alloc::vec::Vec<u8> as core::clone::Clone>::clone",
       "<alloc::vec::Vec<u8> as core::clone::Clone>::clone"},
      {"app::run::{{closure}}", "app::run::{{closure}}"},
      {"[heapprof: metadata limit reached]", "[heapprof: metadata limit reached]"},
      {"void (*signal(int))(int)", "signal"},
      {"", ""},
      // Damaged
      {"std::vector<int", "std::vector<int"},
      {"foo(int", "foo(int"},
      {"foo)(", "foo)("},
      {"{lambda", "{lambda"},
  };
  for (const Case& c : cases) EXPECT_EQ(DisplayName(c.whole), c.shown) << c.whole;
}

TEST(DisplayName, HasTheParametersWhereTheyAreAskedFor) {
  EXPECT_EQ(DisplaySignature("foo(std::vector<int, std::allocator<int> > const&, char)"),
            "foo(std::vector<int> const&, char)");
  EXPECT_EQ(DisplaySignature("void site<2>(int)"), "site<2>(int)");
  EXPECT_EQ(DisplaySignature("Foo::get() const"), "Foo::get() const");
  EXPECT_EQ(DisplaySignature("main::{lambda(int)#2}::operator()(int) const"), "main::{lambda#2}(int) const");
}

TEST(DisplayName, BareNamesHaveNoTemplateArguments) {
  const Case cases[] = {
      {"std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector::push_back"},
      {"std::__new_allocator<std::pair<int, int> >::allocate(unsigned long, void const*)",
       "std::__new_allocator::allocate"},
      {"std::__1::__libcpp_allocate(unsigned long, unsigned long)", "std::__libcpp_allocate"},
      {"void* operator new<int>(unsigned long)", "operator new"},
      {"Foo<int>::operator new(unsigned long)", "Foo::operator new"},
      {"xmalloc", "xmalloc"},
      {"xmalloc.part.0", "xmalloc"},
      {"main::{lambda(int)#2}::operator()(int) const", "main::{lambda#2}::operator()"},
  };
  for (const Case& c : cases) EXPECT_EQ(BareName(c.whole), c.shown) << c.whole;
}

TEST(DisplayName, KnowsLambdas) {
  EXPECT_TRUE(IsLambda("main::{lambda#2}"));
  EXPECT_FALSE(IsLambda("std::forward<main::{lambda#2}>::x"));
  EXPECT_FALSE(IsLambda("main"));
}

TEST(DisplayName, CloneSuffixesGo) {
  EXPECT_EQ(WithoutCloneSuffix("foo(int) (.part.0.cold)"), "foo(int)");
  EXPECT_EQ(WithoutCloneSuffix("a::f (.llvm.123)"), "a::f");
  EXPECT_EQ(WithoutCloneSuffix("foo(int) (.isra.0) (.cold)"), "foo(int)");
  EXPECT_EQ(WithoutCloneSuffix("co(int) (.resume)"), "co(int) (.resume)");
  EXPECT_EQ(WithoutCloneSuffix("foo.constprop.1"), "foo");
  EXPECT_EQ(WithoutCloneSuffix(".cold"), ".cold");
  EXPECT_EQ(WithoutCloneSuffix("main.init.0"), "main.init.0");
}

TEST(DisplayName, ShortensArgumentsFirstAndThenTheMiddle) {
  EXPECT_EQ(ShortenName("std::map<std::string, Foo>::operator[]", 60),
            "std::map<std::string, Foo>::operator[]");
  EXPECT_EQ(ShortenName("std::map<std::string, Foo>::operator[]", 30), "std::map<..>::operator[]");
  EXPECT_EQ(ShortenName("a_function_with_a_very_long_name_of_its_own", 20), "a_fun...e_of_its_own");
  EXPECT_EQ(ShortenName("operator<<<int, unsigned long>", 20), "operator<<<..>");
  EXPECT_EQ(ShortenName("anything at all", 3), "anything at all");
  // Characters are not cut.
  EXPECT_EQ(
      ShortenName("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", 12),
      "\u00e4\u00e4\u00e4...\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4");
}

TEST(DisplayName, DamagedNamesAreReadWithoutHarm) {
  const std::string whole =
      "std::enable_if<is_invocable_r_v<void, main(int)::{lambda(int)#4}&, int>, void>::type ns::(anonymous "
      "namespace)::__invoke_r<void, Foo<(Bar)3>::operator()[abi:cxx11]& >(Foo&, int&&) const (.cold)";
  std::mt19937 random(1);
  for (int i = 0; i < 5'000; ++i) {
    std::string name = whole;
    for (int k = 0; k < 3; ++k) {
      name[random() % name.size()] = whole[random() % whole.size()];
      if (random() % 2 == 0) name.erase(random() % name.size(), random() % 20);
      if (name.empty()) name = "x";
    }
    EXPECT_FALSE(DisplayName(name).empty());
    BareName(name);
    ShortenName(DisplaySignature(name), 12 + random() % 60);
  }
  for (const char* bracket : {"<", "(", "{lambda(", "a<", "decltype ("}) {
    std::string deep;
    for (int i = 0; i < 5'000; ++i) deep += bracket;
    EXPECT_EQ(DisplayName(deep), deep);
  }
  // Functions that stand in each other's return types.
  std::string deep = "x";
  for (int i = 0; i < 5'000; ++i) deep = "a (&" + deep + ")";
  EXPECT_EQ(DisplayName(deep), deep);
}

// What is left out is found at once, not by one look at the whole name for each.
TEST(DisplayName, NamesOfAnyLengthAreShortened) {
  std::string name;
  for (int i = 0; i < 100'000; ++i) name += "a<bbbbb>";
  EXPECT_EQ(ShortenName(name, 21), "a<..>a....>a<..>a<..>");
}

}  // namespace
}  // namespace heapprof::tools
