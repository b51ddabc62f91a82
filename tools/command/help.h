// SPDX-License-Identifier: Apache-2.0
// What --help looks like.
//
// An option shows the word for its value (CLI::Option::option_text): `--limit N`, and `--cpu[=HZ]` where it
// is a flag that may have one. Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_COMMAND_HELP_H_
#define HEAPPROF_TOOLS_COMMAND_HELP_H_

#include <CLI/CLI.hpp>
#include <string>

namespace heapprof::tools {

// Without a value, with one, or, a flag with an option_text, either way.
bool NeedsValue(const CLI::Option& option);
bool MayHaveValue(const CLI::Option& option);
// The word that stands for the value.
std::string ValueWord(const CLI::Option& option);

class HelpFormat : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_COMMAND_HELP_H_
