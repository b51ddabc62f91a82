// SPDX-License-Identifier: Apache-2.0
// `heapprof dump`: makes a running program write its heap profile.
#ifndef HEAPPROF_TOOLS_DUMP_DUMP_H_
#define HEAPPROF_TOOLS_DUMP_DUMP_H_

#include <string>

#include "tools/base/failure.h"

namespace heapprof::tools {

// The process cannot write where its files go.
class CannotWrite : public Failure {
 public:
  explicit CannotWrite(const std::string& line) : Failure(line) {}
};

struct DumpRequest {
  long pid = 0;
  double timeout_seconds = 10;
  std::string output;            // the pattern of the program's files; empty: read out of its environment
  std::string signal;            // likewise
  bool force = false;            // take the program's word for it that it carries the library
  std::string profile = "heap";  // or threads (with details), memory, peak, growth, lifetimes
};

// Sends the signal, waits for the file, and returns its name. Never sends a signal that the process does not
// catch: its default action would end the process.
// Errors: Failure; CannotWrite.
std::string RequestDump(const DumpRequest& request);

// The same, and prints the name.
void Dump(const DumpRequest& request);

// "SIGUSR2", "USR2", "12"; 0 or "none" is none. Errors: Failure.
int SignalNumber(const std::string& text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_DUMP_H_
