// SPDX-License-Identifier: Apache-2.0
// Rows that a server has answered, as a profile.
//
// A sample is a stack, a size of blocks and tags, as in the files that the rows come from, so that what
// stands upon it, the limits of confidence too, is what it would be for the sum of the files: samples of one
// size and one period add up, and with them their variance. Thread-safety: an object belongs to one thread.
// Errors: Failure.
#ifndef HEAPPROF_TOOLS_CLICKHOUSE_STORED_PROFILE_H_
#define HEAPPROF_TOOLS_CLICKHOUSE_STORED_PROFILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "tools/clickhouse/row_reader.h"
#include "tools/profile/interner.h"
#include "tools/profile/profile.h"

namespace heapprof::tools::clickhouse {

class StoredProfile {
 public:
  StoredProfile();

  // The answers to the statements of Question, in this order.
  void AddAmounts(std::string_view rows);
  void AddStacks(std::string_view rows);
  void AddExtent(std::string_view row);
  bool empty() const { return rows_ == 0; }
  Profile Finish();

 private:
  struct Value {
    uint32_t sample, kind;
    int64_t amount, number;
  };
  // An amount: type, unit, events_type.
  using Kind = std::tuple<std::string, std::string, std::string>;

  uint32_t SampleOf(std::string_view key);
  uint32_t KindOf(std::string_view type, std::string_view unit, std::string_view events);
  void CheckSampling(std::string_view sampling, int64_t period);
  void AddLabels(uint32_t sample, uint64_t block_bytes, const std::vector<std::string_view>& keys,
                 const std::vector<std::string_view>& values);
  uint32_t MappingOf(std::string_view module, std::string_view build_id);
  uint32_t FunctionOf(std::string_view name, std::string_view linkage_name, std::string_view file,
                      uint32_t line);
  void SetTypes();

  Profile profile_;
  Interner strings_;
  size_t rows_ = 0;
  std::string sampling_;
  int64_t period_ = 0;
  std::map<Kind, uint32_t> kinds_;
  std::vector<Value> values_;
  std::vector<uint64_t> block_sizes_;  // by sample
  std::vector<bool> fits_size_;        // likewise: its objects are its bytes by that size
  bool is_sum_ = false;
  std::unordered_map<std::string_view, uint32_t> samples_;  // by the bytes of their columns
  std::unordered_map<uint64_t, std::vector<uint32_t>> samples_of_stack_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> mappings_;
  std::map<std::tuple<uint32_t, uint32_t, uint32_t, int64_t>, uint32_t> functions_;
  std::map<std::vector<uint64_t>, uint32_t> locations_;
};

}  // namespace heapprof::tools::clickhouse

#endif  // HEAPPROF_TOOLS_CLICKHOUSE_STORED_PROFILE_H_
