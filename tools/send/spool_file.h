// SPDX-License-Identifier: Apache-2.0
// One file of a spool: an item with when it was added, as text lines and the profile's bytes.
//
// Thread-safety: functions without state. Errors: false; nothing that a file holds is believed.
#ifndef HEAPPROF_TOOLS_SEND_SPOOL_FILE_H_
#define HEAPPROF_TOOLS_SEND_SPOOL_FILE_H_

#include <string>
#include <string_view>

#include "tools/send/clock.h"
#include "tools/send/item.h"

namespace heapprof::tools::send {

struct SpooledItem {
  Item item;
  Moment added;
  std::string boot_id;
};

std::string SpoolText(const SpooledItem& spooled);

// The head alone, of the first bytes of a file; `size` is that of the whole file, which must be what the head
// says. item.bytes stays empty.
bool ReadSpoolHead(std::string_view start, uint64_t size, SpooledItem* spooled);
// The whole; the bytes are those that were written.
bool ReadSpoolText(std::string_view text, SpooledItem* spooled);

// The longest head that is read.
inline constexpr size_t kMaxSpoolHead = size_t{256} << 10;

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_SPOOL_FILE_H_
