// SPDX-License-Identifier: Apache-2.0
#include "tools/command/add_option.h"

#include "tools/command/values.h"

namespace heapprof::tools {

CLI::Option* AddRepeatedOption(CLI::App* command, const std::string& name, std::vector<std::string>* values,
                               const std::string& text) {
  return command->add_option(name, *values, text)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::Option* AddNumberOption(CLI::App* command, const std::string& name, size_t* value,
                             const std::string& text) {
  return command
      ->add_option_function<std::string>(
          name, [value](const std::string& number) { *value = ParseNumber(number); }, text)
      ->check(AnyNumber())
      ->option_text("N");
}

}  // namespace heapprof::tools
