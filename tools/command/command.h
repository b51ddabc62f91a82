// SPDX-License-Identifier: Apache-2.0
// A command and its options, as CLI11 has them, without its headers: these take a compiler seconds and
// clang-tidy ten of each file that includes them. The functions are CLI11's own, of the same names.
//
//     Command list = app->add_subcommand("list", "The source lines of functions");
//     list->add_option("FILE", request->file, "The profile")->required();
//     list->callback([request] { List(*request); });
//
// Both classes are pointers to what CLI11 keeps, and are copied. Thread-safety: none is needed.
#ifndef HEAPPROF_TOOLS_COMMAND_COMMAND_H_
#define HEAPPROF_TOOLS_COMMAND_COMMAND_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/command/values.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace heapprof::tools {

class CommandOption {
 public:
  CommandOption(CLI::Option* option) : option_(option) {}  // NOLINT: one for the other
  CommandOption* operator->() { return this; }

  CommandOption required();
  CommandOption check(const ValueCheck& check);
  // The word for the value in --help.
  CommandOption option_text(const std::string& word);
  // Several values are kept; of others the last counts.
  CommandOption take_all();

 private:
  CLI::Option* option_;
};

class Command {
 public:
  Command(CLI::App* app) : app_(app) {}  // NOLINT: one for the other
  Command* operator->() { return this; }
  CLI::App* get() const { return app_; }

  Command add_subcommand(const std::string& name, const std::string& text);
  // What is outside of the list of commands: "" hides it.
  Command group(const std::string& name);
  // Called when the whole line was read, if this is the command.
  Command callback(const std::function<void()>& callback);
  // Words that are no options end its own line.
  Command prefix_command();

  CommandOption add_option(const std::string& name, std::string& value, const std::string& text);
  CommandOption add_option(const std::string& name, std::vector<std::string>& values,
                           const std::string& text);
  CommandOption add_option(const std::string& name, double& value, const std::string& text);
  CommandOption add_option(const std::string& name, int64_t& value, const std::string& text);
  CommandOption add_option_function(const std::string& name,
                                    const std::function<void(const std::string&)>& take,
                                    const std::string& text);
  CommandOption add_flag(const std::string& name, bool& value, const std::string& text);
  // With a value, if it is given one; "true" without.
  CommandOption add_flag(const std::string& name, std::string& value, const std::string& text);
  CommandOption add_flag_callback(const std::string& name, const std::function<void()>& callback,
                                  const std::string& text);

 private:
  CLI::App* app_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_COMMAND_COMMAND_H_
