// SPDX-License-Identifier: Apache-2.0
#include "tests/system/fleet/stand_in.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace heapprof::test {

StandIn::StandIn(std::vector<std::string> options) { Start(options); }

void StandIn::Kill() { process_ = nullptr; }

void StandIn::Start(const std::vector<std::string>& options) {
  Command command;
  command.argv = {"/usr/bin/python3", "-B", STAND_IN, dir_ / "port", dir_ / "log", "--port", port_};
  command.argv.insert(command.argv.end(), options.begin(), options.end());
  command.timeout_seconds = 60 * SoakFactor();
  process_ = std::make_unique<Process>(command);
  if (!process_->WaitForOutput("listening")) {
    ADD_FAILURE() << process_->Expired().Describe();
    return;
  }
  std::istringstream(ReadFile(dir_ / "port")) >> port_;
}

std::vector<std::string> StandIn::Lines(const std::vector<std::string>& texts) const {
  std::istringstream log(ReadFile(dir_ / "log"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    const bool has_all = std::all_of(texts.begin(), texts.end(), [&](const std::string& text) {
      return line.find(text) != std::string::npos;
    });
    if (has_all) lines.push_back(line);
  }
  return lines;
}

std::string Field(const std::string& line, const std::string& name) {
  const std::string mark = "\"" + name + "\": ";
  const size_t at = line.find(mark);
  if (at == std::string::npos) return "";
  const size_t begin = at + mark.size();
  if (line[begin] == '"') return line.substr(begin + 1, line.find('"', begin + 1) - begin - 1);
  if (line[begin] == '[') return line.substr(begin, line.find(']', begin) - begin + 1);
  return line.substr(begin, line.find_first_of(",}", begin) - begin);
}

}  // namespace heapprof::test
