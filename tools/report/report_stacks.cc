// SPDX-License-Identifier: Apache-2.0
// The reports that show calls: `tree`, `peek`.
#include <algorithm>
#include <cstdio>
#include <unordered_map>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/base/terminal.h"
#include "tools/names/display_name.h"
#include "tools/names/name_expression.h"
#include "tools/report/folded.h"
#include "tools/report/report.h"

namespace heapprof::tools {
namespace {

double ToDouble(Sum value) { return static_cast<double>(value); }

std::string Human(const View& view, Sum value) { return HumanValue(ToDouble(value), view.unit()); }

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
      StackFromRoot(view, frames, sample, &stack);
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
};

void TreeJson(const View& view, const FrameTable& frames, const CallTree& tree, double least, size_t limit) {
  std::printf("{%s, \"nodes\": [", JsonHeading(view).c_str());
  // In the order of the text, each with its depth: stacks may be deeper than a reader's recursion.
  std::vector<Visit> todo = {{0, 0}};
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
      if (std::abs(ToDouble(child.cum)) >= least) todo.push_back({node.children[i], visit.depth + 1});
    }
  }
  std::printf("\n]}\n");
}

}  // namespace

namespace {

// Columns in front of the tree's names.
constexpr size_t kFigures = 31;

// What leads from a caller to its calls. A single call, of those that are shown, stands under its caller
// in the same column, so that deep stacks stay on the screen; several are branches.
struct Lines {
  const char *branch, *last, *through;
};
Lines LinesOfTree() {
  if (ShowsUnicode()) return {"\u251c\u2500", "\u2514\u2500", "\u2502 "};
  return {"|-", "`-", "| "};
}

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
  const Lines lines_of_tree = LinesOfTree();
  struct Step {
    uint32_t node;
    std::string own, below;  // what stands in front of its name, and of what it calls
  };
  std::vector<Step> todo = {{0, "", ""}};
  size_t left_out = 0, lines = 0, more = 0;
  while (!todo.empty()) {
    const Step step = std::move(todo.back());
    todo.pop_back();
    const CallTree::Node& node = tree.nodes[step.node];
    if (step.node != 0 && request.limit != 0 && lines == request.limit) {
      ++more;
    } else if (step.node != 0) {
      ++lines;
      const size_t used = kFigures + ColumnsOf(step.own);
      const std::string name = names.Of(node.frame, columns > used ? columns - used : 1);
      std::printf("%10s %7s %10s  %s%s\n", Human(view, node.cum).c_str(),
                  Percent(ToDouble(node.cum), total).c_str(),
                  node.flat == 0 ? "" : Human(view, node.flat).c_str(), step.own.c_str(), name.c_str());
    }
    std::vector<uint32_t> children;
    for (const uint32_t child : node.children) {
      if (std::abs(ToDouble(tree.nodes[child].cum)) >= least) children.push_back(child);
    }
    left_out += node.children.size() - children.size();
    for (size_t i = children.size(); i-- > 0;) {
      if (children.size() == 1) {
        todo.push_back({children[i], step.below, step.below});
        continue;
      }
      const bool last = i + 1 == children.size();
      todo.push_back({children[i], step.below + (last ? lines_of_tree.last : lines_of_tree.branch),
                      step.below + (last ? "  " : lines_of_tree.through)});
    }
  }
  if (more > 0) std::printf("... and %s; --limit 0 shows all\n", Counted(more, "more line").c_str());
  if (left_out > 0) {
    std::printf("%s below %g %% %s left out; --min-percent 0 shows all\n",
                Counted(left_out, "branch", "branches").c_str(), request.min_percent,
                left_out == 1 ? "is" : "are");
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
  // `peek main` is of main first, whatever else has the word in its name.
  const auto nothing_asked =
      std::find_if(rows.begin(), rows.end(), [](const Row& row) { return row.flat == 0; });
  std::stable_partition(nothing_asked, rows.end(),
                        [&](const Row& row) { return DisplayName(frames.name(row.frame)) == request.regex; });
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
      const std::string limits = LimitsText(view, row.cum, row.cum_uncertainty);
      const std::string figures = "   flat " + Human(view, row.flat) + "   cum " + Human(view, row.cum) +
                                  (limits.empty() ? "" : " " + limits);
      // The name has what is left; where that is little, the figures go to a line of their own.
      constexpr size_t kIndent = 22, kMinName = 30;
      const size_t room = OutputColumns() - kIndent;
      const std::string whole = names.Of(row.frame, 0);
      const bool in_one = std::min(ColumnsOf(whole), kMinName) + ColumnsOf(figures) <= room;
      std::string line = names.Of(row.frame, in_one ? room - ColumnsOf(figures) : room);
      if (in_one) line += figures;
      std::printf("%10s %9s  %s\n", Human(view, row.cum).c_str(),
                  Percent(ToDouble(row.cum), ToDouble(view.total())).c_str(),
                  Coloured(line, Colour::kBold).c_str());
      if (!in_one) std::printf("%*s%s\n", static_cast<int>(kIndent), "", figures.c_str());
      print(callees[row.frame]);
    }
    any = true;
  }
  if (request.json) std::printf("\n]}\n");
  if (more > 0 && !request.json) {
    std::printf("\n... and %s; --limit 0 shows all\n", Counted(more, "more function").c_str());
  }
}

}  // namespace heapprof::tools
