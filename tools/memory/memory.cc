// SPDX-License-Identifier: Apache-2.0
#include "tools/memory/memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/blame/emergency_pool.h"
#include "tools/blame/fold.h"
#include "tools/command/add_option.h"
#include "tools/command/values.h"
#include "tools/dump/asked_profile.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"
#include "tools/profile/load.h"
#include "tools/report/naming_options.h"
#include "tools/report/report_commands.h"

namespace heapprof::tools {
namespace {

struct MemoryRequest {
  AskedProfile asked;
  size_t limit = 8;
  bool unfold = false;
  bool json = false;
};

// A cause with what it consists of. Below the causes come the functions that allocated, the leaves of stacks
// from which wrappers are folded, in names as people write them.
struct Node {
  __int128 resident = 0, mapped = 0;
  std::map<std::string, Node> parts;

  Node* Add(const std::string& name, int64_t resident_bytes, int64_t mapped_bytes) {
    Node& part = parts[name];
    part.resident += resident_bytes;
    part.mapped += mapped_bytes;
    return &part;
  }
};

// Frames that stand for no code have no address: causes, names of files, and what is said in place of a stack
// or of its end.
bool IsCode(const ProfileLocation& location) { return location.address != 0 || location.mapping != kNone; }

// The causes of a sample and then, where it has a stack, the function that asked: the leaf of what folding
// left.
std::vector<std::string> PathOf(const Profile& profile, const FrameTable& frames,
                                const ProfileSample& sample) {
  std::vector<std::string> path;
  const auto stack = profile.stack(sample);
  bool has_stack = false;
  for (size_t i = 0; i < stack.size(); ++i) has_stack = has_stack || IsCode(profile.locations[stack[i]]);
  for (size_t i = stack.size(); i > 0; --i) {
    const uint32_t location = stack[i - 1];
    if (IsCode(profile.locations[location])) break;
    const std::string& name = frames.name(frames.frames_of(location)[0]);
    const bool is_end_of_stack = has_stack && (name == "[truncated]" || name.rfind("[heapprof: ", 0) == 0);
    if (!is_end_of_stack) path.push_back(name);
  }
  if (has_stack) path.push_back(DisplayName(frames.name(frames.frames_of(stack[0])[0])));
  return path;
}

Node TreeOf(const Profile& profile) {
  if (profile.type_count() != 2 || profile.type_name(0) != "resident" || profile.type_name(1) != "mapped") {
    throw Failure(
        "is no memory profile: its types are not resident and mapped; heapprof memory PID asks for one");
  }
  const FrameTable frames(profile, Granularity::kFunction);
  Node root;
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    const auto values = profile.values_of(i);
    root.resident += values[0];
    root.mapped += values[1];
    Node* node = &root;
    for (const std::string& name : PathOf(profile, frames, profile.samples[i])) {
      node = node->Add(name, values[0], values[1]);
    }
  }
  return root;
}

std::string ShareBar(double share) {
  constexpr int kWidth = 20;
  const int filled = std::min(kWidth, static_cast<int>(std::lround(share * kWidth)));
  return std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kWidth - filled), ' ');
}

// The name gets what the figures leave of the line.
std::string Fitting(const std::string& name, size_t depth) {
  constexpr size_t kFigures = 53, kLeastName = 20;
  const size_t columns = OutputColumns(), taken = kFigures + 2 * depth;
  return ShortenName(Printable(name), columns > taken + kLeastName ? columns - taken : kLeastName);
}

void PrintRow(const std::string& name, const Node& node, const Node& whole, size_t depth) {
  const auto resident = static_cast<double>(node.resident), all = static_cast<double>(whole.resident);
  const double share = all > 0 ? resident / all : 0;
  std::printf("%10s %6.1f%%  %s %10s  %s%s\n", HumanBytes(resident).c_str(), share * 100,
              ShareBar(share).c_str(), HumanBytes(static_cast<double>(node.mapped)).c_str(),
              std::string(2 * depth, ' ').c_str(), Fitting(name, depth).c_str());
}

// The parts of a cause that are shown, those with the most resident bytes first, and the sum of the rest.
struct ShownParts {
  std::vector<std::pair<std::string, const Node*>> parts;
  size_t more = 0;
  Node rest;

  ShownParts(const Node& node, size_t depth, size_t limit) {
    for (const auto& [name, part] : node.parts) parts.emplace_back(name, &part);
    std::stable_sort(parts.begin(), parts.end(),
                     [](const auto& a, const auto& b) { return a.second->resident > b.second->resident; });
    if (depth == 0 || limit == 0 || parts.size() <= limit) return;
    more = parts.size() - limit;
    for (size_t i = limit; i < parts.size(); ++i) {
      rest.resident += parts[i].second->resident;
      rest.mapped += parts[i].second->mapped;
    }
    parts.resize(limit);
  }
};

