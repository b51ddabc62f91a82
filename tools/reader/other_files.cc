// SPDX-License-Identifier: Apache-2.0
#include "tools/reader/other_files.h"

#include <array>

namespace heapprof::tools {
namespace {

struct Kind {
  std::string_view begin, what;
};

constexpr std::array<Kind, 14> kKinds = {{
    {"\x7f"
     "ELF",
     "a program or a library; heapprof run -- FILE profiles one"},
    {"\x28\xb5\x2f\xfd", "compressed by zstd; zstd -d makes it readable"},
    {"\xfd"
     "7zXZ",
     "compressed by xz; xz -d makes it readable"},
    {"BZh", "compressed by bzip2; bzip2 -d makes it readable"},
    {"PK\x03\x04", "a zip archive"},
    {"PERFILE2", "perf's recording; perf_to_profile makes a profile of one"},
    {"<!DOCTYPE html", "an HTML page; a flame graph is for the browser, the profile is what it was made of"},
    {"<!doctype html", "an HTML page; a flame graph is for the browser, the profile is what it was made of"},
    {"<html", "an HTML page; a flame graph is for the browser, the profile is what it was made of"},
    {"{", "JSON; the profile is what it was made of"},
    {"[", "JSON; the profile is what it was made of"},
    {"desc: ", "massif's output; ms_print reads it"},
    {"# callgrind format", "callgrind's output; callgrind_annotate reads it"},
    {"\x89PNG", "a picture"},
}};

// In any language, but mostly ASCII.
bool IsText(std::string_view head) {
  size_t plain = 0;
  for (const char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' && c != '\n' && c != '\t' && c != '\r') return false;
    plain += byte < 0x80 ? 1 : 0;
  }
  return plain * 2 > head.size();
}

std::string KnownKind(std::string_view head) {
  for (const Kind& kind : kKinds) {
    if (head.substr(0, kind.begin.size()) == kind.begin) return "it is " + std::string(kind.what);
  }
  return "";
}

}  // namespace

std::string KindOfUnreadFile(std::string_view head, std::string_view fault) {
  // An empty message is well-formed.
  if (head.empty()) return "it holds nothing when inflated";
  std::string kind = KnownKind(head);
  if (!kind.empty()) return kind;
  if (IsText(head)) return "it is text, and neither jemalloc's nor gperftools' form of a heap profile";
  return "neither pprof's format nor the text of jemalloc or gperftools (" + std::string(fault) + ")";
}

}  // namespace heapprof::tools
