// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/plumbing.h"

#include "tools/profile/frames.h"

namespace heapprof::tools {
namespace {

constexpr size_t kStartLength = 2;

}  // namespace

bool MatchesGlob(std::string_view glob, std::string_view text) {
  size_t at = 0, in_text = 0, star = std::string_view::npos, star_text = 0;
  while (in_text < text.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      star_text = in_text;
    } else if (at < glob.size() && glob[at] == text[in_text]) {
      ++at;
      ++in_text;
    } else if (star != std::string_view::npos) {  // the last "*" takes one more
      at = star + 1;
      in_text = ++star_text;
    } else {
      return false;
    }
  }
  while (at < glob.size() && glob[at] == '*') ++at;
  return at == glob.size();
}

void Plumbing::Patterns::Add(std::string_view pattern, Blame blame) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) {
    whole_.emplace(pattern, blame);
  } else if (star >= kStartLength) {
    by_start_[pattern.substr(0, kStartLength)].push_back({pattern, blame});
  } else {
    rest_.push_back({pattern, blame});
  }
}

Blame Plumbing::Patterns::Find(std::string_view text) const {
  const auto whole = whole_.find(text);
  if (whole != whole_.end()) return whole->second;
  const auto among = [&](const std::vector<Pattern>& patterns) {
    for (const Pattern& pattern : patterns) {
      if (MatchesGlob(pattern.glob, text)) return pattern.blame;
    }
    return Blame::kOwn;
  };
  const auto start = by_start_.find(text.substr(0, kStartLength));
  const Blame found = start == by_start_.end() ? Blame::kOwn : among(start->second);
  return found != Blame::kOwn ? found : among(rest_);
}

Plumbing::Plumbing(std::string_view text) {
  Patterns* section = nullptr;
  Blame blame = Blame::kOwn;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '[') {
      const bool of_modules = line == "[fold modules]" || line == "[leaf modules]";
      section = of_modules ? &modules_ : &names_;
      blame = line == "[fold]" || line == "[fold modules]"   ? Blame::kFold
              : line == "[leaf]" || line == "[leaf modules]" ? Blame::kLeaf
              : line == "[start]"                            ? Blame::kStart
                                                             : Blame::kOwn;
      if (blame == Blame::kOwn) mistakes_.emplace_back(line);
    } else if (section == nullptr || line.back() == ' ' || line[0] == ' ') {
      mistakes_.emplace_back(line);
    } else {
      section->Add(line, blame);
    }
  }
}

const Plumbing& Plumbing::Default() {
  static const Plumbing list(kPlumbingText);
  return list;
}

Blame Plumbing::OfModule(std::string_view path) const {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.size() > kDeleted.size() && path.substr(path.size() - kDeleted.size()) == kDeleted) {
    path.remove_suffix(kDeleted.size());
  }
  return path.empty() ? Blame::kOwn : modules_.Find(BaseName(path));
}

}  // namespace heapprof::tools
