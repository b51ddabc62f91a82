// SPDX-License-Identifier: Apache-2.0
// The reports that show stacks: `tree`, `peek`, `folded`.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <unordered_map>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/names/name_expression.h"
#include "tools/report/report.h"

namespace heapprof::tools {
namespace {

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Human(const View& view, Sum value) { return HumanValue(ToDouble(value), view.unit()); }

// The frames of a sample from the root to the leaf.
void RootFirst(const View& view, const FrameTable& frames, uint32_t sample, std::vector<uint32_t>* out) {
  out->clear();
  for (const uint32_t location : view.profile().stack(view.profile().samples[sample])) {
    for (const uint32_t frame : frames.frames_of(location)) out->push_back(frame);
  }
  std::reverse(out->begin(), out->end());
}

// A tree of calls. Node 0 is above all roots.
struct CallTree {
  struct Node {
    uint32_t frame;
    Sum flat = 0, cum = 0;
    Uncertainty uncertainty;
    std::vector<uint32_t> children;
  };
  std::vector<Node> nodes;

  CallTree(const View& view, const FrameTable& frames) {
    nodes.push_back({kNone, 0, 0, {}, {}});
    std::unordered_map<uint64_t, uint32_t> child_of;
    std::vector<uint32_t> stack;
    for (const uint32_t sample : view.samples()) {
      RootFirst(view, frames, sample, &stack);
      const int64_t value = view.value(sample);
      const Contribution contribution =
          view.estimator().sampled() ? view.estimator().Of(sample) : Contribution();
      uint32_t node = 0;
      const auto count = [&] {
        nodes[node].cum += value;
        nodes[node].uncertainty.Add(contribution);
      };
      count();
      for (const uint32_t frame : stack) {
        const auto next = static_cast<uint32_t>(nodes.size());
        const auto [found, is_new] = child_of.emplace(static_cast<uint64_t>(node) << 32 | frame, next);
        if (is_new) {
          nodes[node].children.push_back(next);
          nodes.push_back({frame, 0, 0, {}, {}});
        }
        node = found->second;
        count();
      }
      nodes[node].flat += value;
    }
    for (Node& node : nodes) {
      std::sort(node.children.begin(), node.children.end(), [&](uint32_t a, uint32_t b) {
        if (nodes[a].cum != nodes[b].cum) return nodes[a].cum > nodes[b].cum;
        return frames.name(nodes[a].frame) < frames.name(nodes[b].frame);
      });
    }
  }
};

struct Visit {
  uint32_t node;
  size_t depth;
  bool last;
};

void TreeJson(const View& view, const FrameTable& frames, const CallTree& tree, double least, size_t limit) {
  std::printf("{%s, \"nodes\": [", JsonHeading(view).c_str());
  // In the order of the text, each with its depth: stacks may be deeper than a reader's recursion.
  std::vector<Visit> todo = {{0, 0, true}};
  bool first = true;
  for (size_t lines = 0; !todo.empty() && (limit == 0 || lines <= limit); ++lines) {  // the root is none
    const Visit visit = todo.back();
    todo.pop_back();
    const CallTree::Node& node = tree.nodes[visit.node];
    if (visit.node != 0) {
      std::printf("%s\n  {\"depth\": %zu, \"name\": %s, \"flat\": %s, \"cum\": %s", first ? "" : ",",
                  visit.depth - 1, JsonString(frames.name(node.frame)).c_str(), Decimal(node.flat).c_str(),
                  Decimal(node.cum).c_str());
      if (view.estimator().sampled()) {
        const ConfidenceLimits limits = node.uncertainty.Limits(ToDouble(node.cum));
        std::printf(", \"cum_low\": %s, \"cum_high\": %s", JsonNumber(limits.low).c_str(),
                    JsonNumber(limits.high).c_str());
      }
      std::printf("}");
      first = false;
    }
    for (size_t i = node.children.size(); i-- > 0;) {
      const CallTree::Node& child = tree.nodes[node.children[i]];
      if (std::abs(ToDouble(child.cum)) >= least) todo.push_back({node.children[i], visit.depth + 1, false});
    }
  }
  std::printf("\n]}\n");
}

}  // namespace

namespace {
// Columns in front of the tree's names.
constexpr size_t kFigures = 31;
}  // namespace

void Tree(const ReportRequest& request) {
  const View view(request.files, request.view);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  const CallTree tree(view, frames);
  const double total = ToDouble(view.total());
  const double least = total * request.min_percent / 100;
  if (request.json) return TreeJson(view, frames, tree, least, request.limit);

  PrintHeading(view);
  char heading[96];
  std::snprintf(heading, sizeof heading, "%10s %7s %10s  calls, from the root", "cum", "cum%", "flat");
  std::printf("%s\n", Coloured(heading, Colour::kBold).c_str());
  std::vector<uint32_t> shown;
  for (size_t i = 1; i < tree.nodes.size(); ++i) shown.push_back(tree.nodes[i].frame);
  const RowNames names(frames, request.names, shown);
  const size_t columns = OutputColumns();
  std::vector<Visit> todo = {{0, 0, true}};
  size_t left_out = 0, lines = 0, more = 0;
  while (!todo.empty()) {
    const Visit visit = todo.back();
    todo.pop_back();
    const CallTree::Node& node = tree.nodes[visit.node];
    if (visit.node != 0 && request.limit != 0 && lines == request.limit) {
      ++more;
    } else if (visit.node != 0) {
      ++lines;
      // A single child goes on in the column of its caller: deep stacks stay on the screen.
      std::string line(visit.depth * 2, ' ');
      line += names.Of(node.frame, columns > kFigures + line.size() ? columns - kFigures - line.size() : 1);
      std::printf("%10s %7s %10s  %s\n", Human(view, node.cum).c_str(),
                  Percent(ToDouble(node.cum), total).c_str(),
                  node.flat == 0 ? "" : Human(view, node.flat).c_str(), line.c_str());
    }
    const bool branches = node.children.size() > 1;
    for (size_t i = node.children.size(); i-- > 0;) {
      const CallTree::Node& child = tree.nodes[node.children[i]];
      if (std::abs(ToDouble(child.cum)) < least) {
        ++left_out;
      } else {
        todo.push_back({node.children[i], visit.depth + (branches && visit.node != 0 ? 1 : 0), i == 0});
      }
    }
  }
  if (more > 0) std::printf("... and %zu more lines; --limit 0 shows all\n", more);
  if (left_out > 0) {
    std::printf("%zu branches below %g %% are left out; --min-percent 0 shows all\n", left_out,
                request.min_percent);
  }
}

void Peek(const ReportRequest& request) {
  ViewOptions options = request.view;
  options.keep = request.regex;  // what is looked for must not be folded
  const View view(request.files, options);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  std::vector<Row> rows = MakeTable(view, frames, Order::kFlat);
  std::vector<uint32_t> all;
  all.reserve(rows.size());
  for (const Row& row : rows) all.push_back(row.frame);
  // A row's name may be longer than the function's: by line it has the line, too.
  const NameExpression wanted(request.regex, "peek");
  const auto is_other = [&](const Row& row) {
    return !wanted.Names(frames.name(row.frame)) && !wanted.Names(frames.function_name(row.frame));
  };
  rows.erase(std::remove_if(rows.begin(), rows.end(), is_other), rows.end());
  if (rows.empty() && !request.json) {
    throw Failure(Printable(view.file()) + ": no frame matches " + Printable(request.regex));
  }
  struct Neighbour {
    uint32_t frame;
    Sum sum;
  };
  std::vector<std::vector<Neighbour>> callers(frames.size()), callees(frames.size());
  for (const auto& [pair, sum] : MakeEdges(view, frames)) {
    callers[pair.second].push_back({pair.first, sum});
    callees[pair.first].push_back({pair.second, sum});
  }
  const RowNames names(frames, request.names, all);
  const size_t columns = OutputColumns() - std::min<size_t>(OutputColumns() - 1, 26);
  const auto sorted = [&](std::vector<Neighbour> list) {
    std::sort(list.begin(), list.end(), [&](const Neighbour& a, const Neighbour& b) {
      return a.sum != b.sum ? a.sum > b.sum : frames.name(a.frame) < frames.name(b.frame);
    });
    return list;
  };
  if (request.json) {
    std::printf("{%s, \"rows\": [", JsonHeading(view).c_str());
  } else {
    PrintHeading(view);
    const std::string heading = "       sum     of it  frame: its callers above, its callees below";
    std::printf("%s\n", Coloured(heading, Colour::kBold).c_str());
  }
  bool any = false;
  size_t shown = 0, more = 0;
  for (const Row& row : rows) {
    if (request.limit != 0 && shown == request.limit) {
      ++more;
      continue;
    }
    ++shown;
    const std::string& name = frames.name(row.frame);
    if (request.json) {
      std::printf("%s\n  {\"name\": %s, \"flat\": %s, \"cum\": %s", any ? "," : "", JsonString(name).c_str(),
                  Decimal(row.flat).c_str(), Decimal(row.cum).c_str());
      for (const auto* list : {&callers[row.frame], &callees[row.frame]}) {
        std::printf(", \"%s\": [", list == &callers[row.frame] ? "callers" : "callees");
        bool first = true;
        for (const Neighbour& other : sorted(*list)) {
          std::printf("%s{\"name\": %s, \"sum\": %s}", first ? "" : ", ",
                      JsonString(frames.name(other.frame)).c_str(), Decimal(other.sum).c_str());
          first = false;
        }
        std::printf("]");
      }
      std::printf("}");
    } else {
      const auto print = [&](const std::vector<Neighbour>& list) {
        for (const Neighbour& other : sorted(list)) {
          std::printf("%10s %9s      %s\n", Human(view, other.sum).c_str(),
                      Percent(ToDouble(other.sum), ToDouble(row.cum)).c_str(),
                      names.Of(other.frame, columns).c_str());
        }
      };
      if (any) std::printf("\n");
      print(callers[row.frame]);
      const std::string line = names.Of(row.frame, columns) + "   flat " + Human(view, row.flat) + "   cum " +
                               Human(view, row.cum) + " " + LimitsText(view, row.cum, row.cum_uncertainty);
      std::printf("%10s %9s  %s\n", Human(view, row.cum).c_str(),
                  Percent(ToDouble(row.cum), ToDouble(view.total())).c_str(),
                  Coloured(line, Colour::kBold).c_str());
      print(callees[row.frame]);
    }
    any = true;
  }
  if (request.json) std::printf("\n]}\n");
  if (more > 0 && !request.json) std::printf("\n... and %zu more functions; --limit 0 shows all\n", more);
}

void Folded(const ReportRequest& request) {
  const View view(request.files, request.view);
  TellOfView(view, request.granularity);
  const FrameTable frames(view.profile(), request.granularity);
  const auto by_name = [&](const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [&](uint32_t x, uint32_t y) {
      return frames.name(x) != frames.name(y) ? frames.name(x) < frames.name(y) : x < y;
    });
  };
  std::map<std::vector<uint32_t>, Sum, decltype(by_name)> stacks(by_name);
  std::vector<uint32_t> stack;
  for (const uint32_t sample : view.samples()) {
    RootFirst(view, frames, sample, &stack);
    stacks[stack] += view.value(sample);
  }
  // The largest stay, in the order of the names.
  Sum least = 0;
  size_t of_least = 0;  // that many of this size stay
  if (request.limit != 0 && request.limit < stacks.size()) {
    std::vector<Sum> sizes;
    sizes.reserve(stacks.size());
    for (const auto& [frame_ids, sum] : stacks) sizes.push_back(sum < 0 ? -sum : sum);
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    sizes.resize(request.limit);
    least = sizes.back();
    of_least = static_cast<size_t>(std::count(sizes.begin(), sizes.end(), least));
  }
  const auto stays = [&](Sum sum) {
    const Sum size = sum < 0 ? -sum : sum;
    if (least == 0 || size > least) return true;
    if (size < least || of_least == 0) return false;
    --of_least;
    return true;
  };
  if (request.json) std::printf("{%s, \"stacks\": [", JsonHeading(view).c_str());
  bool any = false;
  for (const auto& [frame_ids, sum] : stacks) {
    if (!stays(sum)) continue;
    std::string line;
    for (const uint32_t frame : frame_ids) {
      if (request.json) {
        line += (line.empty() ? "" : ", ") + JsonString(frames.UniqueName(frame));
        continue;
      }
      // The format's own separators cannot be quoted in it.
      std::string name = Printable(frames.UniqueName(frame));
      std::replace(name.begin(), name.end(), ';', ':');
      line += (line.empty() ? "" : ";") + name;
    }
    if (request.json) {
      std::printf("%s\n  {\"frames\": [%s], \"value\": %s}", any ? "," : "", line.c_str(),
                  Decimal(sum).c_str());
    } else {
      std::printf("%s %s\n", line.empty() ? "[no stack]" : line.c_str(), Decimal(sum).c_str());
    }
    any = true;
  }
  if (request.json) std::printf("\n]}\n");
}

}  // namespace heapprof::tools