void PrintParts(const Node& node, const Node& whole, size_t depth, size_t limit) {
  const ShownParts shown(node, depth, limit);
  for (const auto& [name, part] : shown.parts) {
    PrintRow(name, *part, whole, depth);
    PrintParts(*part, whole, depth + 1, limit);
  }
  if (shown.more != 0) PrintRow("(" + std::to_string(shown.more) + " more)", shown.rest, whole, depth);
}

std::string JsonBytes(const Node& node) {
  return "\"resident\": " + std::to_string(static_cast<int64_t>(node.resident)) +
         ", \"mapped\": " + std::to_string(static_cast<int64_t>(node.mapped));
}

std::string JsonRows(const Node& node, size_t depth, size_t limit) {
  const ShownParts shown(node, depth, limit);
  const std::string line = "\n" + std::string(2 * depth + 2, ' ');
  std::string text = "\"rows\": [";
  for (const auto& [name, part] : shown.parts) {
    if (part != shown.parts.front().second) text += ",";
    text += line + "{\"name\": " + JsonString(name) + ", " + JsonBytes(*part);
    if (!part->parts.empty()) text += ", " + JsonRows(*part, depth + 1, limit);
    text += "}";
  }
  text += "]";
  if (shown.more != 0) {
    text += ", \"more\": {\"count\": " + std::to_string(shown.more) + ", " + JsonBytes(shown.rest) + "}";
  }
  return text;
}

void PrintJson(const Profile& profile, const std::string& file, const Folded& folded, const Node& root,
               size_t limit) {
  std::string names;
  for (const std::string& name : folded.names) names += (names.empty() ? "" : ", ") + JsonString(name);
  const std::string pid(CommentValue(profile, "pid"));
  std::printf("{\"file\": %s, \"pid\": %lld, %s, \"estimated\": %s, \"folded\": [%s], %s\n}\n",
              JsonString(file).c_str(), std::atoll(pid.c_str()), JsonBytes(root).c_str(),
              CommentValue(profile, "estimated").empty() ? "false" : "true", names.c_str(),
              JsonRows(root, 0, limit).c_str());
}

void RunMemory(const MemoryRequest& request) {
  std::string file;
  Profile profile = LoadAskedProfile(request.asked, &file);
  Node root;
  Folded folded;
  NameEmergencyPool(&profile);
  if (!request.unfold) folded = Fold(&profile, 0, {});
  try {
    root = TreeOf(profile);
  } catch (const Failure& failure) {
    throw Failure(Printable(file) + " " + failure.what());
  }
  if (request.json) return PrintJson(profile, file, folded, root, request.limit);
  std::printf("memory of process %s: RSS %s, mapped %s\n", Printable(CommentValue(profile, "pid")).c_str(),
              HumanBytes(static_cast<double>(root.resident)).c_str(),
              HumanBytes(static_cast<double>(root.mapped)).c_str());
  const std::string heading = FoldedText(folded, OutputColumns());
  if (!heading.empty()) std::printf("%s\n", heading.c_str());
  std::printf("%10s %7s  %20s %10s\n", "resident", "share", "", "mapped");
  PrintParts(root, root, 0, request.limit);
  const std::string estimated = Printable(CommentValue(profile, "estimated"));
  if (!estimated.empty()) std::printf("estimated: %s\n", estimated.c_str());
}

}  // namespace

void AddMemoryCommand(Command app) {
  auto request = std::make_shared<MemoryRequest>();
  request->asked.dump.profile = "memory";
  Command command = app->add_subcommand("memory", "Where the memory of a running program is, by cause");
  command->add_option("PID", request->asked.what, "The process; or a file, .memory.pb.gz")->required();
  AddNumberOption(command, "--limit", &request->limit, "Lines of each cause; 0 = all");
  command->add_flag("--json", request->json, "JSON instead of text");
  command->add_flag("--keep", request->asked.keep,
                    "Leave the file that the process has written, and say its name");
  command->add_flag("--unfold", request->unfold,
                    "Show allocators, containers and wrappers, whose bytes are their callers' otherwise");
  AddTimeoutOption(command, &request->asked.dump.timeout_seconds);
  AddNamingOptions(command, &request->asked.load);
  AddMaxSizeOption(command, &request->asked.load);
  command->callback([request] { RunMemory(*request); });
}

}  // namespace heapprof::tools
