// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/scope_names.h"

#include <dwarf.h>

#include <algorithm>
#include <string_view>

#include "tools/symbols/demangle.h"

namespace heapprof::tools {
namespace {

constexpr int kMaxDepth = 64;

// An attribute of the DIE itself.
std::string_view OwnText(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  const char* text = dwarf_attr(die, name, &attribute) == nullptr ? nullptr : dwarf_formstring(&attribute);
  return text == nullptr ? "" : text;
}

int64_t OwnNumber(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  if (dwarf_attr(die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0) return 0;
  return static_cast<int64_t>(value);
}

// The linkage name of a DIE, of what it is an instance of, or of what it defines.
std::string_view LinkageName(Dwarf_Die* die) {
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    Dwarf_Attribute attribute;
    const char* text =
        dwarf_attr_integrate(die, name, &attribute) == nullptr ? nullptr : dwarf_formstring(&attribute);
    if (text != nullptr) return text;
  }
  return "";
}

// The DIE that stands where the function was declared.
Dwarf_Die DeclarationOf(Dwarf_Die die) {
  for (int steps = 0; steps < kMaxDepth; ++steps) {
    Dwarf_Attribute attribute;
    Dwarf_Die next;
    if ((dwarf_attr(&die, DW_AT_abstract_origin, &attribute) == nullptr &&
         dwarf_attr(&die, DW_AT_specification, &attribute) == nullptr) ||
        dwarf_formref_die(&attribute, &next) == nullptr) {
      break;
    }
    die = next;
  }
  return die;
}

bool IsClass(int tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

// The type of a lambda has no name, and one operator() at least.
bool IsLambdaType(Dwarf_Die* die) {
  const std::string_view name = OwnText(die, DW_AT_name);
  if (!IsClass(dwarf_tag(die)) || (!name.empty() && name.substr(0, 7) != "<lambda")) return false;
  Dwarf_Die child;
  if (dwarf_child(die, &child) != 0) return false;
  do {
    if (dwarf_tag(&child) == DW_TAG_subprogram && OwnText(&child, DW_AT_name).substr(0, 10) == "operator()") {
      return true;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

// gcc makes of a coroutine a function that runs it, of the same name, whose parameter is the frame.
bool IsPartOfCoroutine(Dwarf_Die* function) {
  Dwarf_Attribute attribute;
  bool artificial = false;
  if (dwarf_attr(function, DW_AT_artificial, &attribute) == nullptr ||
      dwarf_formflag(&attribute, &artificial) != 0 || !artificial) {
    return false;
  }
  Dwarf_Die child;
  if (dwarf_child(function, &child) != 0) return false;
  do {
    if (dwarf_tag(&child) == DW_TAG_formal_parameter && OwnText(&child, DW_AT_name) == "frame_ptr") {
      return true;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
  return false;
}

}  // namespace

// clang writes them in the order in which it meets them, which is not the source's.
void ScopeNames::Count(Lambdas lambdas, Scopes* scopes) {
  std::stable_sort(lambdas.begin(), lambdas.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  uint32_t number = 0;
  for (const auto& [line, index] : lambdas) (*scopes)[index].lambda = ++number;
}

// `lambdas` gets those of the function that is being read.
void ScopeNames::Read(Dwarf_Die* die, Dwarf_Off parent, int depth, Lambdas* lambdas, Scopes* scopes) {
  Dwarf_Die child;
  if (depth > kMaxDepth || dwarf_child(die, &child) != 0) return;
  do {
    const int tag = dwarf_tag(&child);
    const Dwarf_Off offset = dwarf_dieoffset(&child);
    switch (tag) {
      case DW_TAG_namespace:
      case DW_TAG_module:
      case DW_TAG_class_type:
      case DW_TAG_structure_type:
      case DW_TAG_union_type: {
        if (IsLambdaType(&child)) {
          lambdas->emplace_back(OwnNumber(&child, DW_AT_decl_line), scopes->size());
        }
        scopes->push_back({offset, child, parent});
        Read(&child, offset, depth + 1, lambdas, scopes);
        break;
      }
      case DW_TAG_subprogram: {
        scopes->push_back({offset, child, parent});
        Lambdas own_lambdas;
        Read(&child, offset, depth + 1, &own_lambdas, scopes);
        Count(std::move(own_lambdas), scopes);
        break;
      }
      case DW_TAG_lexical_block:
      case DW_TAG_try_block:
      case DW_TAG_catch_block:
        Read(&child, parent, depth + 1, lambdas, scopes);
        break;
      default:
        break;
    }
  } while (dwarf_siblingof(&child, &child) == 0);
}

const ScopeNames::Scopes& ScopeNames::ScopesOf(Dwarf_Die* die) {
  const auto [found, is_new] = units_.try_emplace(die->cu);
  Dwarf_Die unit;
  if (is_new && dwarf_diecu(die, &unit, nullptr, nullptr) != nullptr) {
    Lambdas lambdas;
    Read(&unit, 0, 0, &lambdas, &found->second);
    Count(std::move(lambdas), &found->second);
  }
  return found->second;
}

const ScopeNames::Scope* ScopeNames::Find(const Scopes& scopes, Dwarf_Off offset) {
  const auto found = std::lower_bound(scopes.begin(), scopes.end(), offset,
                                      [](const Scope& scope, Dwarf_Off at) { return scope.offset < at; });
  return found != scopes.end() && found->offset == offset ? &*found : nullptr;
}

// The name of a declaration in its scopes; `line` becomes the innermost line that is known.
std::string ScopeNames::Qualified(Dwarf_Die* declaration, int depth, int64_t* line) {
  const Scopes& scopes = ScopesOf(declaration);
  const Scope* self = Find(scopes, dwarf_dieoffset(declaration));
  const int tag = dwarf_tag(declaration);
  std::string name(OwnText(declaration, DW_AT_name));
  if (*line == 0) *line = OwnNumber(declaration, DW_AT_decl_line);
  if (tag == DW_TAG_namespace && name.empty()) name = "(anonymous namespace)";
  if (self != nullptr && self->lambda != 0) {
    name = "{lambda#" + std::to_string(self->lambda) + "}";
  }
  if (IsClass(tag) && name.empty()) name = "{unnamed type}";
  if (self == nullptr || self->parent == 0 || depth > kMaxDepth) return name;
  const Scope* parent = Find(scopes, self->parent);
  if (parent == nullptr) return name;
  Dwarf_Die outer = parent->die;
  if (dwarf_tag(&outer) != DW_TAG_subprogram) return Qualified(&outer, depth + 1, line) + "::" + name;
  const std::string linkage(LinkageName(&outer));
  // A concrete function may stand for its abstract one.
  Dwarf_Die of_outer = DeclarationOf(outer);
  const std::string around = linkage.empty() ? Qualified(&of_outer, depth + 1, line) : Demangle(linkage);
  return around + "::" + name;
}

const ScopeNames::Name& ScopeNames::Of(Dwarf_Die* function) {
  Dwarf_Die declaration = DeclarationOf(*function);
  const auto [found, is_new] = known_.try_emplace({declaration.cu, dwarf_dieoffset(&declaration)});
  if (!is_new) return found->second;
  Name& name = found->second;
  if (OwnText(&declaration, DW_AT_name).empty()) return name;
  name.text = Qualified(&declaration, 0, &name.line);
  if (IsPartOfCoroutine(&declaration)) name.text += " (.actor)";
  return name;
}

}  // namespace heapprof::tools
