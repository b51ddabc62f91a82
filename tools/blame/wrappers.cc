// SPDX-License-Identifier: Apache-2.0
#include "tools/blame/wrappers.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <utility>

namespace heapprof::tools {
namespace {

constexpr size_t kMinCallers = 3;
constexpr double kMinOwn = 0.95;
// What nothing names must be called by functions with names: nearly always, or by that many.
constexpr double kMinNamed = 0.9;
constexpr size_t kManyNamed = 8;
// A wrapper of a wrapper is seen once the inner one is known; deeper chains are no longer wrappers.
constexpr int kMaxRounds = 8;

constexpr uint32_t kNobody = UINT32_MAX;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

struct Candidate {
  double own = 0, all = 0;
  std::vector<uint32_t> callers;  // different ones, kMinCallers at most
  std::vector<uint32_t> named;    // of those that have names, kManyNamed at most
  double called = 0, by_named = 0;
  size_t counted = 0;  // the last sample, from 1
};

class Finder {
 public:
  Finder(const Profile& profile, size_t type, const std::vector<bool>& may_be, BlameTable* table)
      : profile_(profile), type_(type), table_(*table) {
    // A function may have several entries, by its files.
    std::unordered_map<std::string_view, uint32_t> numbers;
    for (size_t f = 0; f < profile.functions.size(); ++f) {
      const auto next = static_cast<uint32_t>(numbers.size());
      number_of_.push_back(numbers.emplace(profile.text(profile.functions[f].name), next).first->second);
    }
    // Functions that nothing names have numbers behind those.
    named_count_ = static_cast<uint32_t>(numbers.size());
    place_of_.resize(profile.locations.size(), kNobody);
    std::map<std::pair<uint32_t, uint64_t>, uint32_t> places;
    for (size_t i = 0; i < place_of_.size(); ++i) {
      const ProfileLocation& location = profile.locations[i];
      if (location.line_count != 0 || location.function_start == 0 || location.mapping == kNone) continue;
      const std::pair<uint32_t, uint64_t> place(location.mapping, location.function_start);
      const auto next = static_cast<uint32_t>(named_count_ + places_.size());
      const auto [found, is_new] = places.emplace(place, next);
      if (is_new) places_.push_back(place);
      place_of_[i] = found->second;
    }
    candidates_.resize(named_count_ + places_.size());
    is_candidate_.resize(candidates_.size());
    for (size_t i = 0; i < places_.size(); ++i) {
      is_candidate_[named_count_ + i] = table_.mappings[places_[i].first] == Blame::kOwn;
    }
    for (size_t f = 0; f < number_of_.size(); ++f) {
      if (may_be[f] && table_.functions[f] == Blame::kOwn) is_candidate_[number_of_[f]] = true;
    }
    interesting_.resize(profile.locations.size());
    for (size_t i = 0; i < interesting_.size(); ++i) {
      interesting_[i] = place_of_[i] != kNobody && is_candidate_[place_of_[i]];
      for (const ProfileLine& line : profile.lines_of(profile.locations[i])) {
        if (line.function != kNone && is_candidate_[number_of_[line.function]]) interesting_[i] = true;
      }
    }
  }

  // Whether there were any.
  bool Round() {
    for (Candidate& candidate : candidates_) candidate = Candidate();
    for (size_t i = 0; i < profile_.samples.size(); ++i) Count(i);
    bool any = false;
    for (size_t f = 0; f < number_of_.size(); ++f) {
      const uint32_t number = number_of_[f];
      if (!is_candidate_[number] || table_.functions[f] != Blame::kOwn) continue;
      if (!Wraps(candidates_[number])) continue;
      table_.functions[f] = Blame::kFold;
      any = true;
    }
    for (size_t i = 0; i < places_.size(); ++i) {
      const Candidate& candidate = candidates_[named_count_ + i];
      if (!is_candidate_[named_count_ + i] || !Wraps(candidate)) continue;
      const bool nearly_all =
          candidate.named.size() >= kMinCallers && candidate.by_named >= kMinNamed * candidate.called;
      if (!nearly_all && candidate.named.size() < kManyNamed) continue;
      any = table_.places.insert(places_[i]).second || any;
    }
    return any;
  }

