// SPDX-License-Identifier: Apache-2.0
// A profile on its way to an engine.
//
// Thread-safety: a value.
#ifndef HEAPPROF_TOOLS_SEND_ITEM_H_
#define HEAPPROF_TOOLS_SEND_ITEM_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace heapprof::tools::send {

struct ItemLabel {
  std::string name, value;
};

struct Item {
  std::string id;    // 32 hexadecimal digits (NewId); engines that look at it take each id once
  std::string kind;  // "heap", "allocs", "cpu", "wall", "block", "mutex", "threads", or a profile's own name
  // The most important first: an engine that takes only some gets these. "service" names the program.
  std::vector<ItemLabel> labels;
  int64_t start_ns = 0;     // since 1970; of a profile of one moment, that moment
  int64_t duration_ns = 0;  // 0: a moment
  bool delta = false;       // its values are of that time alone, so that those of several may be added
  std::string bytes;        // profile.proto, gzip'd or plain
  std::string note;         // the target's own, from Prepare to Send
};

// 16 random bytes.
std::string NewId();
// Always the same for the same bytes.
std::string ContentId(std::string_view bytes);

// The value of the label, "" if there is none.
std::string LabelValue(const Item& item, const std::string& name);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_ITEM_H_
