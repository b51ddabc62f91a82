// SPDX-License-Identifier: Apache-2.0
// Names of C++ functions that have no linkage name in DWARF: lambdas, members of local classes, functions of
// unnamed namespaces, static ones.
//
// Such a name is made of the scopes in which the function stands: "main::{lambda#2}::operator()",
// "(anonymous namespace)::Pool::grow", without parameters. Lambdas are counted by the lines on which they
// stand in the function, as gcc does in their symbols. Thread-safety: an object belongs to one thread; the
// Dwarf must outlive it. Errors: none; where a scope cannot be found the name is the plain one.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SCOPE_NAMES_H_
#define HEAPPROF_TOOLS_SYMBOLS_SCOPE_NAMES_H_

#include <elfutils/libdw.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace heapprof::tools {

class ScopeNames {
 public:
  struct Name {
    std::string text;
    int64_t line = 0;  // where it is declared: a lambda's function has no line of its own
  };
  // Of a subprogram or an inlined subroutine; "" if the function has no name at all.
  const Name& Of(Dwarf_Die* function);

 private:
  struct Scope {
    Dwarf_Off offset;
    Dwarf_Die die;
    Dwarf_Off parent;     // 0: the unit
    uint32_t lambda = 0;  // from 1, in the function; 0: none
  };
  // The scopes of a unit, by the offsets of their DIEs, which is the order in which they are read.
  using Scopes = std::vector<Scope>;

  const Scopes& ScopesOf(Dwarf_Die* die);
  static const Scope* Find(const Scopes& scopes, Dwarf_Off offset);
  using Lambdas = std::vector<std::pair<int64_t, size_t>>;  // line and index; of one function
  static void Read(Dwarf_Die* die, Dwarf_Off parent, int depth, Lambdas* lambdas, Scopes* scopes);
  static void Count(Lambdas lambdas, Scopes* scopes);
  std::string Qualified(Dwarf_Die* declaration, int depth, int64_t* line);

  std::map<Dwarf_CU*, Scopes> units_;
  std::map<std::pair<Dwarf_CU*, Dwarf_Off>, Name> known_;  // by the declaration
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SCOPE_NAMES_H_
