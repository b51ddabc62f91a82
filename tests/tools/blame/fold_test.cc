// SPDX-License-Identifier: Apache-2.0
// Folding changes rows and never sums; bytes stand at the function that a person can change.
#include "tools/blame/fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tools/blame/hide.h"
#include "tools/profile/frames.h"
#include "tools/profile/interner.h"

namespace heapprof::tools {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A profile of one type, made stack by stack.
class Made {
 public:
  Made() : strings_(&profile_.header.strings) {
    profile_.header.sample_types.push_back({strings_.Intern("inuse_space"), strings_.Intern("bytes")});
    for (const char* path : {"/bin/app", "/lib/libstdc++.so.6.0.30", "/lib/libc.so.6", "/lib/libown.so"}) {
      ProfileMapping mapping;
      mapping.filename = strings_.Intern(path);
      profile_.mappings.push_back(mapping);
    }
  }

  // The leaf first. "a|b" is one location, in which a is inlined into b; a name in brackets has no function:
  // "[1]" is code of mapping 1, "[1+16]" of the function that begins there at 16.
  void Add(const std::vector<std::string>& stack, int64_t bytes) {
    ProfileSample sample;
    sample.first_frame = static_cast<uint32_t>(profile_.frames.size());
    sample.frame_count = static_cast<uint32_t>(stack.size());
    for (const std::string& names : stack) profile_.frames.push_back(Location(names));
    profile_.samples.push_back(sample);
    profile_.values.push_back(bytes);
  }

  // The names of a stack, the leaf first.
  std::vector<std::string> Stack(size_t sample) const {
    const FrameTable frames(profile_, Granularity::kName);
    std::vector<std::string> names;
    for (const uint32_t location : profile_.stack(profile_.samples[sample])) {
      for (const uint32_t frame : frames.frames_of(location)) names.push_back(frames.name(frame));
    }
    return names;
  }

  Profile& profile() { return profile_; }
  Folded Run(const FoldOptions& options = {}) { return Fold(&profile_, 0, options); }

 private:
  uint32_t Location(std::string names) {
    const auto [found, is_new] = locations_.emplace(names, static_cast<uint32_t>(profile_.locations.size()));
    if (!is_new) return found->second;
    ProfileLocation location;
    location.mapping = 0;
    location.first_line = static_cast<uint32_t>(profile_.lines.size());
    if (names[0] == '[') {
      location.mapping = static_cast<uint32_t>(names[1] - '0');
      if (names[2] == '+') location.function_start = std::stoul(names.substr(3));
      names.clear();
    }
    while (!names.empty()) {
      const size_t end = names.find('|');
      profile_.lines.push_back({Function(names.substr(0, end)), 1});
      names = end == std::string::npos ? "" : names.substr(end + 1);
      ++location.line_count;
    }
    profile_.locations.push_back(location);
    return found->second;
  }
  uint32_t Function(const std::string& name) {
    ProfileFunction function;
    function.name = strings_.Intern(name);
    profile_.functions.push_back(function);
    return static_cast<uint32_t>(profile_.functions.size() - 1);
  }

