// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/dwarf_scopes.h"

#include <dwarf.h>

#include <algorithm>
#include <string_view>

namespace heapprof::tools {
namespace {

constexpr uint32_t kNoScope = UINT32_MAX;
constexpr uint64_t kSplitUnitSize = 2 << 20;
// Deeper nesting is no program's.
constexpr int kMaxDepth = 256;

template <typename Visit>
void ForEachRange(Dwarf_Die* die, Visit visit) {
  Dwarf_Addr base, begin, end;
  ptrdiff_t at = 0;
  while ((at = dwarf_ranges(die, at, &base, &begin, &end)) > 0) {
    if (begin < end) visit(begin, end);
  }
}

int64_t Constant(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  if (dwarf_attr_integrate(die, name, &attribute) == nullptr || dwarf_formudata(&attribute, &value) != 0) {
    return 0;
  }
  return static_cast<int64_t>(value);
}

std::string SymbolOf(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (const unsigned name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name}) {
    if (dwarf_attr_integrate(die, name, &attribute) == nullptr) continue;
    const char* text = dwarf_formstring(&attribute);
    if (text != nullptr && *text != '\0') return text;
  }
  return "";
}

std::string_view Text(Dwarf_Die* die, unsigned name) {
  Dwarf_Attribute attribute;
  const char* text =
      dwarf_attr_integrate(die, name, &attribute) == nullptr ? nullptr : dwarf_formstring(&attribute);
  return text == nullptr ? "" : text;
}

bool IsIn(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path[directory.size()] == '/' &&
         path.compare(0, directory.size(), directory) == 0;
}

}  // namespace

struct DwarfScopes::Unit {
  struct Scope {
    Dwarf_Die die;
    uint32_t parent = kNoScope;  // of an inlined function: what it was inlined into
  };
  struct Piece {
    uint64_t end;
    uint32_t scope;
  };

  // `lines` has the line table, `tree` the functions; they differ where the latter are in a file of their
  // own, which is opened when they are asked for: there may be thousands.
  Unit(Dwarf_Die lines_die, bool is_split) : lines(lines_die), tree(lines_die), split(is_split) {}

  void Read() {
    if (read) return;
    read = true;
    Dwarf_Die part;
    if (split && dwarf_cu_info(lines.cu, nullptr, nullptr, nullptr, &part, nullptr, nullptr, nullptr) == 0 &&
        dwarf_tag(&part) != DW_TAG_invalid) {
      tree = part;
      split = false;
    }
    Visit(&tree, kNoScope, 0);
    ReadSequenceEnds();
  }

  void ReadSequenceEnds() {
    Dwarf_Lines* all;
    size_t count;
    if (dwarf_getsrclines(&lines, &all, &count) != 0) return;
    for (size_t i = 0; i < count; ++i) {
      Dwarf_Line* line = dwarf_onesrcline(all, i);
      bool ends = false;
      Dwarf_Addr address;
      if (dwarf_lineendsequence(line, &ends) == 0 && ends && dwarf_lineaddr(line, &address) == 0) {
        sequence_ends.push_back(address);
      }
    }
  }

  // The line of the code at `address`. A row that stands at the very end of a sequence is of no code: what
  // follows is another sequence's, which then begins with a function, or nobody's.
  Dwarf_Line* LineAt(uint64_t address) {
    Dwarf_Line* line = dwarf_getsrc_die(&lines, address);
    Dwarf_Addr begin;
    if (line == nullptr || dwarf_lineaddr(line, &begin) != 0) return nullptr;
    const bool at_end = std::binary_search(sequence_ends.begin(), sequence_ends.end(), begin);
    return at_end && pieces.count(begin) == 0 ? nullptr : line;
  }

