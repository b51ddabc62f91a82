// SPDX-License-Identifier: Apache-2.0
// What the values of options may be: checks that say in one line what a value is not.
//
// Each returns "" for a good value, as CLI::Option::check wants it. Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_COMMAND_VALUES_H_
#define HEAPPROF_TOOLS_COMMAND_VALUES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace heapprof::tools {

using ValueCheck = std::function<std::string(const std::string&)>;

// A whole number of `min` to `max`; `what` is how it is called in the line ("rate", "number").
ValueCheck WholeNumber(uint64_t min, uint64_t max, const std::string& what = "whole number");
// A whole number with no bound that a user would meet.
ValueCheck AnyNumber();
// A decimal number of `min` to `max`.
ValueCheck DecimalNumber(double min, double max);
ValueCheck OneOf(const std::vector<std::string>& words);
std::string CheckPid(const std::string& text);
// KEY=VALUE.
std::string IsPair(const std::string& text);
// What AnyNumber has passed.
uint64_t ParseNumber(const std::string& text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_COMMAND_VALUES_H_
