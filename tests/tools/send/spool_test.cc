// SPDX-License-Identifier: Apache-2.0
// What waits in a spool, and what becomes of its files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/tools/send/spool_fixture.h"
#include "tools/base/failure.h"

namespace heapprof::test {
namespace {

using testing::ElementsAre;
using tools::Failure;
using tools::send::kSecond;
using tools::send::Spool;
using tools::send::SpoolLimits;
using tools::send::SpoolState;

TEST_F(SpoolTest, ItemsComeBackFromTheFolderAsTheyWere) {
  MakeSpool()->Add(MakeItem("a", 5));
  const auto spool = MakeSpool();
  const auto taken = spool->Take();
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->item.id, "a");
  EXPECT_EQ(taken->item.kind, "heap");
  EXPECT_EQ(taken->item.start_ns, 5);
  EXPECT_EQ(taken->item.bytes, "xxxxxxxxxx");
  ASSERT_EQ(taken->item.labels.size(), 3);
  EXPECT_EQ(taken->item.labels[1].name, "odd name");
  EXPECT_EQ(taken->item.labels[1].value, "a\nb %41 ");
  EXPECT_EQ(taken->item.labels[2].value, "");
  EXPECT_FALSE(spool->Take());
}

TEST_F(SpoolTest, TheFolderIsPrivateAndOneProcessHasIt) {
  const auto spool = MakeSpool();
  struct stat status;
  ASSERT_EQ(stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  EXPECT_THROW(MakeSpool(), Failure);
  ASSERT_EQ(chmod(dir_.path().c_str(), 0777), 0);
  EXPECT_THROW(Spool(dir_.path(), {}, clock_.Get()), Failure);
}

TEST_F(SpoolTest, DamagedFilesAreRemovedAndThoseOfOthersStay) {
  MakeSpool()->Add(MakeItem("a"));
  const std::string name = ListDir(folder_)[0], start = name.substr(0, 21);
  const std::string text = ReadFile(folder_ + "/" + name);
  WriteFile(folder_ + "/" + name, text.substr(0, text.size() - 1));
  WriteFile(folder_ + "/" + start + "b.ready", text);          // by another name
  WriteFile(folder_ + "/" + start + "c.ready.1-0.tmp", text);  // of a sender that was killed
  ASSERT_EQ(symlink("/etc/passwd", (folder_ + "/" + start + "d.ready").c_str()), 0);
  // Somebody's, who has named a folder that is not for the spool alone.
  const std::vector<std::string> others = {"get.ready", "letter.refused", "letter.tmp", "notes.txt"};
  for (const std::string& other : others) WriteFile(folder_ + "/" + other, "mine");
  const auto spool = MakeSpool();
  EXPECT_EQ(spool->damaged(), 3);
  EXPECT_FALSE(spool->Take());
  EXPECT_THAT(ListDir(folder_),
              ElementsAre("get.ready", "letter.refused", "letter.tmp", "lock", "notes.txt"));
}

TEST_F(SpoolTest, ChangedBytesAreNotSent) {
  auto spool = MakeSpool();
  spool->Add(MakeItem("a"));
  const std::string path = folder_ + "/" + ListDir(folder_)[0];
  std::string text = ReadFile(path);
  text.back() = 'y';
  WriteFile(path, text);
  EXPECT_FALSE(spool->Take());
  EXPECT_EQ(spool->damaged(), 1);
  EXPECT_EQ(spool->bytes(), 0);
}

TEST_F(SpoolTest, BytesAreBoundedAndWhatWasRefusedGoesFirst) {
  SpoolLimits limits;
  limits.max_bytes = 3500;
  auto spool = MakeSpool(limits);
  for (const char* id : {"a", "b", "c"}) {
    spool->Add(MakeItem(id, 0, 800));
    clock_.Pass(1);
  }
  const auto first = spool->Take(), second = spool->Take();
  spool->Move(first->key, SpoolState::kUncertain);
  spool->Move(second->key, SpoolState::kRefused);
  spool->Add(MakeItem("d", 0, 800));
  EXPECT_EQ(spool->count(SpoolState::kRefused), 0);
  spool->Add(MakeItem("e", 0, 800));
  EXPECT_EQ(spool->count(SpoolState::kUncertain), 0);
  spool->Add(MakeItem("f", 0, 800));
  EXPECT_EQ(spool->Take()->item.id, "d");  // c went, the oldest
  EXPECT_EQ(spool->dropped_full(), 3);
  spool->Add(MakeItem("huge", 0, 8000));
  EXPECT_LE(spool->bytes(), limits.max_bytes);
  spool = nullptr;
  uint64_t bytes = 0;
  for (const std::string& name : ListDir(folder_)) bytes += ReadFile(folder_ + "/" + name).size();
  EXPECT_LE(bytes, limits.max_bytes);
}

TEST_F(SpoolTest, OneThatHasNeverRoomTakesNoneFromOthers) {
  SpoolLimits limits;
  limits.max_bytes = 5000;
  for (const std::string& folder : {folder_, std::string()}) {
    Spool spool(folder, limits, clock_.Get());
    for (const char* id : {"a", "b"}) spool.Add(MakeItem(id));
    spool.Add(MakeItem("large", 0, 6000));
    EXPECT_EQ(spool.count(SpoolState::kReady), 2u);
    EXPECT_EQ(spool.dropped_full(), 1u);
    spool.Add(MakeItem("c"));
    EXPECT_EQ(spool.count(SpoolState::kReady), 3u);
  }
}

TEST_F(SpoolTest, AgeIsTimeThatPassedWhateverTheClockIsSetTo) {
  SpoolLimits limits;
  limits.max_age_ns = 100 * kSecond;
  auto spool = MakeSpool(limits);
  spool->Add(MakeItem("a"));
  clock_.Pass(90);
  clock_.Set(1e6);
  spool->Trim();
  EXPECT_EQ(spool->count(SpoolState::kReady), 1);
  clock_.Set(-2e6);
  spool = nullptr;
  spool = MakeSpool(limits);
  EXPECT_EQ(spool->count(SpoolState::kReady), 1);
  clock_.Pass(11);
  spool->Trim();
  EXPECT_EQ(spool->count(SpoolState::kReady), 0);
  EXPECT_EQ(spool->dropped_old(), 1);
}

TEST_F(SpoolTest, OverAStartOfTheMachineTheClockTellsTheAge) {
  SpoolLimits limits;
  limits.max_age_ns = 100 * kSecond;
  MakeSpool(limits)->Add(MakeItem("a"));
  clock_.boot_id = "next";
  clock_.moment.boot_ns = 0;
  clock_.Set(-50);  // the clock is not yet set
  auto spool = MakeSpool(limits);
  EXPECT_EQ(spool->count(SpoolState::kReady), 1);
  clock_.Pass(101);
  spool->Trim();
  EXPECT_EQ(spool->dropped_old(), 1) << "its age begins again with the machine";
  spool = nullptr;
  MakeSpool(limits)->Add(MakeItem("b"));
  clock_.boot_id = "next but one";
  clock_.Pass(99);
  EXPECT_EQ(MakeSpool(limits)->count(SpoolState::kReady), 1);
  clock_.Pass(2);
  EXPECT_EQ(MakeSpool(limits)->dropped_old(), 1);
}

TEST_F(SpoolTest, AFullDiskKeepsItemsInMemory) {
  auto spool = MakeSpool();
  ASSERT_EQ(system(("rm -r " + folder_).c_str()), 0);
  spool->Add(MakeItem("a"));
  EXPECT_EQ(spool->Take()->item.id, "a");
}

TEST_F(SpoolTest, WhatHadNoRoomOnTheDiskIsWrittenWhenThereIsSome) {
  const std::string away = dir_ / "away";
  for (const bool at_the_end : {false, true}) {
    auto spool = MakeSpool();
    ASSERT_EQ(rename(folder_.c_str(), away.c_str()), 0);
    spool->Add(MakeItem(at_the_end ? "b" : "a"));
    spool->Trim();
    ASSERT_EQ(rename(away.c_str(), folder_.c_str()), 0);
    EXPECT_EQ(ListDir(folder_).size(), at_the_end ? 2u : 1u);
    if (at_the_end) continue;
    spool->Trim();
    EXPECT_EQ(ListDir(folder_).size(), 2u);
  }
  const auto spool = MakeSpool();
  EXPECT_EQ(spool->count(SpoolState::kReady), 2u);
  EXPECT_EQ(spool->Take()->item.id, "a");
  EXPECT_EQ(spool->Take()->item.id, "b");
}

}  // namespace
}  // namespace heapprof::test
