// SPDX-License-Identifier: Apache-2.0
#include "tests/system/http/served.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace heapprof::test {

Served::Served(const std::vector<std::string>& argv, const std::string& options, const std::string& ready) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) return;
  Command command = Under(dir_, argv, "sample_interval=1:" + options);
  command.directory = dir_.path();
  const int input = pipe_ends[0];
  command.before_exec = [input] { dup2(input, 0); };
  process_ = std::make_unique<Process>(command);
  close(pipe_ends[0]);
  input_ = pipe_ends[1];
  EXPECT_TRUE(process_->WaitForOutput(ready)) << process_->so_far().err;
  const std::string said = process_->so_far().err;
  const size_t at = said.find("HTTP at http://127.0.0.1:");
  if (at != std::string::npos) {
    const size_t begin = at + std::string("HTTP at http://").size();
    address_ = said.substr(begin, said.find('\n', begin) - begin);
  }
}

Served::~Served() {
  if (input_ >= 0) close(input_);
}

void Served::Send(const std::string& bytes) const {
  EXPECT_EQ(write(input_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}

Result Served::Finish() {
  close(input_);
  input_ = -1;
  return process_->Wait();
}

long Served::StatusValue(const std::string& name) const {
  const std::string text = ReadFile("/proc/" + std::to_string(pid()) + "/status");
  const size_t at = text.find("\n" + name + ":");
  return at == std::string::npos ? -1 : std::stol(text.substr(at + name.size() + 2));
}

size_t Served::Descriptors() const { return ListDir("/proc/" + std::to_string(pid()) + "/fd").size(); }

size_t Served::Threads() const { return ListDir("/proc/" + std::to_string(pid()) + "/task").size(); }

}  // namespace heapprof::test
