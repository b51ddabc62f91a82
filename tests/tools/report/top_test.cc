// SPDX-License-Identifier: Apache-2.0
// `heapprof top` against google/pprof on profiles of real programs: totals, order, flat and cumulative
// values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/files.h"
#include "tests/support/under.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

// "FLAT CUM NAME" by line, in bytes or counts, in pprof's order.
std::vector<std::string> RowsOfPprof(const std::string& file, const std::string& type, bool cum,
                                     const std::vector<std::string>& filter) {
  Command command;
  command.argv = {
      HEAPPROF_PPROF,          "-top",
      "-symbolize=none",       "-nodefraction=0",
      "-edgefraction=0",       "-nodecount=1000000",
      "-sample_index=" + type, type.find("space") != std::string::npos ? "-unit=B" : "-unit=count"};
  if (cum) command.argv.push_back("-cum");
  command.argv.insert(command.argv.end(), filter.begin(), filter.end());
  command.argv.push_back(file);
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::istringstream lines(result.out);
  std::vector<std::string> rows;
  bool table = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string flat, flat_percent, sum, cumulative, cum_percent, name;
    fields >> flat >> flat_percent >> sum >> cumulative >> cum_percent;
    if (!table) {
      table = flat == "flat";
      continue;
    }
    std::getline(fields >> std::ws, name);
    for (const char* mark : {" (inline)", " (partial-inline)"}) {
      const size_t at = name.rfind(mark);
      if (at != std::string::npos && at + std::string(mark).size() == name.size()) name.resize(at);
    }
    rows.push_back(std::to_string(std::stoll(flat)) + " " + std::to_string(std::stoll(cumulative)) + " " +
                   name);
  }
  return rows;
}

// The same of ours.
std::vector<std::string> RowsOfTop(const std::string& file, const std::string& type, bool cum,
                                   const std::vector<std::string>& filter) {
  std::vector<std::string> words = {"top",  "--json", "--limit", "0", "--unfold",
                                    "--by", "name",   "--type",  type};
  if (cum) words.push_back("--cum");
  words.insert(words.end(), filter.begin(), filter.end());
  words.push_back(file);
  const Result result = RunCommand(words);
  EXPECT_TRUE(result.ok()) << result.Describe();
  std::istringstream lines(result.out);
  std::vector<std::string> rows;
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&](const std::string& key) {
      const size_t at = line.find("\"" + key + "\": ") + key.size() + 4;
      return std::to_string(std::stoll(line.substr(at)));
    };
    const std::string start = "  {\"name\": \"";
    if (line.rfind(start, 0) != 0) continue;
    const size_t end = line.find("\", \"module\"");
    rows.push_back(value("flat") + " " + value("cum") + " " + line.substr(start.size(), end - start.size()));
  }
  return rows;
}

TEST(Top, AgreesWithPprof) {
  TempDir dir;
  Command command;
  command.argv = {HEAPPROF_COMMAND,
                  "run",
                  "--interval",
                  "4k",
                  "--exit-dump",
                  "--output",
                  dir / "p",
                  "--",
                  "/usr/bin/python3",
                  "-c",
                  "import json; keep = [json.dumps(list(range(500))) for i in range(300)]; "
                  "rest = {str(i): [i] * 20 for i in range(2000)}"};
  ASSERT_TRUE(RunProgram(command).ok());
  const std::string file = dir / "p.heap.pb.gz";
  for (const char* type : {"inuse_space", "inuse_objects", "alloc_space", "alloc_objects"}) {
    for (const bool cum : {false, true}) {
      const auto mine = RowsOfTop(file, type, cum, {});
      EXPECT_GT(mine.size(), 10u);
      EXPECT_EQ(mine, RowsOfPprof(file, type, cum, {})) << type;
      EXPECT_EQ(RowsOfTop(file, type, cum, {"--focus", "Py[DL]", "--ignore", "Import"}),
                RowsOfPprof(file, type, cum, {"-focus=Py[DL]", "-ignore=Import"}))
          << type;
      // Frames go, samples and totals stay.
      EXPECT_EQ(RowsOfTop(file, type, cum, {"--hide", "Malloc|libc"}),
                RowsOfPprof(file, type, cum, {"-hide=Malloc|libc"}))
          << type;
      EXPECT_EQ(RowsOfTop(file, type, cum, {"--show", "Py"}), RowsOfPprof(file, type, cum, {"-show=Py"}))
          << type;
      EXPECT_EQ(RowsOfTop(file, type, cum, {"--prune-from", "^Py.*Import"}),
                RowsOfPprof(file, type, cum, {"-prune_from=^Py.*Import"}))
          << type;
    }
  }
}

}  // namespace
}  // namespace heapprof::test
