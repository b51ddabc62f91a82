// SPDX-License-Identifier: Apache-2.0
// The records that a process publishes of its dump signal (base/dump_record.h).
//
// Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_DUMP_DUMP_RECORDS_H_
#define HEAPPROF_TOOLS_DUMP_DUMP_RECORDS_H_

#include <cstdint>
#include <vector>

#include "base/dump_record.h"
#include "tools/process/process.h"

namespace heapprof::tools {

struct PublishedRecord {
  uint64_t address;
  DumpRecord record;
};

struct DumpRecords {
  // One for each module with the library in it that has started: usually one or none.
  std::vector<PublishedRecord> started;
  bool starting = false;  // there is one whose library has not started yet
  bool readable = false;  // the memory of the process
  int error = 0;          // why not
};

// Errors: Failure: the process may not be looked into.
DumpRecords ReadDumpRecords(const Process& process);
// Errors: Failure: its memory may not be read. `otherwise` is what else helps.
void CheckReadable(const Process& process, const DumpRecords& records, const char* otherwise = "");

// The field `failure` of the record at `record`, as it is now; 0 where it cannot be read.
uint64_t ReadDumpFailure(const Process& process, uint64_t record);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_DUMP_DUMP_RECORDS_H_
