// SPDX-License-Identifier: Apache-2.0
// What an address asks for, as statements of SQL. Values of the user's go beside a statement, as its
// parameters, and never into it.
//
//     service, instance, version, profile, type    equal to that; profile is heap, if it is not there
//     label.NAME, tag.NAME                         a label of the process, of the sample
//     from, to                                     "2026-11-28T12:00[:SS]", "2026-11-28" (UTC), "-90m", "now"
//     period                                       where processes of several sample differently
//
// Between from (-1h) and to (now), amounts of a time (is_delta) are summed; of others, each process's last
// are: what it had in use then. Thread-safety: values. Errors: Failure.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_QUESTION_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_QUESTION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/clickhouse/address.h"

namespace heapprof::tools::clickhouse {

struct Statement {
  std::string sql;
  std::vector<std::pair<std::string, std::string>> parameters;  // {NAME:Type} in it
};

class Question {
 public:
  // `now_ns` since 1970.
  Question(const Address& address, int64_t now_ns);

  // Rows of: stack UInt64, block_bytes UInt64, tag keys and values Array(String), type, unit, events_type,
  // sampling String, period, value, events Int64,
  // whether in each row the events are the value divided by the size, but for how they were rounded UInt8.
  Statement Amounts() const;
  // Rows of: stack, and the columns of frames of tools/clickhouse/stack_frames.h without the constant ones.
  Statement Stacks() const;
  // One row: processes, profiles UInt64, the last one's time and the sum of their durations Int64.
  Statement Extent() const;
  // One row: the kinds of profiles and the services that there are in that time, Array(String).
  Statement Choices() const;
  // "profile heap of service checkout from ... to ...", for people.
  std::string Text() const;

 private:
  void Equal(const std::string& name, const std::string& column, const std::string& value, std::string* to);
  Statement Make(const std::string& before, const std::string& after) const;

  std::string times_;
  // The last profile of a process is looked for by what is said of processes alone.
  std::string of_processes_, of_samples_;
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::string text_;
};

// Nanoseconds since 1970 of "-90m", "now", "2026-11-28T12:00:00Z". Errors: Failure.
int64_t ParseMoment(const std::string& text, int64_t now_ns);

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_QUESTION_H_
