// SPDX-License-Identifier: Apache-2.0
#include "tools/threads/thread_rows.h"

#include <map>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

// What a label says of the thread. False: it is one of the program's.
bool TakeText(std::string_view key, std::string_view text, ThreadRow* row) {
  if (key == "thread") {
    row->name = text;
  } else if (key == "state") {
    row->state = text;
  } else if (key == "call") {
    row->call = text;
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::vector<ThreadRow> ThreadRows(const Profile& profile) {
  if (profile.type_name(0) != "threads") {
    throw Failure("it is no profile of threads: its first value is " + Printable(profile.type_name(0)));
  }
  std::vector<ThreadRow> rows;
  std::map<int64_t, size_t> created;  // the creators' numbers, to their samples
  std::vector<int64_t> creators;      // those numbers, by row; 0: none
  for (size_t i = 0; i < profile.samples.size(); ++i) {
    ThreadRow row;
    row.sample = i;
    row.threads = profile.values_of(i)[0];
    int64_t creator = 0;
    for (const ProfileLabel& label : profile.labels_of(profile.samples[i])) {
      const std::string_view key = profile.text(label.key);
      if (label.str != 0) {
        const std::string_view text = profile.text(label.str);
        if (!TakeText(key, text, &row)) row.labels.emplace_back(key, text);
      } else if (key == "tid") {
        row.tid = label.num;
      } else if (key == "cpu") {
        row.cpu_nanos = label.num;
      } else if (key == "idle") {
        row.idle_nanos = label.num;
      } else if (key == "creator") {
        creator = label.num;
      } else if (key == "created") {
        created[label.num] = i;
      }
    }
    if (row.threads <= 0) continue;
    rows.push_back(std::move(row));
    creators.push_back(creator);
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto found = created.find(creators[i]);
    if (found != created.end()) rows[i].creator = found->second;
  }
  return rows;
}

}  // namespace heapprof::tools