  void Visit(Dwarf_Die* die, uint32_t inside, int depth) {
    Dwarf_Die child;
    if (depth > kMaxDepth || dwarf_child(die, &child) != 0) return;
    do {
      switch (dwarf_tag(&child)) {
        case DW_TAG_subprogram:
        case DW_TAG_inlined_subroutine: {
          const auto scope = static_cast<uint32_t>(scopes.size());
          const bool inlined = dwarf_tag(&child) == DW_TAG_inlined_subroutine;
          scopes.push_back({child, inlined ? inside : kNoScope});
          ForEachRange(&child, [&](uint64_t begin, uint64_t end) { Lay(begin, end, scope); });
          Visit(&child, scope, depth + 1);
          break;
        }
        case DW_TAG_namespace:
        case DW_TAG_module:
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
          Visit(&child, inside, depth + 1);
          break;
        default:
          break;
      }
    } while (dwarf_siblingof(&child, &child) == 0);
  }

  // Lays a range over those that are there already: inner functions come after the outer ones.
  void Lay(uint64_t begin, uint64_t end, uint32_t scope) {
    Split(begin);
    Split(end);
    pieces.erase(pieces.lower_bound(begin), pieces.lower_bound(end));
    pieces[begin] = {end, scope};
  }
  // Makes `at` the border of two pieces where it lies inside one.
  void Split(uint64_t at) {
    auto after = pieces.upper_bound(at);
    if (after == pieces.begin()) return;
    auto piece = std::prev(after);
    if (piece->first == at || piece->second.end <= at) return;
    const Piece rest = piece->second;
    piece->second.end = at;
    pieces.emplace_hint(after, at, rest);
  }

  uint32_t ScopeAt(uint64_t address) const {
    const auto after = pieces.upper_bound(address);
    if (after == pieces.begin()) return kNoScope;
    const Piece& piece = std::prev(after)->second;
    return address < piece.end ? piece.scope : kNoScope;
  }

  // The path of a file as libdw tells it: its directory in the line table, "/", and its name there. The
  // directory may be relative to the one that the compiler ran in, which is the table's first.
  std::string PathOf(const char* told) {
    if (told == nullptr || *told == '\0') return "";
    const std::string_view path = told, made_in = Text(&lines, DW_AT_comp_dir);
    if (path[0] == '/') {
      // The compiler's directory may have been mapped to nothing.
      const bool in_nothing = made_in.empty() && path.substr(1) == Text(&lines, DW_AT_name);
      return std::string(path.substr(in_nothing ? 1 : 0));
    }
    if (made_in.empty() || IsInFirstDirectory(path)) return told;
    std::string whole(made_in);
    if (whole.back() != '/') whole += '/';
    return whole += path;
  }

  // Whether the directory that stands in `path` is the table's first, and no other, longer one.
  bool IsInFirstDirectory(std::string_view path) {
    Dwarf_Files* files;
    const char* const* directories;
    size_t count;
    if (dwarf_getsrcfiles(&lines, &files, &count) != 0 ||
        dwarf_getsrcdirs(files, &directories, &count) != 0 || count == 0 || directories[0] == nullptr ||
        !IsIn(path, directories[0])) {
      return false;
    }
    const std::string_view first = directories[0];
    return std::none_of(directories + 1, directories + count, [&](const char* other) {
      return other != nullptr && std::string_view(other).size() > first.size() && IsIn(path, other);
    });
  }

  std::string FileName(int64_t index) {
    Dwarf_Files* files;
    size_t count;
    if (dwarf_getsrcfiles(&lines, &files, &count) != 0 || index < 0 || static_cast<size_t>(index) >= count) {
      return "";
    }
    return PathOf(dwarf_filesrc(files, static_cast<size_t>(index), nullptr, nullptr));
  }

  bool IsCpp() {
    constexpr int kCpp17 = 0x2b, kCpp20 = 0x2c;  // libdw has no names for them yet
    switch (dwarf_srclang(&tree)) {
      case DW_LANG_C_plus_plus:
      case DW_LANG_C_plus_plus_03:
      case DW_LANG_C_plus_plus_11:
      case DW_LANG_C_plus_plus_14:
      case kCpp17:
      case kCpp20:
        return true;
      default:
        return false;
    }
  }

  Dwarf_Die lines, tree;
  uint64_t size = 0;  // in .debug_info; of a split unit an assumption
  bool split;         // after Read: the functions were not found
  bool read = false;
  std::vector<Scope> scopes;
  std::map<uint64_t, Piece> pieces;     // by begin; they do not overlap
  std::vector<uint64_t> sequence_ends;  // of the line table, sorted
};

