// SPDX-License-Identifier: Apache-2.0
// A program that runs under the library with the option http, until the test has done with it.
#ifndef HEAPPROF_TESTS_SYSTEM_HTTP_SERVED_H_
#define HEAPPROF_TESTS_SYSTEM_HTTP_SERVED_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/under.h"
#include "tests/system/http/client.h"

namespace heapprof::test {

class Served {
 public:
  // `argv` is words of the program http_host, or another program's. It says "ready" on standard output.
  explicit Served(const std::vector<std::string>& argv, const std::string& options = "http=0",
                  const std::string& ready = "ready\n");
  ~Served();
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  // "" if it is not served.
  const std::string& address() const { return address_; }
  pid_t pid() const { return process_->pid(); }
  const TempDir& dir() const { return dir_; }
  Process& process() { return *process_; }
  Reply Get(const std::string& target) const { return test::Get(address_, target); }
  // Writes to its standard input.
  void Send(const std::string& bytes) const;
  // Lets the program go on to its end.
  Result Finish();
  // A value of the process' /proc/PID/status; descriptors of its main thread; threads as the kernel has them.
  long StatusValue(const std::string& name) const;
  size_t Descriptors() const;
  size_t Threads() const;

 private:
  TempDir dir_;
  int input_ = -1;  // the program waits for its end
  std::unique_ptr<Process> process_;
  std::string address_;
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_HTTP_SERVED_H_
