// SPDX-License-Identifier: Apache-2.0
// Profiles that wait to be sent, in a folder or in memory, bounded in bytes and in age.
//
// A file is one item: a head of text lines, an empty line, the bytes. It is written under a temporary name
// and renamed, and its name's ending is its state:
//     .ready      to be sent
//     .sending    handed to the engine; found at the start, the last sender died in that moment
//     .uncertain  the engine may have it: neither sent again by itself nor forgotten
//     .refused    the engine does not take it
// When there is no room, what was refused goes first, then what is uncertain, then the oldest. Age is time
// since the item was added, by the time since the machine's start: who sets the clock makes nothing old. Only
// over a restart of the machine the clock counts, and never back.
//
// Thread-safety: an object belongs to one thread; one process at a time has a folder (`lock` in it).
// Errors: the constructor: Failure. Afterwards none: what cannot be written is kept in memory, and written
// when that works again, at the end of the object at the latest.
#ifndef HEAPPROF_TOOLS_SEND_SPOOL_H_
#define HEAPPROF_TOOLS_SEND_SPOOL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tools/send/clock.h"
#include "tools/send/item.h"

namespace heapprof::tools::send {

struct SpoolLimits {
  uint64_t max_bytes = uint64_t{256} << 20;
  int64_t max_age_ns = 24 * 3600 * kSecond;
};

enum class SpoolState { kReady, kSending, kUncertain, kRefused };

class Spool {
 public:
  // The folder is made, for this user alone, if it is not there. "": in memory.
  Spool(std::string folder, SpoolLimits limits, Clock clock);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // An item whose id is there already is not added again.
  void Add(const Item& item);

  // Names an item of the spool; it stays good until the item is gone.
  using Key = std::pair<int64_t, std::string>;  // when it was added, its id
  // The item to send next, which is `sending` from now on: of those that were tried least the oldest.
  struct Taken {
    Key key;
    Item item;
    // By how much the clock was set since the item was added: what goes onto its start.
    int64_t shift_ns = 0;
  };
  std::optional<Taken> Take();
  // Ends `sending`: back to the others after a try; into another state; or out.
  void PutBack(const Key& key);
  void Move(const Key& key, SpoolState state);
  void Remove(const Key& key);
  // All that are in this state become ready again.
  void Retry(SpoolState state);
  // What was found `sending` becomes uncertain.
  void SetAsideSending();

  // Forgets what is too old, and what there is no room for.
  void Trim();

  size_t count(SpoolState state) const { return counts_[static_cast<size_t>(state)]; }
  uint64_t bytes() const { return bytes_; }
  uint64_t dropped_old() const { return dropped_old_; }
  uint64_t dropped_full() const { return dropped_full_; }
  uint64_t damaged() const { return damaged_; }  // files that held no item

 private:
  struct Entry {
    SpoolState state = SpoolState::kReady;
    uint32_t attempts = 0;
    uint64_t size = 0;
    Moment added;
    std::string boot_id;
    std::string content;  // "" where it is in a file
  };
  using Entries = std::map<Key, Entry>;

  std::string Path(const Key& key, SpoolState state) const;
  bool Write(const Key& key, SpoolState state, const std::string& text) const;
  void WriteHeld();
  void Scan();
  bool ScanFile(const std::string& name);
  bool SetState(Entries::iterator entry, SpoolState state);
  void Count(Entries::iterator entry, int step);
  Entries::iterator Drop(Entries::iterator entry);
  int64_t Age(const Entry& entry, const Moment& now) const;
  void MakeRoom(uint64_t bytes);

  std::string folder_;
  SpoolLimits limits_;
  Clock clock_;
  int lock_ = -1;
  Entries entries_;
  std::set<std::string> ids_;
  std::set<std::pair<uint32_t, Key>> ready_;  // by the number of tries
  size_t counts_[4] = {};
  uint64_t bytes_ = 0, dropped_old_ = 0, dropped_full_ = 0, damaged_ = 0;
};

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_SPOOL_H_
