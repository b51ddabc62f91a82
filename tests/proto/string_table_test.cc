// SPDX-License-Identifier: Apache-2.0
#include "proto/string_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace heapprof {
namespace {

class StringTableTest : public testing::Test {
 protected:
  std::unique_ptr<StringTable::Workspace> workspace_ = std::make_unique<StringTable::Workspace>();
  StringTable table_{workspace_.get()};
};

std::string At(const StringTable& table, int64_t index) {
  const StringTable::Entry& entry = table.at(static_cast<uint32_t>(index));
  return std::string(entry.text, entry.size);
}

TEST_F(StringTableTest, EmptyTextIsFirst) {
  EXPECT_EQ(table_.Add(""), 0);
  EXPECT_EQ(At(table_, 0), "");
}

TEST_F(StringTableTest, EachTextOnce) {
  int64_t a = table_.Add("a");
  int64_t b = table_.Add("b");
  EXPECT_NE(a, b);
  EXPECT_EQ(table_.AddCopy("a", 1), a);
  EXPECT_EQ(table_.Add("bcd", 1), b);
  EXPECT_EQ(At(table_, b), "b");
}

TEST_F(StringTableTest, CopiesOutliveTheirSource) {
  char text[] = "before";
  int64_t id = table_.AddCopy(text, 6);
  text[0] = 'x';
  EXPECT_EQ(At(table_, id), "before");
}

TEST_F(StringTableTest, FullTableGivesTheMarkAndKeepsWhatItHas) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < StringTable::kMaxStrings + 100; i++) texts.push_back("text " + std::to_string(i));
  std::vector<int64_t> ids;
  for (const std::string& text : texts) ids.push_back(table_.Add(text.c_str()));
  EXPECT_TRUE(table_.full());
  EXPECT_EQ(table_.count(), StringTable::kMaxStrings);
  EXPECT_EQ(At(table_, ids.back()), StringTable::kFullText);
  for (size_t i = 0; i < StringTable::kMaxStrings - 2; i++) ASSERT_EQ(At(table_, ids[i]), texts[i]);
  EXPECT_EQ(table_.Add("text 5"), ids[5]);
}

TEST_F(StringTableTest, FullPoolGivesTheMark) {
  std::string half(StringTable::kPoolSize / 2 + 1, 'x');
  EXPECT_GT(table_.AddCopy(half.data(), half.size()), 1);
  half[0] = 'y';
  EXPECT_EQ(At(table_, table_.AddCopy(half.data(), half.size())), StringTable::kFullText);
  EXPECT_EQ(At(table_, table_.Add(half.c_str())), half);  // by reference it has room
}

}  // namespace
}  // namespace heapprof
