// SPDX-License-Identifier: Apache-2.0
#include "tools/command/words.h"

#include <algorithm>

#include "tools/base/failure.h"
#include "tools/base/suggestion.h"
#include "tools/command/help.h"
#include "tools/command/values.h"

namespace heapprof::tools {
namespace {

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

bool IsLong(const std::string& word) { return word.size() > 2 && word.compare(0, 2, "--") == 0; }
bool IsOption(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// The command of this name, or nullptr.
const CLI::App* FindCommand(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// Where to look: " ...; see heapprof COMMAND --help".
std::string See(const CLI::App& command) {
  return "; see heapprof " + (command.get_parent() != nullptr ? command.get_name() + " " : "") + "--help";
}

// Errors: Failure, always. `what` begins with the word that is wrong.
[[noreturn]] void Fail(const CLI::App& command, const std::string& what) {
  throw Failure((command.get_parent() != nullptr ? command.get_name() + ": " : "") + what + See(command));
}

// The option of `command` that a process id is given by, without a name; nullptr: it takes none.
const CLI::Option* PidOption(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() && option->get_name(true) == "PID") return option;
  }
  return nullptr;
}

bool IsNegative(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && word.find_first_not_of("0123456789", 1) == std::string::npos;
}

// Errors: Failure, always: `word` is no option of `command`.
[[noreturn]] void FailAtOption(const CLI::App& command, const std::string& word) {
  if (IsNegative(word) && PidOption(command) != nullptr) Fail(command, "PID: " + CheckPid(word));
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  Fail(command, Printable(word) + " is no option" + DidYouMean(word.substr(0, word.find('=')), known));
}

// Errors: Failure, always: `command` has no use for `word`.
[[noreturn]] void FailAtWord(const CLI::App& command, const std::string& word) {
  Fail(command, Printable(word) + " is one word too many");
}

// Errors: Failure, always: nothing stands behind the option `name`.
[[noreturn]] void FailAtMissingValue(const CLI::App& command, const std::string& name,
                                     const CLI::Option& option) {
  std::string what = name;
  what.append(" needs a value, ").append(name).append(" ").append(ValueWord(option));
  Fail(command, what);
}

}  // namespace

std::vector<std::string> CutProgram(const CLI::App& app, std::vector<std::string>* words) {
  std::vector<std::string> program;
  const CLI::App* command = words->empty() ? nullptr : FindCommand(app, words->front());
  if (command == nullptr || !command->get_prefix_command()) return program;
  const auto mark = std::find(words->begin(), words->end(), "--");
  if (mark == words->end()) return program;
  program.assign(mark + 1, words->end());
  words->erase(mark, words->end());
  return program;
}

void CheckWords(const CLI::App& app, std::vector<std::string>* words) {
  const CLI::App* command = words->empty() ? nullptr : FindCommand(app, words->front());
  if (command == nullptr) return;
  for (size_t i = 1; i < words->size(); ++i) {
    const std::string word = (*words)[i];
    if (word == "--") return;
    if (!IsOption(word)) {
      if (command->get_prefix_command()) return;  // the program's own words follow
      continue;
    }
    const size_t equals = IsLong(word) ? word.find('=') : std::string::npos;
    const std::string name = IsLong(word) ? word.substr(0, equals) : word.substr(0, 2);
    const CLI::Option* option = command->get_option_no_throw(name);
    if (option == nullptr || option->get_positional()) FailAtOption(*command, word);
    const bool has_value = equals != std::string::npos;
    const std::string value = has_value ? word.substr(equals + 1) : "";
    if (!NeedsValue(*option)) {
      if (!has_value) continue;
      if (!MayHaveValue(*option))
        Fail(*command, name + " takes no value, and has '" + Printable(value) + "'");
      if (value.empty()) Fail(*command, name + "= has no " + ValueWord(*option) + " behind it");
      continue;
    }
    if (has_value && value.empty()) {
      (*words)[i] = name;
      words->insert(words->begin() + static_cast<std::ptrdiff_t>(i) + 1, "");
    }
    if (has_value && !value.empty()) continue;
    if (!IsLong(word) && word.size() > 2) {  // -oFILE
      if (word[2] != '=') continue;
      Fail(*command, Printable(word) + ": a value follows " + name + " without =");
    }
    if (++i >= words->size()) FailAtMissingValue(*command, name, *option);
    const std::string& next = (*words)[i];
    if (next == "--") FailAtMissingValue(*command, name, *option);
    if (IsLong(next)) {
      Fail(*command,
           name + " needs a value before " + Printable(next) +
               (IsLong(name) ? " (if that is the value: " + name + "=" + Printable(next) + ")" : ""));
    }
  }
}

void FailAt(const CLI::App& app, const std::string& first, const CLI::ParseError& error) {
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  if (parsed.empty()) {
    if (first.empty() || first[0] == '-') FailAtOption(app, first);
    std::vector<std::string> known = {"help"};
    for (const CLI::App* command : app.get_subcommands({})) {
      if (!command->get_group().empty()) known.push_back(command->get_name());
    }
    Fail(app, Printable(first) + " is no command" + DidYouMean(first, known));
  }
  const CLI::App& command = *parsed.front();
  const std::string& name = command.get_name();
  const std::vector<std::string> rest = command.remaining();
  // Behind the command's own words a program may stand, with its own: CheckWords has seen those before it.
  if (!command.get_prefix_command()) {
    const auto option = std::find_if(rest.begin(), rest.end(), IsOption);
    if (option != rest.end()) FailAtOption(command, *option);
    if (!rest.empty()) FailAtWord(command, rest.front());
  }
  if (first != name && !app.remaining().empty()) {
    throw Failure(Printable(first) + " stands before the command " + name + ", whose words follow it" +
                  See(command));
  }
  Fail(command, Printable(FirstLine(error.what())));
}

std::vector<std::string> ProgramOf(const CLI::App& command, const std::vector<std::string>& behind_mark) {
  const std::vector<std::string> rest = command.remaining();
  if (!behind_mark.empty() && !rest.empty()) {
    if (rest.front()[0] != '-') FailAtWord(command, rest.front());
    FailAtOption(command, rest.front());
  }
  const std::vector<std::string>& program = behind_mark.empty() ? rest : behind_mark;
  if (program.empty()) Fail(command, "no program is named");
  return program;
}

}  // namespace heapprof::tools
