// SPDX-License-Identifier: Apache-2.0
#include "tools/command/help.h"

namespace heapprof::tools {

bool NeedsValue(const CLI::Option& option) { return option.get_items_expected_max() != 0; }

bool MayHaveValue(const CLI::Option& option) {
  return NeedsValue(option) || !option.get_option_text().empty();
}

std::string ValueWord(const CLI::Option& option) {
  return option.get_option_text().empty() ? "VALUE" : option.get_option_text();
}

std::string HelpFormat::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = "Usage: " + name;
  if (app->get_name() == name) return usage + " COMMAND ...\n";
  usage += " [OPTIONS]";
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) usage += " " + make_option_usage(option);
  }
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional() || !option->get_required()) continue;
    const auto& names = option->get_snames();
    usage += names.empty() ? " --" + option->get_lnames().front() : " -" + names.front();
    usage += " " + ValueWord(*option);
  }
  if (app->get_prefix_command()) usage += " -- PROGRAM [ARGUMENTS]";
  return usage + "\n";
}

std::string HelpFormat::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_name(true, false);
  std::string names;
  for (const std::string& name : option->get_snames()) names += (names.empty() ? "-" : ", -") + name;
  for (const std::string& name : option->get_lnames()) names += (names.empty() ? "--" : ", --") + name;
  return names;
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional()) return option->get_expected_max() > 1 ? "..." : "";
  if (NeedsValue(*option)) return " " + ValueWord(*option);
  return MayHaveValue(*option) ? "[=" + ValueWord(*option) + "]" : "";
}

}  // namespace heapprof::tools
