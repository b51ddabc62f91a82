// SPDX-License-Identifier: Apache-2.0
// The text of HEAPPROF_OPTIONS: "key=value:key=value", separators `:` `,` and white space, values quoted with
// ' or " where they hold separators.
//
// Thread-safety: functions without state. Errors: Failure for text that cannot be read or written in that
// syntax.
#ifndef HEAPPROF_TOOLS_PROCESS_OPTIONS_TEXT_H_
#define HEAPPROF_TOOLS_PROCESS_OPTIONS_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools {

struct OptionPair {
  std::string key;
  std::string value;  // without quotes
  std::string text;   // as it stood; empty for pairs that were made here
};

// Errors: a quote that is not closed.
std::vector<OptionPair> ParseOptionText(std::string_view text);

// Errors: a value with both kinds of quotes and a separator.
std::string FormatOption(const OptionPair& pair);

// `existing` with the keys of `overrides` taken out and `overrides` behind it.
std::string MergeOptions(std::string_view existing, const std::vector<OptionPair>& overrides);

// The last value of `key`, or nullptr.
const std::string* FindOption(const std::vector<OptionPair>& pairs, std::string_view key);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_OPTIONS_TEXT_H_
