// SPDX-License-Identifier: Apache-2.0
#include "tools/names/default_arguments.h"

#include <algorithm>
#include <array>

namespace heapprof::tools {
namespace {

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Namespaces of libraries, with "::".
constexpr std::array<std::string_view, 12> kLibraries = {
    "std::",  "__gnu_cxx::", "__gnu_debug::", "absl::",   "boost::",      "folly::",
    "llvm::", "tsl::",       "phmap::",       "ankerl::", "robin_hood::", "alloc::",
};

// Defaults whatever the first argument is.
constexpr std::array<std::string_view, 9> kAnyArgument = {
    "std::allocator<",
    "std::char_traits<",
    "std::_Select1st<",
    "std::_Identity<",
    "boost::container::new_allocator<",
    "boost::container::dtl::select1st<",
    "boost::fast_pool_allocator<",
    "alloc::alloc::Global",
    "std::alloc::Global",
};

// Defaults where their only argument is the template's first one.
constexpr std::array<std::string_view, 14> kSameArgument = {
    "std::less",
    "std::hash",
    "std::equal_to",
    "std::default_delete",
    "std::deque",
    "std::vector",
    "boost::hash",
    "boost::equal_to",
    "absl::container_internal::hash_default_hash",
    "absl::container_internal::hash_default_eq",
    "absl::hash_internal::Hash",
    "folly::f14::DefaultHasher",
    "folly::f14::DefaultKeyEqual",
    "ankerl::unordered_dense::hash",
};

bool IsDefault(std::string_view argument, std::string_view first) {
  for (const std::string_view start : kAnyArgument) {
    if (StartsWith(argument, start)) return true;
  }
  return std::any_of(kSameArgument.begin(), kSameArgument.end(), [&](std::string_view name) {
    return argument.size() == name.size() + first.size() + 2 && StartsWith(argument, name) &&
           argument[name.size()] == '<' && argument.substr(name.size() + 1, first.size()) == first;
  });
}

struct Letters {
  std::string_view argument, prefix;
};
constexpr std::array<Letters, 5> kLetters = {{
    {"char", ""},
    {"wchar_t", "w"},
    {"char8_t", "u8"},
    {"char16_t", "u16"},
    {"char32_t", "u32"},
}};

}  // namespace

void DropDefaultArguments(std::string_view name, std::vector<std::string>* arguments) {
  const auto known = [name](std::string_view library) { return StartsWith(name, library); };
  if (std::none_of(kLibraries.begin(), kLibraries.end(), known)) return;
  const bool boost = StartsWith(name, "boost::");
  while (arguments->size() > 1 &&
         (IsDefault(arguments->back(), arguments->front()) || (boost && arguments->back() == "void"))) {
    arguments->pop_back();
  }
}

std::string AliasOf(std::string_view name, const std::vector<std::string>& arguments) {
  constexpr std::string_view kStart = "std::basic_";
  if (arguments.size() != 1 || !StartsWith(name, kStart)) return "";
  const std::string_view rest = name.substr(kStart.size());
  const bool is_text = rest == "string" || rest == "string_view";
  for (const Letters& letters : kLetters) {
    if (arguments[0] != letters.argument) continue;
    // Streams have names for two kinds of letters only.
    if (!is_text && letters.prefix.size() > 1) return "";
    return "std::" + std::string(letters.prefix) + std::string(rest);
  }
  return "";
}

bool IsInlineNamespace(std::string_view inside, std::string_view name) {
  if (name == "__cxx11" || name == "__1" || name == "__ndk1" || name == "_V2") return true;
  if (inside == "absl::") return StartsWith(name, "lts_") && IsDigits(name.substr(4));
  if (inside == "fmt::") return name.size() > 1 && name[0] == 'v' && IsDigits(name.substr(1));
  if (inside == "nlohmann::") return StartsWith(name, "json_abi_");
  return false;
}

}  // namespace heapprof::tools
