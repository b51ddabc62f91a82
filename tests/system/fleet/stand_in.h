// SPDX-License-Identifier: Apache-2.0
// The stand-in for engines (stand_in.py), as tests start, end and read it.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SYSTEM_FLEET_STAND_IN_H_
#define HEAPPROF_TESTS_SYSTEM_FLEET_STAND_IN_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/subprocess.h"

namespace heapprof::test {

class StandIn {
 public:
  // `options` of stand_in.py.
  explicit StandIn(std::vector<std::string> options = {});

  // Ends it at once, whatever it is doing.
  void Kill();
  // Starts it again on the same port, with other options.
  void Start(const std::vector<std::string>& options);

  // "localhost:PORT".
  std::string host() const { return "localhost:" + port_; }
  // Lines of the log, JSON, that hold all of the texts.
  std::vector<std::string> Lines(const std::vector<std::string>& texts) const;

 private:
  TempDir dir_;
  std::string port_ = "0";
  std::unique_ptr<Process> process_;
};

// What stands behind "name": in a line of the log: a word, a number, or a list with its brackets.
std::string Field(const std::string& line, const std::string& name);

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_FLEET_STAND_IN_H_