 private:
  static bool Wraps(const Candidate& candidate) {
    return candidate.all > 0 && candidate.own >= kMinOwn * candidate.all &&
           candidate.callers.size() >= kMinCallers;
  }

  void Count(size_t index) {
    const Range<uint32_t> stack = profile_.stack(profile_.samples[index]);
    if (std::none_of(stack.begin(), stack.end(), [&](uint32_t location) { return interesting_[location]; })) {
      return;
    }
    const auto value = static_cast<double>(profile_.values_of(index)[type_]);
    const double size = value < 0 ? -value : value;
    if (size == 0) return;
    bool is_first = true;  // no function that is to blame was met
    uint32_t callee = kNobody;
    const auto step = [&](uint32_t at, const ProfileLine* line) {
      const Blame blame = table_.Of(profile_.locations[at], line);
      if (blame == Blame::kFold || (blame == Blame::kLeaf && is_first)) return;
      const uint32_t number = line == nullptr           ? place_of_[at]
                              : line->function == kNone ? kNobody
                                                        : number_of_[line->function];
      if (callee != kNobody && callee != number) {
        Candidate& called = candidates_[callee];
        AddCaller(number, kMinCallers, &called.callers);
        called.called += size;
        if (number < named_count_) {
          AddCaller(number, kManyNamed, &called.named);
          called.by_named += size;
        }
      }
      callee = kNobody;
      if (number != kNobody && is_candidate_[number] && blame == Blame::kOwn) {
        Candidate& candidate = candidates_[number];
        if (is_first) candidate.own += size;
        if (candidate.counted != index + 1) candidate.all += size;
        candidate.counted = index + 1;
        callee = number;
      }
      is_first = false;
    };
    for (const uint32_t at : stack) {
      const ProfileLocation& location = profile_.locations[at];
      if (location.line_count == 0) step(at, nullptr);
      for (const ProfileLine& line : profile_.lines_of(location)) step(at, &line);
    }
  }

  static void AddCaller(uint32_t caller, size_t enough, std::vector<uint32_t>* known) {
    if (known->size() < enough && std::find(known->begin(), known->end(), caller) == known->end()) {
      known->push_back(caller);
    }
  }

  const Profile& profile_;
  size_t type_;
  BlameTable& table_;
  std::vector<uint32_t> number_of_;  // by function
  std::vector<Candidate> candidates_;
  std::vector<bool> is_candidate_;  // by number
  uint32_t named_count_ = 0;
  std::vector<std::pair<uint32_t, uint64_t>> places_;  // whose numbers begin at named_count_
  std::vector<uint32_t> place_of_;                     // by location: its number
  std::vector<bool> interesting_;                      // by location
};

}  // namespace

bool SaysThatItAllocates(std::string_view bare_name) {
  const size_t colons = bare_name.rfind("::");
  const std::string_view last = colons == std::string_view::npos ? bare_name : bare_name.substr(colons + 2);
  std::string lower(last.size(), ' ');
  std::transform(last.begin(), last.end(), lower.begin(), Lower);
  if (lower.find("alloc") != std::string::npos) return true;
  static constexpr std::array<std::string_view, 3> kEnds = {"strdup", "strndup", "memdup"};
  return std::any_of(kEnds.begin(), kEnds.end(), [&](std::string_view end) {
    return lower.size() >= end.size() && lower.compare(lower.size() - end.size(), end.size(), end) == 0;
  });
}

void FindWrappers(const Profile& profile, size_t type, const std::vector<bool>& may_be, BlameTable* table) {
  Finder finder(profile, type, may_be, table);
  for (int round = 0; round < kMaxRounds && finder.Round(); ++round) {
  }
}

}  // namespace heapprof::tools
