// SPDX-License-Identifier: Apache-2.0
#include "tools/process/options_text.h"

#include <algorithm>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

constexpr std::string_view kSeparators = ":, \t\n\v\f\r";

bool IsQuote(char c) { return c == '\'' || c == '"'; }

}  // namespace

std::vector<OptionPair> ParseOptionText(std::string_view text) {
  std::vector<OptionPair> pairs;
  size_t at = 0;
  while ((at = text.find_first_not_of(kSeparators, at)) != std::string_view::npos) {
    const size_t begin = at;
    OptionPair pair;
    at = std::min(text.find_first_of(kSeparators, at), text.size());
    const size_t equals = text.find('=', begin);
    if (equals < at) {
      pair.key = text.substr(begin, equals - begin);
      const size_t value = equals + 1;
      if (value < text.size() && IsQuote(text[value])) {
        const size_t close = text.find(text[value], value + 1);
        if (close == std::string_view::npos) {
          throw Failure("HEAPPROF_OPTIONS: the quote of " + pair.key + " is not closed");
        }
        pair.value = text.substr(value + 1, close - value - 1);
        at = close + 1;
      } else {
        pair.value = text.substr(value, at - value);
      }
    } else {
      pair.key = text.substr(begin, at - begin);  // no value: the library will complain of it
    }
    pair.text = text.substr(begin, at - begin);
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

std::string FormatOption(const OptionPair& pair) {
  const std::string& value = pair.value;
  const bool plain =
      value.find_first_of(kSeparators) == std::string::npos && (value.empty() || !IsQuote(value[0]));
  if (plain) return pair.key + "=" + value;
  const char quote = value.find('\'') == std::string::npos ? '\'' : '"';
  if (value.find(quote) != std::string::npos) {
    throw Failure("the value of " + pair.key +
                  " has both kinds of quotes, which HEAPPROF_OPTIONS cannot hold: " + Printable(value));
  }
  return pair.key + "=" + quote + value + quote;
}

std::string MergeOptions(std::string_view existing, const std::vector<OptionPair>& overrides) {
  std::string merged;
  const auto append = [&](const std::string& text) { merged += (merged.empty() ? "" : ":") + text; };
  for (const OptionPair& pair : ParseOptionText(existing)) {
    if (FindOption(overrides, pair.key) == nullptr) append(pair.text);
  }
  for (const OptionPair& pair : overrides) append(FormatOption(pair));
  return merged;
}

const std::string* FindOption(const std::vector<OptionPair>& pairs, std::string_view key) {
  const auto found =
      std::find_if(pairs.rbegin(), pairs.rend(), [&](const OptionPair& pair) { return pair.key == key; });
  return found == pairs.rend() ? nullptr : &found->value;
}

}  // namespace heapprof::tools
