// SPDX-License-Identifier: Apache-2.0
// The words of the command line, before CLI11 reads them and when it cannot.
//
// CLI11 gives a flag that has no use for it a value, takes what follows `--limit=` for its value and the next
// option for that of `--focus`, and complains in words of its own. Here each of these is one line: the
// command, the word, what is wrong with it, and where to look. Thread-safety: functions without state.
#ifndef HEAPPROF_TOOLS_COMMAND_WORDS_H_
#define HEAPPROF_TOOLS_COMMAND_WORDS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace heapprof::tools {

// The words behind the first "--" of a command that runs a program, which are taken out: CLI11 would take a
// "--" of the program's own.
std::vector<std::string> CutProgram(const CLI::App& app, std::vector<std::string>* words);

// Refuses options that are none, that lack a value, or that have one too many. An empty value of the form
// `--type=` becomes a word of its own, which is how CLI11 takes it. Errors: Failure.
void CheckWords(const CLI::App& app, std::vector<std::string>* words);

// Errors: Failure, always: the words are wrong, as `error` says; `first` is the first of them.
[[noreturn]] void FailAt(const CLI::App& app, const std::string& first, const CLI::ParseError& error);

// The program of a command that runs one. Errors: Failure: there is none, or words stand before the "--".
std::vector<std::string> ProgramOf(const CLI::App& command, const std::vector<std::string>& behind_mark);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_COMMAND_WORDS_H_
