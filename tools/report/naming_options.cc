// SPDX-License-Identifier: Apache-2.0
#include "tools/report/naming_options.h"

#include <memory>
#include <optional>

#include "tools/command/add_option.h"

namespace heapprof::tools {
namespace {

// A reading command has something else to say.
constexpr size_t kMaxTold = 3;

struct Naming {
  bool off = false;
  SymbolizeOptions options;
  std::optional<Symbolizer> symbolizer;
};

}  // namespace

void AddNameSourceOptions(Command command, SymbolizeOptions* options) {
  AddRepeatedOption(command, "--debug-path", &options->debug_paths,
                    "A folder with debug files, before /usr/lib/debug (may be repeated)")
      ->option_text("FOLDER");
  command->add_flag_callback(
      "--no-debuginfod", [options] { options->debuginfod = false; },
      "Ask no server, though DEBUGINFOD_URLS names some");
}

void AddNamingOptions(Command command, LoadOptions* load) {
  auto naming = std::make_shared<Naming>();
  naming->options.only_unnamed = true;
  naming->options.max_told = kMaxTold;
  command->add_flag("--no-symbolize", naming->off, "Look no names up: show what the profile has");
  AddNameSourceOptions(command, &naming->options);
  load->prepare = [naming](Profile* profile) {
    if (naming->off) return;
    if (!naming->symbolizer) naming->symbolizer.emplace(naming->options);
    naming->symbolizer->Run(profile);
  };
}

}  // namespace heapprof::tools
