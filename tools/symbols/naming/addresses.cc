// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/naming/addresses.h"

#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tools/symbols/demangle.h"
#include "tools/symbols/sources/debug_files.h"

namespace heapprof::tools {
namespace {

struct Address {
  uint64_t address = 0, start = 0, offset = 0;
  std::string build_id, path;
};

Address Parse(const std::string& line) {
  Address parsed;
  std::istringstream words(line);
  words >> std::hex >> parsed.address >> parsed.start >> parsed.offset >> parsed.build_id;
  words.get();  // the blank
  std::getline(words, parsed.path);
  if (parsed.build_id == "-") parsed.build_id.clear();
  return parsed;
}

// What is between the fields and the lines of the answer cannot be in one.
std::string OneField(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

void ResolveAddresses() {
  std::vector<Address> addresses;
  for (std::string line; std::getline(std::cin, line);) addresses.push_back(Parse(line));
  DebugFiles files({}, false);
  std::map<std::pair<std::string, std::string>, std::unique_ptr<ModuleSymbols>> modules;
  for (const Address& at : addresses) {
    if (!at.path.empty() && at.path[0] == '/') {
      const auto [found, is_new] = modules.try_emplace({at.path, at.build_id});
      std::string reason;
      if (is_new) found->second = files.Open(at.path, at.build_id, {}, &reason);
      if (ModuleSymbols* module = found->second.get()) {
        if (const auto linked = module->Unbias(at.address - at.start + at.offset, at.address - at.start)) {
          for (const SourceFrame& frame : module->FramesAt(*linked)) {
            const std::string name = frame.name.empty() ? Demangle(frame.symbol) : frame.name;
            std::cout << OneField(name) << '\t' << OneField(frame.file) << '\t' << frame.line << '\n';
          }
        }
      }
    }
    std::cout << '\n';
  }
  std::cout.flush();
}

void AddAddresses(Command app) {
  app->add_subcommand("addresses", "Source lines for addresses on standard input")
      ->group("")
      ->callback(ResolveAddresses);
}

}  // namespace heapprof::tools
