// SPDX-License-Identifier: Apache-2.0
// Which functions are plumbing: they allocate for whoever called them. The list is tools/blame/plumbing.txt.
//
// Names are matched without parameters, template arguments, inline namespaces and ABI tags (BareName), whole;
// a module by the last part of its path. Thread-safety: reading, yes. Errors: none; the text is the build's
// own, and tests/tools/blame checks it.
#ifndef HEAPPROF_TOOLS_BLAME_PLUMBING_H_
#define HEAPPROF_TOOLS_BLAME_PLUMBING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace heapprof::tools {

// tools/blame/plumbing.txt.
extern const std::string_view kPlumbingText;

enum class Blame : uint8_t {
  kOwn,    // a function that a person can change, as far as the list knows
  kFold,   // plumbing wherever it stands
  kLeaf,   // plumbing between the allocator and the first function that is none: libc
  kStart,  // before main: never to blame for plumbing's bytes
};

class Plumbing {
 public:
  explicit Plumbing(std::string_view text);
  // That of kPlumbingText.
  static const Plumbing& Default();

  Blame OfName(std::string_view bare_name) const { return names_.Find(bare_name); }
  Blame OfModule(std::string_view path) const;

  // Lines that are no entry of a section: none in a good list.
  const std::vector<std::string>& mistakes() const { return mistakes_; }

 private:
  // Patterns with "*" by what they begin with.
  class Patterns {
   public:
    void Add(std::string_view pattern, Blame blame);
    Blame Find(std::string_view text) const;

   private:
    struct Pattern {
      std::string_view glob;
      Blame blame;
    };
    std::unordered_map<std::string_view, Blame> whole_;
    std::unordered_map<std::string_view, std::vector<Pattern>> by_start_;
    std::vector<Pattern> rest_;
  };

  Patterns names_, modules_;
  std::vector<std::string> mistakes_;
};

// Whether "*" in `glob` can stand for what makes it `text`.
bool MatchesGlob(std::string_view glob, std::string_view text);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_BLAME_PLUMBING_H_
