// SPDX-License-Identifier: Apache-2.0
// A profile as rows of the table `input` (tools/clickhouse/schema.h).
//
//     RowWriter writer;
//     writer.Add(profile, origin);
//     send(writer.TakeBlock());
//
// A row is a sample and one of its amounts: what is counted beside an amount stands in the same row
// (inuse_space with inuse_objects, cpu with samples, delay with contentions). Amounts of 0 make no row; a
// type without any makes one of value 0 without a stack, as what a process had before is not in use any more.
// The frames of a stack are in the first of its rows and in no other that the object writes.
// Thread-safety: an object belongs to one thread. Errors: none.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_ROWS_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_ROWS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tools/profile/profile.h"

namespace heapprof::tools::clickhouse {

// Whose profile it is.
struct Origin {
  std::string kind;  // "heap", "cpu"; empty: told by the sample types
  // Sorted by name. "service", "instance" and "version" have columns of their own; service is the main
  // binary's name if it is not there, instance the process's `run`, or its pid and the number of
  // tools/profile/survey.h, pid its pid, if the profile says: a process is all three.
  std::vector<std::pair<std::string, std::string>> labels;
  int64_t time_ns = 0;      // 0: the profile's
  int64_t duration_ns = 0;  // 0: the profile's
  // Its values are of that time alone; profiles of clocks are by themselves. What is in use is as it was at
  // the end of that time, unless it, too, is a difference.
  bool is_delta = false, is_in_use_delta = false;
};

// What each value of a sample is in the rows.
struct Amount {
  size_t type = 0;
  size_t events = 0;  // the type that counts what `type` measures; == type: none does
};
std::vector<Amount> AmountsOf(const Profile& profile);

// What a profile is called by its types: "heap", "allocs", "cpu", "wall", "contention".
std::string KindOf(const Profile& profile);

class RowWriter {
 public:
  // Frames of the stacks in `known`, which outlives the object, are not written.
  explicit RowWriter(const std::unordered_set<uint64_t>* known = nullptr);
  ~RowWriter();
  RowWriter(RowWriter&&) noexcept;
  RowWriter& operator=(RowWriter&&) noexcept;

  void Add(const Profile& profile, const Origin& origin);
  size_t rows() const;
  // The rows since the last block, in the format Native; "" if there are none.
  std::string TakeBlock();
  // The stacks whose frames have been written.
  const std::unordered_set<uint64_t>& new_stacks() const { return new_stacks_; }

 private:
  struct Columns;
  std::unique_ptr<Columns> columns_;
  const std::unordered_set<uint64_t>* known_;
  std::unordered_set<uint64_t> new_stacks_;
};

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_ROWS_H_