DwarfScopes::DwarfScopes(Dwarf* dwarf) : dwarf_(dwarf) {
  Dwarf_CU* cu = nullptr;
  Dwarf_Die die;
  uint8_t type;
  uint64_t last_offset = 0;
  while (dwarf_get_units(dwarf_, cu, &cu, nullptr, &type, &die, nullptr) == 0) {
    if (dwarf_tag(&die) != DW_TAG_compile_unit && dwarf_tag(&die) != DW_TAG_skeleton_unit) continue;
    const uint64_t offset = dwarf_dieoffset(&die);
    if (!units_.empty() && !units_.back()->split) units_.back()->size = offset - last_offset;
    last_offset = offset;
    units_.push_back(std::make_unique<Unit>(die, type == DW_UT_skeleton));
    units_.back()->size = kSplitUnitSize;
    ForEachRange(&die, [&](uint64_t begin, uint64_t end) {
      ranges_.push_back({begin, end, units_.size() - 1});
    });
  }
  std::sort(ranges_.begin(), ranges_.end(),
            [](const UnitRange& a, const UnitRange& b) { return a.begin < b.begin; });
}

DwarfScopes::~DwarfScopes() = default;

DwarfScopes::Unit* DwarfScopes::FindUnit(uint64_t address) {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                [](uint64_t a, const UnitRange& range) { return a < range.begin; });
  // Ranges of damaged files overlap: only the nearest few are looked at.
  for (int tries = 0; after != ranges_.begin() && tries < 8; ++tries) {
    --after;
    if (address < after->end) return units_[after->unit].get();
  }
  return nullptr;
}

// Local functions have no linkage names with gcc; clang gives lambdas numbers that count through the unit.
void DwarfScopes::AddScopes(Dwarf_Die* die, SourceFrame* frame) {
  const bool is_linkage_name = frame->symbol.compare(0, 2, "_Z") == 0;
  if (is_linkage_name && frame->symbol.find("$_") == std::string::npos) return;
  const ScopeNames::Name& name = names_.Of(die);
  if (name.text.empty() || (is_linkage_name && name.text.find("{lambda") == std::string::npos)) return;
  if (name.text != frame->symbol) frame->name = name.text;
  if (frame->start_line == 0) frame->start_line = name.line;
}

std::vector<SourceFrame> DwarfScopes::FramesAt(uint64_t address) {
  std::vector<SourceFrame> frames;
  Unit* unit = FindUnit(address);
  if (unit == nullptr) return frames;
  if (!unit->read) bytes_read_ += unit->size;
  unit->Read();
  complete_ = complete_ && !unit->split;

  SourceFrame position;  // where the frame that comes next stands
  Dwarf_Line* line = unit->LineAt(address);
  if (line != nullptr) {
    int number = 0;
    position.file = unit->PathOf(dwarf_linesrc(line, nullptr, nullptr));
    if (dwarf_lineno(line, &number) == 0) position.line = number;
  }
  for (uint32_t at = unit->ScopeAt(address); at != kNoScope; at = unit->scopes[at].parent) {
    Dwarf_Die* die = &unit->scopes[at].die;
    position.symbol = SymbolOf(die);
    position.start_line = Constant(die, DW_AT_decl_line);
    if (unit->IsCpp()) AddScopes(die, &position);
    frames.push_back(position);
    position = {};
    position.line = Constant(die, DW_AT_call_line);
    position.file = unit->FileName(Constant(die, DW_AT_call_file));
  }
  // Assembly has lines and no functions.
  if (frames.empty() && (position.line != 0 || !position.file.empty())) frames.push_back(position);
  return frames;
}

int64_t DwarfScopes::LineAt(uint64_t address) {
  Unit* unit = FindUnit(address);
  if (unit == nullptr) return 0;
  unit->Read();
  Dwarf_Line* line = unit->LineAt(address);
  int number = 0;
  return line != nullptr && dwarf_lineno(line, &number) == 0 ? number : 0;
}

}  // namespace heapprof::tools
