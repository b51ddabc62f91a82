// SPDX-License-Identifier: Apache-2.0
#include "tools/convert/convert.h"

#include <cstdio>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/base/output_name.h"
#include "tools/command/values.h"
#include "tools/convert/formats.h"
#include "tools/profile/profile_writer.h"
#include "tools/report/report.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools {
namespace {

constexpr struct {
  const char *name, *ending;
} kFormats[] = {{"speedscope", ".speedscope.json"},
                {"folded", ".folded"},
                {"pprof", ".pprof.pb.gz"},
                {"heapprofile", ".heapprofile"},
                {"chrome", ".cpuprofile"}};

std::string EndingOf(const std::string& format) {
  for (const auto& known : kFormats) {
    if (format == known.name) return known.ending;
  }
  throw Failure("convert: " + Printable(format) + " is no format");
}

// The profile with the samples of the view only, which shows first what the view does.
Profile Selected(const View& view) {
  Profile profile = view.profile();
  const size_t types = profile.type_count();
  size_t kept = 0;
  for (uint32_t i = 0; i < profile.samples.size(); ++i) {
    if (!view.IsSelected(i)) continue;
    profile.samples[kept] = profile.samples[i];
    for (size_t type = 0; type < types; ++type) {
      profile.values[kept * types + type] = profile.values[i * types + type];
    }
    ++kept;
  }
  profile.samples.resize(kept);
  profile.values.resize(kept * types);
  profile.header.default_sample_type = profile.header.sample_types[view.type()].type;
  return profile;
}

// The view's type first; all others too where the user named none.
std::vector<size_t> TypesOf(const View& view, const ViewOptions& options) {
  std::vector<size_t> types = {view.type()};
  for (size_t type = 0; options.type.empty() && type < view.profile().type_count(); ++type) {
    if (type != view.type()) types.push_back(type);
  }
  return types;
}

}  // namespace

void Convert(const ConvertRequest& request) {
  const std::string name =
      request.output.empty() ? OutputName(request.files.front(), EndingOf(request.format)) : request.output;
  ViewOptions options = request.view;
  // What is read again by tools that know of drop_frames, and can hide frames, keeps them.
  options.load.apply_drop_frames = request.format != "pprof";
  options.unfold = options.unfold || request.format == "pprof";
  const View view(request.files, options);
  TellOfView(view, Granularity::kFunction);
  if (request.format == "pprof") {
    WriteProfile(Selected(view), name);
  } else {
    const FrameTable frames(view.profile(), Granularity::kFunction);
    OutputFile file(name);
    TextOutput out(&file);
    if (request.format == "speedscope") WriteSpeedscope(view, frames, TypesOf(view, options), &out);
    if (request.format == "folded") WriteFolded(view, frames, &out);
    if (request.format == "heapprofile") WriteHeapProfile(view, frames, &out);
    if (request.format == "chrome") WriteCpuProfile(view, frames, &out);
    out.Flush();
    file.Commit();
  }
  if (name != "-") std::printf("%s\n", Printable(name).c_str());
}

void AddConvertCommand(Command app) {
  auto request = std::make_shared<ConvertRequest>();
  Command command = app->add_subcommand("convert", "Write a profile in the format of another tool");
  std::vector<std::string> names;
  for (const auto& format : kFormats) names.emplace_back(format.name);
  command
      ->add_option("FILE", request->files,
                   "The profile; - is standard input; several add up, of a folder or a list @FILE, too")
      ->required()
      ->take_all();
  command
      ->add_option("--to", request->format,
                   "speedscope, folded, pprof, heapprofile (DevTools' memory panel), chrome (a .cpuprofile)")
      ->required()
      ->check(OneOf(names))
      ->option_text("FORMAT");
  command->add_option("-o,--output", request->output, "The file to write; - is standard output")
      ->option_text("OUT");
  AddViewOptions(command, &request->view);
  AddSumOption(command, &request->view.load);
  command->callback([request] { Convert(*request); });
}

}  // namespace heapprof::tools