  Profile profile_;
  Interner strings_;
  std::map<std::string, uint32_t> locations_;
};

TEST(Fold, BytesOfPlumbingAreItsCallers) {
  Made made;
  made.Add({"xmalloc", "parse", "main", "_start"}, 10);
  made.Add({"std::__new_allocator<int>::allocate(unsigned long)|std::vector<int>::reserve(unsigned "
            "long)|fill(int)",
            "main", "_start"},
           20);
  made.Add({"operator new(unsigned long)", "std::_Function_handler<void ()>::_M_invoke()", "run", "main"},
           30);
  // What is found between a person's functions goes, too.
  made.Add({"xmalloc", "callback", "std::for_each<int>(int)|all", "main"}, 5);
  // Of a wall-clock profile.
  made.Add({"__gthread_mutex_lock(pthread_mutex_t*)|std::mutex::lock()|serve", "main"}, 4);
  const Folded folded = made.Run();
  EXPECT_THAT(made.Stack(0), ElementsAre("parse", "main", "_start"));
  EXPECT_THAT(made.Stack(1), ElementsAre("fill(int)", "main", "_start"));
  EXPECT_THAT(made.Stack(2), ElementsAre("run", "main"));
  EXPECT_THAT(made.Stack(3), ElementsAre("callback", "all", "main"));
  EXPECT_THAT(made.Stack(4), ElementsAre("serve", "main"));
  EXPECT_THAT(folded.names,
              ElementsAre("operator new", "std::vector", "xmalloc", "__gthread_mutex_lock", "std::mutex"));
}

TEST(Fold, AStackOfPlumbingAloneKeepsTheOutermostOfIt) {
  Made made;
  made.Add({"operator new(unsigned long)", "std::locale::classic()", "[1]", "call_init", "_dl_init"}, 1);
  made.Add({"operator new(unsigned long)|std::vector<int>::reserve(unsigned long)", "start_thread"}, 2);
  made.Add({"_dl_new_object", "[2]"}, 3);
  made.Add({}, 4);
  made.Run();
  EXPECT_THAT(made.Stack(0), ElementsAre("[libstdc++.so.6.0.30]", "call_init", "_dl_init"));
  EXPECT_THAT(made.Stack(1), ElementsAre("std::vector<int>::reserve(unsigned long)", "start_thread"));
  EXPECT_THAT(made.Stack(2), ElementsAre("_dl_new_object"));
  EXPECT_THAT(made.Stack(3), IsEmpty());
}

TEST(Fold, LibcIsPlumbingBelowAPersonsFunctionsOnly) {
  Made made;
  made.Add({"strdup", "read_line", "main", "[2]", "_start"}, 1);
  made.Add({"[2]", "getline", "read_all", "main"}, 1);
  made.Add({"compare", "[2]", "sort", "main"}, 1);
  made.Run();
  EXPECT_THAT(made.Stack(0), ElementsAre("read_line", "main", "[libc.so.6]", "_start"));
  EXPECT_THAT(made.Stack(1), ElementsAre("read_all", "main"));
  EXPECT_THAT(made.Stack(2), ElementsAre("compare", "[libc.so.6]", "sort", "main"));
}

TEST(Fold, AWrapperIsKnownByWhatItDoes) {
  Made made;
  for (const char* caller : {"a", "b", "c"}) {
    made.Add({"my_pool_alloc", caller, "main"}, 10);
    // Not its name:
    made.Add({"create", caller, "main"}, 10);
    // Allocates by another function, whose bytes they are:
    made.Add({"fill", "alloc_table", caller, "main"}, 10);
    // A wrapper of a wrapper:
    made.Add({"my_pool_alloc", "my_pool_strdup", caller, "main"}, 10);
  }
  // Too few callers:
  made.Add({"alloc_once", "a", "main"}, 10);
  made.Add({"alloc_once", "b", "main"}, 10);
  const Folded folded = made.Run();
  EXPECT_THAT(made.Stack(0), ElementsAre("a", "main"));
  EXPECT_THAT(made.Stack(1), ElementsAre("create", "a", "main"));
  EXPECT_THAT(made.Stack(2), ElementsAre("fill", "alloc_table", "a", "main"));
  EXPECT_THAT(made.Stack(3), ElementsAre("a", "main"));
  EXPECT_THAT(made.Stack(12), ElementsAre("alloc_once", "a", "main"));
  EXPECT_THAT(folded.names, ElementsAre("my_pool_alloc", "my_pool_strdup"));
  EXPECT_EQ(FoldedText(folded, 100), "2 wrappers folded: my_pool_alloc, my_pool_strdup; --unfold shows them");
  EXPECT_EQ(FoldedText(folded, 60), "2 wrappers folded: my_pool_alloc, ...; --unfold shows them");
  EXPECT_EQ(FoldedText({{"xmalloc"}}, 100), "1 wrapper folded: xmalloc; --unfold shows it");
}

// "[libown.so+0x10]" says nothing, the functions that call it do.
TEST(Fold, AWrapperThatNothingNamesIsKnownByWhoCallsIt) {
  Made made;
  for (const char* caller : {"a", "b", "c"}) {
    made.Add({"[3+16]", caller, "main"}, 10);
    // Named functions do not call it, or another one asks for the bytes:
    made.Add({"[3+32]", "[3+48]", caller, "main"}, 10);
    made.Add({"fill", "[3+64]", caller, "main"}, 10);
  }
  made.Add({"[3+80]", "[3+96]", "main"}, 1000);
  for (const char* caller : {"a", "b", "c", "d", "e", "f", "g", "h"}) made.Add({"[3+80]", caller, "main"}, 1);
  made.Add({"[3+112]", "a", "main"}, 10);
  made.Add({"[3+112]", "b", "main"}, 10);
  const Folded folded = made.Run();
  EXPECT_THAT(made.Stack(0), ElementsAre("a", "main"));
  EXPECT_THAT(made.Stack(1), ElementsAre("[libown.so]", "[libown.so]", "a", "main"));
  EXPECT_THAT(made.Stack(2), ElementsAre("fill", "[libown.so]", "a", "main"));
  EXPECT_THAT(made.Stack(9), ElementsAre("[libown.so]", "main"));
  EXPECT_THAT(made.Stack(10), ElementsAre("a", "main"));
  EXPECT_THAT(made.Stack(18), ElementsAre("[libown.so]", "a", "main")) << "two callers are few";
  EXPECT_THAT(folded.names, ElementsAre("[libown.so+0x50]", "[libown.so+0x10]"));
}

TEST(Fold, WhatIsAskedForStays) {
  Made made;
  made.Add({"xmalloc", "parse", "main"}, 10);
  FoldOptions options;
  options.kept = MatchNames(made.profile(), "^xm", "peek");
  EXPECT_FALSE(made.Run(options).any());
  EXPECT_THAT(made.Stack(0), ElementsAre("xmalloc", "parse", "main"));
}

TEST(Fold, EveryLineOfTheListIsAnEntry) {
  EXPECT_THAT(Plumbing::Default().mistakes(), IsEmpty());
  EXPECT_EQ(Plumbing("[fold]\nxmalloc\n [leaf]\n[other]\n").mistakes().size(), 2u);
  const Plumbing& list = Plumbing::Default();
  for (const char* name : {"operator new",
                           "Foo::operator new[]",
                           "std::vector::push_back",
                           "xmalloc",
                           "zmalloc_usable",
                           "g_malloc0",
                           "av_malloc",
                           "CRYPTO_malloc",
                           "sqlite3Malloc",
                           "PyMem_Malloc",
                           "PyObject_Malloc",
                           "OPENSSL_LH_insert",
                           "absl::container_internal::raw_hash_set::resize",
                           "folly::F14FastMap::insert",
                           "boost::container::vector::reserve",
                           "alloc::vec::Vec::reserve",
                           "<alloc::vec::Vec as core::clone::Clone>::clone",
                           "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
                           "<app::Pool as core::alloc::global::GlobalAlloc>::alloc",
                           "<alloc::raw_vec::RawVecInner>::try_allocate_in",
                           "<str>::repeat",
                           "<[u8]>::to_vec",
                           "__rustc::__rdl_alloc",
                           "je_arena_malloc",
                           "ggc_internal_alloc",
                           "_obstack_newchunk",
                           "llvm::SmallVectorBase::grow_pod",
                           "llvm::BumpPtrAllocatorImpl::Allocate",
                           "os::malloc",
                           "AllocateHeap",
                           "MemoryContextAllocZero",
                           "AllocSetAlloc",
                           "ruby_xmalloc2",
                           "Perl_safesysmalloc",
                           "_emalloc",
                           "g_strndup",
                           "QHashPrivate::Data::rehash",
                           "uv__malloc",
                           "node::Malloc",
                           "strbuf_grow",
                           "rm_calloc"}) {
    EXPECT_EQ(list.OfName(name), Blame::kFold) << name;
  }
  for (const char* name : {"main", "standard::vector::f", "createObject", "core::Engine::run", "myxmalloc",
                           "mi_cmd_exec", "gstdup", "<app::Foo as core::fmt::Display>::fmt",
                           "<app::Foo as core::iter::traits::iterator::Iterator>::next", "<app::Foo>::new",
                           "<app::str::Foo>::new"}) {
    EXPECT_EQ(list.OfName(name), Blame::kOwn) << name;
  }
  EXPECT_EQ(list.OfModule("/usr/lib/libstdc++.so.6.0.30 (deleted)"), Blame::kFold);
  EXPECT_EQ(list.OfModule("/usr/lib/libc.so.6"), Blame::kLeaf);
  EXPECT_EQ(list.OfModule("/usr/lib/libcairo.so.2"), Blame::kOwn);
  EXPECT_EQ(list.OfModule("/bin/app"), Blame::kOwn);
}

TEST(Fold, MatchesGlobs) {
  EXPECT_TRUE(MatchesGlob("a*b*c", "axxbybc"));
  EXPECT_TRUE(MatchesGlob("*::new", "Foo::new"));
  EXPECT_TRUE(MatchesGlob("a*", "a"));
  EXPECT_FALSE(MatchesGlob("a*b", "axbx"));
  EXPECT_FALSE(MatchesGlob("", "a"));
}

// Whatever the stacks are: each sample keeps its value, a stack that had frames has some, what is left are
// frames that were there, in their order, and none between them is a person's.
TEST(Fold, ChangesRowsAndNeverSums) {
  const std::vector<std::string> names = {"main",
                                          "work",
                                          "parse",
                                          "xmalloc",
                                          "operator new(unsigned long)",
                                          "std::vector<int>::reserve(unsigned long)|work",
                                          "xmalloc|std::sort<int>(int*)",
                                          "strdup",
                                          "[1]",
                                          "[2]",
                                          "[0]",
                                          "_start",
                                          "start_thread|xmalloc",
                                          "pool_alloc",
                                          "strdup|work|std::find<int>(int*)|main",
                                          "call_init",
                                          "[3+16]"};
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Made made;
    int64_t total = 0;
    const size_t samples = 1 + random() % 20;
    for (size_t i = 0; i < samples; ++i) {
      std::vector<std::string> stack(random() % 8);
      for (std::string& name : stack) name = names[random() % names.size()];
      const auto value = static_cast<int64_t>(random() % 1000) - 100;
      total += value;
      made.Add(stack, value);
    }
    std::vector<std::vector<std::string>> before;
    for (size_t i = 0; i < samples; ++i) before.push_back(made.Stack(i));
    made.Run();
    int64_t sum = 0;
    ASSERT_EQ(made.profile().samples.size(), samples);
    for (size_t i = 0; i < samples; ++i) {
      sum += made.profile().values[i];
      const std::vector<std::string> after = made.Stack(i);
      EXPECT_EQ(after.empty(), before[i].empty());
      size_t at = 0;
      const auto is_own = [](const std::string& name) {
        return name == "main" || name == "work" || name == "parse" || name == "[app]";
      };
      for (const std::string& name : before[i]) {
        if (at < after.size() && after[at] == name) {
          ++at;
        } else {
          EXPECT_FALSE(is_own(name)) << name;
        }
      }
      EXPECT_EQ(at, after.size());
    }
    EXPECT_EQ(sum, total);
  }
}

}  // namespace
}  // namespace heapprof::tools
