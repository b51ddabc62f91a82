// SPDX-License-Identifier: Apache-2.0
// Files in the forms of other profilers, read by what their formats say, with names out of the symbol tables.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SYSTEM_PEERS_PEER_FILES_H_
#define HEAPPROF_TESTS_SYSTEM_PEERS_PEER_FILES_H_

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/elf_symbols.h"
#include "tests/support/files.h"
#include "tests/support/profile.h"

namespace heapprof::test {

// The lines of /proc/PID/maps at the end of a file.
class PeerMappings {
 public:
  explicit PeerMappings(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      unsigned long start, end, offset;
      char rights[8];
      int path = 0;
      if (sscanf(line.c_str(), "%lx-%lx %7s %lx %*s %*s %n", &start, &end, rights, &offset, &path) != 4)
        continue;
      if (strchr(rights, 'x') == nullptr || path == 0) continue;
      mappings_[start] = {end, offset, line.substr(static_cast<size_t>(path))};
    }
  }
  bool empty() const { return mappings_.empty(); }
  // Of the function that holds `address`; "" if that is not known.
  std::string NameAt(uint64_t address) {
    auto after = mappings_.upper_bound(address);
    if (after == mappings_.begin()) return "";
    const auto& [start, mapping] = *--after;
    if (address >= mapping.end) return "";
    auto& symbols = symbols_[mapping.path];
    if (symbols == nullptr) symbols = std::make_unique<ElfSymbols>(mapping.path);
    return symbols->NameAt(address - start + mapping.offset);
  }

 private:
  struct Mapping {
    uint64_t end, offset;
    std::string path;
  };
  std::map<uint64_t, Mapping> mappings_;
  std::map<std::string, std::unique_ptr<ElfSymbols>> symbols_;
};

// A heap profile as text: jemalloc's or gperftools'.
class PeerHeap {
 public:
  explicit PeerHeap(const std::string& path) : PeerHeap(ReadFile(path), 0) {}
  static PeerHeap OfText(const std::string& text) { return PeerHeap(text, 0); }

  const std::string& header() const { return header_; }
  bool has_mappings() const { return !mappings_.empty(); }
  const Totals& total() const { return total_; }
  // Of the records with a frame of `function`, as a reader scales them.
  Totals In(const std::string& function) const {
    const auto found = in_.find(function);
    return found == in_.end() ? Totals() : found->second;
  }

 private:
  PeerHeap(const std::string& text, int)
      : mappings_(text.substr(std::min(text.find("MAPPED_LIBRARIES:"), text.size()))) {
    std::istringstream lines(text);
    std::getline(lines, header_);
    // "heap_v2/R", or "... @ heap_v2/R"; "heapprofile": exact.
    const size_t interval = header_.find("heap_v2/");
    if (interval != std::string::npos) interval_ = std::stod(header_.substr(interval + strlen("heap_v2/")));
    std::string stack;
    for (std::string line; std::getline(lines, line) && line != "MAPPED_LIBRARIES:";) {
      Totals counts;
      const size_t at = line.find('@');
      if (at == 0) {
        stack = line.substr(1);
      } else if (sscanf(line.c_str(), " t*: %ld: %ld [%ld: %ld]", &counts.inuse_objects, &counts.inuse_space,
                        &counts.alloc_objects, &counts.alloc_space) == 4) {
        if (!stack.empty()) Add(stack, counts);
      } else if (at != std::string::npos &&
                 sscanf(line.c_str(), "%ld: %ld [%ld: %ld] @", &counts.inuse_objects, &counts.inuse_space,
                        &counts.alloc_objects, &counts.alloc_space) == 4) {
        Add(line.substr(at + 1), counts);
      }
    }
  }
  double WeightOf(int64_t objects, int64_t bytes) const {
    if (objects == 0 || interval_ <= 1) return 1;
    return 1 / (1 - exp(-static_cast<double>(bytes) / static_cast<double>(objects) / interval_));
  }
  void Add(const std::string& stack, Totals counts) {
    const double in_use = WeightOf(counts.inuse_objects, counts.inuse_space);
    const double all = WeightOf(counts.alloc_objects, counts.alloc_space);
    counts.inuse_objects = lround(static_cast<double>(counts.inuse_objects) * in_use);
    counts.inuse_space = lround(static_cast<double>(counts.inuse_space) * in_use);
    counts.alloc_objects = lround(static_cast<double>(counts.alloc_objects) * all);
    counts.alloc_space = lround(static_cast<double>(counts.alloc_space) * all);
    std::map<std::string, bool> names;
    std::istringstream words(stack);
    for (std::string word; words >> word;) names[mappings_.NameAt(std::stoul(word, nullptr, 16) - 1)] = true;
    for (const auto& [name, there] : names) Sum(counts, &in_[name]);
    Sum(counts, &total_);
  }
  static void Sum(const Totals& more, Totals* sum) {
    sum->inuse_objects += more.inuse_objects;
    sum->inuse_space += more.inuse_space;
    sum->alloc_objects += more.alloc_objects;
    sum->alloc_space += more.alloc_space;
  }

  PeerMappings mappings_;
  std::string header_;
  double interval_ = 0;
  std::map<std::string, Totals> in_;
  Totals total_;
};

// gperftools' CPU profile, of words of eight bytes.
class PeerCpu {
 public:
  explicit PeerCpu(const std::string& path) {
    const std::string data = ReadFile(path);
    size_t at = 0;
    const auto next = [&] {
      uint64_t word = 0;
      if (at + sizeof(word) <= data.size()) memcpy(&word, data.data() + at, sizeof(word));
      at += sizeof(word);
      return word;
    };
    good_ = next() == 0 && next() == 3 && next() == 0;
    period_ = next();
    good_ = good_ && next() == 0;
    std::vector<std::pair<uint64_t, std::vector<uint64_t>>> records;
    while (good_ && at < data.size()) {
      const uint64_t count = next(), depth = next();
      std::vector<uint64_t> stack;
      for (uint64_t i = 0; i < depth && at < data.size(); ++i) stack.push_back(next());
      if (count == 0) break;
      records.emplace_back(count, stack);
    }
    good_ = good_ && at < data.size();
    PeerMappings mappings(data.substr(std::min(at, data.size())));
    good_ = good_ && !mappings.empty();
    for (const auto& [count, stack] : records) {
      total_ += count;
      std::map<std::string, bool> names;
      for (size_t i = 0; i < stack.size(); ++i) names[mappings.NameAt(stack[i] - (i == 0 ? 0 : 1))] = true;
      for (const auto& [name, there] : names) in_[name] += count;
    }
  }
  // Header, trailer and mappings are there.
  bool good() const { return good_; }
  uint64_t period() const { return period_; }  // microseconds
  uint64_t total() const { return total_; }
  uint64_t In(const std::string& function) const {
    const auto found = in_.find(function);
    return found == in_.end() ? 0 : found->second;
  }

 private:
  bool good_ = false;
  uint64_t period_ = 0, total_ = 0;
  std::map<std::string, uint64_t> in_;
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_PEERS_PEER_FILES_H_
