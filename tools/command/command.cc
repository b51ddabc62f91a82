// SPDX-License-Identifier: Apache-2.0
#include "tools/command/command.h"

#include <CLI/CLI.hpp>

#include "tools/command/add_option.h"

namespace heapprof::tools {

CommandOption CommandOption::required() { return option_->required(); }
CommandOption CommandOption::check(const ValueCheck& check) { return option_->check(check); }
CommandOption CommandOption::option_text(const std::string& word) { return option_->option_text(word); }
CommandOption CommandOption::take_all() {
  return option_->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

Command Command::add_subcommand(const std::string& name, const std::string& text) {
  return app_->add_subcommand(name, text);
}
Command Command::group(const std::string& name) { return app_->group(name); }
Command Command::callback(const std::function<void()>& callback) { return app_->callback(callback); }
Command Command::prefix_command() { return app_->prefix_command(); }

CommandOption Command::add_option(const std::string& name, std::string& value, const std::string& text) {
  return app_->add_option(name, value, text);
}
CommandOption Command::add_option(const std::string& name, std::vector<std::string>& values,
                                  const std::string& text) {
  return app_->add_option(name, values, text);
}
CommandOption Command::add_option(const std::string& name, double& value, const std::string& text) {
  return app_->add_option(name, value, text);
}
CommandOption Command::add_option(const std::string& name, int64_t& value, const std::string& text) {
  return app_->add_option(name, value, text);
}
CommandOption Command::add_option_function(const std::string& name,
                                           const std::function<void(const std::string&)>& take,
                                           const std::string& text) {
  return app_->add_option_function<std::string>(name, take, text);
}
CommandOption Command::add_flag(const std::string& name, bool& value, const std::string& text) {
  return app_->add_flag(name, value, text);
}
CommandOption Command::add_flag(const std::string& name, std::string& value, const std::string& text) {
  return app_->add_flag(name, value, text);
}
CommandOption Command::add_flag_callback(const std::string& name, const std::function<void()>& callback,
                                         const std::string& text) {
  return app_->add_flag_callback(name, callback, text);
}

CommandOption AddRepeatedOption(Command command, const std::string& name, std::vector<std::string>* values,
                                const std::string& text) {
  return command.get()
      ->add_option(name, *values, text)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CommandOption AddNumberOption(Command command, const std::string& name, size_t* value,
                              const std::string& text) {
  const auto take = [value](const std::string& number) { *value = ParseNumber(number); };
  return command.add_option_function(name, take, text)->check(AnyNumber())->option_text("N");
}

CommandOption AddTimeoutOption(Command command, double* seconds, const std::string& text) {
  constexpr double kMaxSeconds = 1e6;
  return command.add_option("--timeout", *seconds, text)
      ->check(DecimalNumber(0, kMaxSeconds))
      ->option_text("SECONDS");
}

}  // namespace heapprof::tools
