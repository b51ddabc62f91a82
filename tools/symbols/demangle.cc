#include "tools/symbols/demangle.h"

#include <libiberty/demangle.h>

#include <cstdlib>
#include <memory>

namespace heapprof::tools {
namespace {

// More than this is no name that a compiler made of a program for people.
constexpr size_t kMaxSymbol = 1 << 16;

struct Free {
  void operator()(char* text) const { free(text); }
};

std::string DemangleWhole(const std::string& symbol) {
  const std::unique_ptr<char, Free> text(cplus_demangle(symbol.c_str(), DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO));
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
  // Rust's older scheme writes dots within names, and appends ".llvm.NUMBER" itself.
  const std::string head = DemangleWhole(symbol.substr(0, dot));
  if (!head.empty()) return head + " (" + symbol.substr(dot) + ")";
  const std::string whole = DemangleWhole(symbol);
  return whole.empty() ? symbol : whole;
}

}  // namespace heapprof::tools
