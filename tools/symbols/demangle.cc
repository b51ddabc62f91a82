// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

#include "tools/symbols/rust_names.h"

namespace heapprof::tools {
namespace {

// More than this is no name that a compiler made of a program for people.
constexpr size_t kMaxSymbol = 1 << 16;

struct Free {
  void operator()(char* text) const { free(text); }
};

// "" for a name of no known scheme.
std::string DemangleWhole(const std::string& symbol) {
  if (symbol[1] == 'R') return DemangleRust(symbol);
  // A legacy name of Rust's is one of C++'s too.
  std::string rust = DemangleLegacyRust(symbol);
  if (!rust.empty()) return rust;
  int status = 0;
  const std::unique_ptr<char, Free> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status));
  return text == nullptr ? "" : text.get();
}

}  // namespace

std::string Demangle(const std::string& symbol) {
  if (symbol.size() > kMaxSymbol || symbol.compare(0, 2, "_Z") * symbol.compare(0, 2, "_R") != 0)
    return symbol;
  const size_t dot = symbol.find('.');
  if (dot == std::string::npos) {
    const std::string whole = DemangleWhole(symbol);
    return whole.empty() ? symbol : whole;
  }
  // Rust's older scheme writes dots within names, and what LLVM appends stands behind all of them.
  for (const size_t suffix : {dot, symbol.find(".llvm.")}) {
    if (suffix == std::string::npos) continue;
    const std::string head = DemangleWhole(symbol.substr(0, suffix));
    if (!head.empty()) return head + " (" + symbol.substr(suffix) + ")";
  }
  const std::string whole = DemangleWhole(symbol);
  return whole.empty() ? symbol : whole;
}

}  // namespace heapprof::tools
