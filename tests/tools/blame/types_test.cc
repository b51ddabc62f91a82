// SPDX-License-Identifier: Apache-2.0
// Which type the name of a library's function tells.
#include "tools/blame/types.h"

#include <gtest/gtest.h>

#include "tools/profile/frames.h"
#include "tools/profile/interner.h"

namespace heapprof::tools {
namespace {

TEST(Types, NamesOfContainersMakersAndAllocatorsTellThem) {
  const struct {
    const char *name, *type;
    bool is_of_elements;
  } cases[] = {
      {"std::vector<Foo, std::allocator<Foo> >::_M_realloc_insert<Foo>(Foo&&)", "std::vector<Foo>", false},
      {"std::map<int, Foo, std::less<int>, std::allocator<std::pair<int const, Foo> > >::operator[](int "
       "const&)",
       "std::map<int, Foo>", false},
      {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::reserve(unsigned "
       "long)",
       "std::string", false},
      {"std::unique_ptr<Foo, std::default_delete<Foo> > std::make_unique<Foo, int>(int&&)", "Foo", false},
      {"std::make_shared<ns::Bar<int> >()", "ns::Bar<int>", false},
      {"std::__new_allocator<Foo>::allocate(unsigned long, void const*)", "Foo", true},
      {"std::allocator_traits<std::allocator<Foo> >::allocate(std::allocator<Foo>&, unsigned long)", "Foo",
       true},
      {"std::__new_allocator<std::_Rb_tree_node<int> >::allocate(unsigned long, void const*)", "", true},
      {"std::_Rb_tree<int, int, std::_Identity<int>, std::less<int>, std::allocator<int> >::_M_insert_()", "",
       false},
      {"absl::lts_20220623::flat_hash_set<int>::insert(int)", "absl::flat_hash_set<int>", false},
      {"std::for_each<int*, Foo>(int*, int*, Foo)", "", false},
      {"std::function<void (int)>::operator()(int) const", "", false},
      {"Foo::make()", "", false},
      {"xmalloc", "", false},
  };
  for (const auto& c : cases) {
    const TypeOfName told = FindType(c.name);
    EXPECT_EQ(told.type, c.type) << c.name;
    EXPECT_EQ(told.is_of_elements, c.is_of_elements) << c.name;
  }
}

TEST(Types, TheOutermostContainerIsTheTypeAndSumsStay) {
  Profile profile;
  Interner strings(&profile.header.strings);
  profile.header.sample_types.push_back({strings.Intern("inuse_space"), strings.Intern("bytes")});
  const auto add = [&](const std::vector<const char*>& stack, int64_t bytes) {
    ProfileSample sample;
    sample.first_frame = static_cast<uint32_t>(profile.frames.size());
    sample.frame_count = static_cast<uint32_t>(stack.size());
    for (const char* name : stack) {
      ProfileFunction function;
      function.name = strings.Intern(name);
      ProfileLocation location;
      location.first_line = static_cast<uint32_t>(profile.lines.size());
      location.line_count = 1;
      profile.lines.push_back({static_cast<uint32_t>(profile.functions.size()), 1});
      profile.functions.push_back(function);
      profile.frames.push_back(static_cast<uint32_t>(profile.locations.size()));
      profile.locations.push_back(location);
    }
    profile.samples.push_back(sample);
    profile.values.push_back(bytes);
  };
  add({"std::__new_allocator<char>::allocate(unsigned long)",
       "std::vector<std::string>::reserve(unsigned long)", "Fill", "std::vector<int>::at(int)", "main"},
      1);
  add({"operator new(unsigned long)", "Make", "main"}, 2);
  add({"std::__new_allocator<Foo>::allocate(unsigned long)", "Grow", "main"}, 4);
  add({}, 8);
  StacksToTypes(&profile, 0);
  const FrameTable frames(profile, Granularity::kName);
  const auto name = [&](size_t sample) {
    return frames.name(frames.frames_of(profile.stack(profile.samples[sample])[0])[0]);
  };
  EXPECT_EQ(name(0), "std::vector<std::string>");
  EXPECT_EQ(name(1), "[not known]");
  EXPECT_EQ(name(2), "Foo");
  EXPECT_TRUE(profile.stack(profile.samples[3]).empty());
  EXPECT_EQ(profile.values, (std::vector<int64_t>{1, 2, 4, 8}));
}

}  // namespace
}  // namespace heapprof::tools
