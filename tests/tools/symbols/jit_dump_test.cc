// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/jit_dump.h"

#include <gtest/gtest.h>

#include <string>

namespace heapprof::tools {
namespace {

constexpr pid_t kPid = 77;

template <typename... T>
std::string Bytes(const T&... values) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&values), sizeof values), ...);
  return bytes;
}

std::string Text(const std::string& text) { return text + std::string(1, '\0'); }

std::string Record(uint32_t kind, const std::string& content) {
  return Bytes(kind, static_cast<uint32_t>(16 + content.size()), uint64_t{1}) + content;
}

std::string Head() {
  return Bytes(uint32_t{0x4a695444}, uint32_t{1}, uint32_t{40}, uint32_t{62}, uint32_t{0}, uint32_t{kPid},
               uint64_t{1}, uint64_t{0});
}

std::string Load(uint64_t address, uint64_t size, const std::string& name) {
  return Record(0, Bytes(uint32_t{kPid}, uint32_t{kPid}, address, address, size, uint64_t{0}) + Text(name) +
                       std::string(size, 'c'));
}

std::string Move(uint64_t from, uint64_t to, uint64_t size) {
  return Record(1, Bytes(uint32_t{kPid}, uint32_t{kPid}, to, from, to, size, uint64_t{0}));
}

std::string Line(uint64_t address, uint32_t line, const std::string& file) {
  return Bytes(address, line, uint32_t{0}) + Text(file);
}

std::string Lines(uint64_t address, uint64_t count, const std::string& entries) {
  return Record(2, Bytes(address, count) + entries);
}

std::string Place(const JitDump& dump, uint64_t address) {
  const SourceFrame frame = dump.At(address);
  return frame.symbol + " " + frame.file + ":" + std::to_string(frame.line);
}

TEST(JitDump, TellsFunctionsAndLines) {
  const std::string bytes = Head() +
                            Lines(0x1000, 2, Line(0x1000, 5, "/srv/a.js") + Line(0x1008, 6, "\xff")) +
                            Load(0x1000, 16, "JS:*work /srv/a.js:4:1") + Load(0x2000, 16, "plain") +
                            Record(3, "") + Move(0x1000, 0x3000, 16) + Load(0x1008, 4, "later");
  const JitDump dump(bytes, kPid);
  EXPECT_EQ(Place(dump, 0x1004), "work /srv/a.js:5");
  EXPECT_EQ(Place(dump, 0x1008), "later :0");
  EXPECT_EQ(Place(dump, 0x2000), "plain :0") << "lines of other code";
  EXPECT_EQ(Place(dump, 0x3000), "work /srv/a.js:5");
  EXPECT_EQ(Place(dump, 0x300f), "work /srv/a.js:6");
  EXPECT_EQ(Place(dump, 0x3010), " :0");
  EXPECT_TRUE(JitDump(bytes, kPid + 1).empty());
  // Cut anywhere, it tells what is whole.
  for (size_t size = 0; size < bytes.size(); ++size) JitDump(std::string_view(bytes).substr(0, size), kPid);
  std::string endless = Head() + Lines(0x1000, UINT64_MAX, "") + Load(0x1000, 16, "work");
  EXPECT_EQ(Place(JitDump(endless, kPid), 0x1000), "work :0");
}

TEST(JitDump, IsKnownByItsName) {
  EXPECT_TRUE(JitDump::IsName("/srv/jit-77.dump"));
  for (const char* other : {"", "jit-77.dump", "/srv/jit-77.dump.so", "/srv/a-jit-7.dump", "/jit-1.dump/x"}) {
    EXPECT_FALSE(JitDump::IsName(other)) << other;
  }
}

}  // namespace
}  // namespace heapprof::tools
