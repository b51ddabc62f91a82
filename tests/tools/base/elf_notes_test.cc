// SPDX-License-Identifier: Apache-2.0
#include "tools/base/elf_notes.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace heapprof::tools {
namespace {

using std::string_literals::operator""s;

// A note as linkers write it; without the padding behind its contents.
std::string Note(uint32_t type, const std::string& owner, const std::string& contents, size_t align = 4) {
  const Elf64_Nhdr header = {static_cast<Elf64_Word>(owner.size()), static_cast<Elf64_Word>(contents.size()),
                             type};
  std::string note(reinterpret_cast<const char*>(&header), sizeof header);
  note += owner;
  note.resize((note.size() + align - 1) / align * align);
  return note + contents;
}

std::vector<std::string> Contents(const std::string& bytes, size_t align = 4) {
  std::vector<std::string> found;
  ElfNotes notes(bytes, align);
  while (const auto note = notes.Next()) found.emplace_back(note->contents);
  return found;
}

TEST(ElfNotes, TellsTypeOwnerAndContents) {
  const std::string bytes = Note(3, "GNU\0"s, "abcd");
  ElfNotes notes(bytes);
  const auto note = notes.Next();
  ASSERT_TRUE(note);
  EXPECT_EQ(note->type, 3u);
  EXPECT_EQ(note->owner, "GNU\0"s);
  EXPECT_EQ(note->contents, "abcd");
  EXPECT_EQ(note->contents.data(), bytes.data() + sizeof(Elf64_Nhdr) + 4);
  EXPECT_FALSE(notes.Next());
}

TEST(ElfNotes, EachIsPaddedButTheLastMayNotBe) {
  using Texts = std::vector<std::string>;
  const std::string padded = Note(1, "ab", "x") + std::string(3, '\0');
  EXPECT_EQ(Contents(padded + Note(2, "abcde", "yz")), (Texts{"x", "yz"}));
  const std::string eight = Note(1, "GNU", "12345678", 8);
  EXPECT_EQ(Contents(eight + Note(2, "", "z", 8), 8), (Texts{"12345678", "z"}));
  EXPECT_EQ(Contents(Note(1, "", "") + Note(2, "", "end")), (Texts{"", "end"}));
}

TEST(ElfNotes, WhatIsCutOffEndsThem) {
  const std::string whole = Note(1, "own", "12345678"), other = Note(2, "own", "12345678");
  for (size_t size = 0; size < other.size(); ++size) {
    EXPECT_EQ(Contents(whole + other.substr(0, size)).size(), 1u) << size;
  }
  for (const size_t field : {size_t{0}, size_t{4}}) {  // a size beyond all memory
    std::string huge = whole;
    huge.replace(field, 4, "\xff\xff\xff\xff");
    EXPECT_TRUE(Contents(huge).empty()) << field;
  }
}

}  // namespace
}  // namespace heapprof::tools
