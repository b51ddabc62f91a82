// SPDX-License-Identifier: Apache-2.0
// The source lines behind the functions of the page: what each holds, where its text can be read, and, when
// asked, the text around it.
//
// A page may be passed on, and a profile may name any file. So text is taken from below the folders that the
// user names only. Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_FLAME_FLAME_SOURCE_H_
#define HEAPPROF_TOOLS_FLAME_FLAME_SOURCE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/flame/flame_tree.h"
#include "tools/flame/json_writer.h"
#include "tools/source/source_files.h"

namespace heapprof::tools {

struct FlameSourceOptions {
  SourceOptions files;
  bool embed = false;
  std::string link;  // an address with {path} and {line}; "": that of the file that was found
};

class FlameSource {
 public:
  FlameSource(const FlameSourceOptions& options, FlameTree* tree) : options_(options), tree_(*tree) {}

  // Sums up the lines of the samples of `part`. A sample counts once for each line.
  void Add(const Profile& profile, const std::vector<size_t>& types, const FlameTree::Part& part);

  // "source": {...}, as data.js has it. `sources` tells what was missing.
  void Write(JsonWriter* json, SourceFiles* sources) const;

  const FlameSourceOptions& options() const { return options_; }

 private:
  struct Line {
    std::vector<double> values;
    uint32_t counted = 0;  // the number, from 1, of the sample that last counted
  };
  void WriteText(JsonWriter* json, const SourceFiles::File& file, const std::vector<int64_t>& lines) const;

  const FlameSourceOptions& options_;
  FlameTree& tree_;
  std::map<std::pair<uint32_t, int64_t>, Line> lines_;  // by function and line
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_FLAME_SOURCE_H_
