// SPDX-License-Identifier: Apache-2.0
// What the lines of functions hold: the sums behind `heapprof list`.
//
// A sample counts once for each line and each function on its stack, however often a recursion repeats it,
// and flat for the line of its leaf: the sums over a function are those of `top`. Thread-safety: values.
#ifndef HEAPPROF_TOOLS_SOURCE_LISTING_H_
#define HEAPPROF_TOOLS_SOURCE_LISTING_H_

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "tools/estimate/estimate.h"
#include "tools/report/view.h"

namespace heapprof::tools {

struct Figure {
  Sum flat = 0, cum = 0;
  Uncertainty flat_uncertainty, cum_uncertainty;
  uint32_t counted = 0;  // the number, from 1, of the sample that last counted in cum
};

// A line, with the lines of the functions that the compiler put into it.
struct ListedLine {
  Figure figure;
  std::map<std::tuple<std::string, std::string, int64_t>, ListedLine> inlined;  // by function, file and line
};

struct ListedFunction {
  std::string name, file;
  int64_t start_line = 0;  // 0: not known
  Figure figure;
  std::map<int64_t, ListedLine> lines;  // line 0: no line is known
};

// The functions in whose names `regex` is found, those with the largest flat values first, then one that
// is called so whole, then by cum; only
// those that hold anything. Functions of one name in several files are several. Errors: Failure.
std::vector<ListedFunction> ListFunctions(const View& view, const std::string& regex);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SOURCE_LISTING_H_
