// SPDX-License-Identifier: Apache-2.0
#include "tools/send/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/send/spool_file.h"

namespace heapprof::tools::send {
namespace {

constexpr const char* kEndings[] = {".ready", ".sending", ".uncertain", ".refused"};
constexpr char kTemporaryEnding[] = ".tmp";
// Clocks that are steered go a little faster or slower; what differs by more was set.
constexpr int64_t kSetByNs = 2 * kSecond;

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// A file of ours, at most `max` bytes of it. `size` becomes that of the file.
bool ReadOwn(const std::string& path, size_t max, std::string* content, uint64_t* size) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return false;
  struct stat status;
  bool good = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid();
  if (good) {
    *size = static_cast<uint64_t>(status.st_size);
    content->resize(static_cast<size_t>(std::min<uint64_t>(*size, max)));
    size_t done = 0;
    ssize_t got = 0;
    while (done < content->size() && (got = read(fd, &(*content)[done], content->size() - done)) > 0) {
      done += static_cast<size_t>(got);
    }
    good = done == content->size();
  }
  close(fd);
  return good;
}

// "00000000000000000000-...": the folder may hold files of others, which end as ours do.
bool IsOurs(std::string_view name) {
  constexpr size_t kDigits = 20;
  return name.size() > kDigits && name[kDigits] == '-' &&
         name.substr(0, kDigits).find_first_not_of("0123456789") == std::string_view::npos;
}

// What a file's name may hold.
std::string NameOf(const std::string& id) {
  std::string name = id;
  for (char& c : name) {
    if (!isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  }
  return name;
}

}  // namespace

Spool::Spool(std::string folder, SpoolLimits limits, Clock clock)
    : folder_(std::move(folder)), limits_(limits), clock_(std::move(clock)) {
  if (folder_.empty()) return;
  while (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
  mkdir(folder_.c_str(), 0700);
  struct stat status;
  if (stat(folder_.c_str(), &status) != 0) {
    throw Failure(Printable(folder_) + " cannot be a spool: " + ErrorText(errno));
  }
  if (!S_ISDIR(status.st_mode)) throw Failure(Printable(folder_) + " cannot be a spool: it is no folder");
  if (status.st_uid != geteuid()) {
    throw Failure(Printable(folder_) + " cannot be a spool: it belongs to another user");
  }
  if ((status.st_mode & 022) != 0) {
    throw Failure(Printable(folder_) + " cannot be a spool: others may write in it");
  }
  lock_ = open((folder_ + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) throw Failure(Printable(folder_) + " cannot be a spool: " + ErrorText(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw Failure("another process sends from the spool " + Printable(folder_));
  }
  Scan();
  Trim();
}

Spool::~Spool() {
  WriteHeld();
  if (lock_ >= 0) close(lock_);
}

std::string Spool::Path(const Key& key, SpoolState state) const {
  char added[32];
  std::snprintf(added, sizeof added, "%020lld-", static_cast<long long>(std::max<int64_t>(key.first, 0)));
  return folder_ + "/" + added + NameOf(key.second) + kEndings[static_cast<size_t>(state)];
}

void Spool::Scan() {
  DIR* listing = opendir(folder_.c_str());
  if (listing == nullptr) throw Failure(Printable(folder_) + " cannot be read: " + ErrorText(errno));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(listing)) names.emplace_back(entry->d_name);
  closedir(listing);
  for (const std::string& name : names) {
    if (!IsOurs(name)) continue;
    if (EndsWith(name, kTemporaryEnding)) {
      unlink((folder_ + "/" + name).c_str());  // of a sender that was killed: the lock is ours
    } else if (!ScanFile(name)) {
      ++damaged_;
      unlink((folder_ + "/" + name).c_str());
    }
  }
}

// True also for what is none of a spool's files.
bool Spool::ScanFile(const std::string& name) {
  for (size_t state = 0; state < std::size(kEndings); ++state) {
    if (!EndsWith(name, kEndings[state])) continue;
    Entry entry;
    SpooledItem spooled;
    std::string start;
    if (!ReadOwn(folder_ + "/" + name, kMaxSpoolHead, &start, &entry.size) ||
        !ReadSpoolHead(start, entry.size, &spooled)) {
      return false;
    }
    const Key key{spooled.added.wall_ns, spooled.item.id};
    entry.state = static_cast<SpoolState>(state);
    entry.added = spooled.added;
    entry.boot_id = spooled.boot_id;
    const Moment now = clock_.now();
    if (entry.boot_id != clock_.boot_id && entry.added.wall_ns > now.wall_ns) {
      entry.added = now;  // by a clock that was wrong: its age begins again
      entry.boot_id = clock_.boot_id;
    }
    if (Path(key, entry.state) != folder_ + "/" + name || !ids_.insert(key.second).second) return false;
    bytes_ += entry.size;
    Count(entries_.emplace(key, std::move(entry)).first, 1);
    return true;
  }
  return true;
}

// Enters the item into the tables that go by its state (`step` 1), or takes it out of them (-1).
void Spool::Count(Entries::iterator entry, int step) {
  counts_[static_cast<size_t>(entry->second.state)] += static_cast<size_t>(step);
  if (entry->second.state != SpoolState::kReady) return;
  if (step > 0) {
    ready_.emplace(entry->second.attempts, entry->first);
  } else {
    ready_.erase({entry->second.attempts, entry->first});
  }
}

void Spool::Add(const Item& item) {
  if (!ids_.insert(item.id).second) return;
  SpooledItem spooled{item, clock_.now(), clock_.boot_id};
  const Key key{spooled.added.wall_ns, item.id};
  Entry entry;
  entry.added = spooled.added;
  entry.boot_id = spooled.boot_id;
  std::string text = SpoolText(spooled);
  entry.size = text.size();
  if (entry.size > limits_.max_bytes) {  // all others would not make room enough
    ++dropped_full_;
    ids_.erase(item.id);
    return;
  }
  MakeRoom(entry.size);
  if (!Write(key, SpoolState::kReady, text)) entry.content = std::move(text);
  bytes_ += entry.size;
  Count(entries_.emplace(key, std::move(entry)).first, 1);
  MakeRoom(0);
}

// False: a full disk, a folder that is gone; memory has the same bound.
bool Spool::Write(const Key& key, SpoolState state, const std::string& text) const try {
  if (folder_.empty()) return false;
  OutputFile file(Path(key, state), 0600);
  file.Write(text);
  file.Commit();
  return true;
} catch (const Failure&) {
  return false;
}

// What had no room on the disk may have it by now.
void Spool::WriteHeld() {
  for (auto& [key, entry] : entries_) {
    if (entry.content.empty()) continue;
    if (!Write(key, entry.state, entry.content)) return;
    entry.content.clear();
    entry.content.shrink_to_fit();
  }
}

std::optional<Spool::Taken> Spool::Take() {
  while (!ready_.empty()) {
    const auto entry = entries_.find(ready_.begin()->second);
    if (!SetState(entry, SpoolState::kSending)) return std::nullopt;
    std::string content = entry->second.content;
    uint64_t size = 0;
    SpooledItem spooled;
    if ((content.empty() &&
         !ReadOwn(Path(entry->first, SpoolState::kSending), entry->second.size, &content, &size)) ||
        !ReadSpoolText(content, &spooled)) {
      ++damaged_;
      Drop(entry);
      continue;
    }
    Taken taken{entry->first, std::move(spooled.item), 0};
    if (entry->second.boot_id == clock_.boot_id) {
      const Moment now = clock_.now(), then = entry->second.added;
      taken.shift_ns = (now.wall_ns - now.boot_ns) - (then.wall_ns - then.boot_ns);
      if (std::abs(taken.shift_ns) < kSetByNs) taken.shift_ns = 0;
    }
    return taken;
  }
  return std::nullopt;
}

// False: the folder does not let us, and nothing has changed.
bool Spool::SetState(Entries::iterator entry, SpoolState state) {
  if (entry->second.content.empty() &&
      rename(Path(entry->first, entry->second.state).c_str(), Path(entry->first, state).c_str()) != 0) {
    if (errno == ENOENT) {  // somebody has cleaned up
      ++damaged_;
      Drop(entry);
    }
    return false;
  }
  Count(entry, -1);
  entry->second.state = state;
  Count(entry, 1);
  return true;
}

void Spool::PutBack(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  ++entry->second.attempts;
  SetState(entry, SpoolState::kReady);
}

void Spool::Move(const Key& key, SpoolState state) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) SetState(entry, state);
}

void Spool::Remove(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) Drop(entry);
}

void Spool::Retry(SpoolState state) {
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto entry = next++;  // one whose file is gone is dropped
    if (entry->second.state == state) SetState(entry, SpoolState::kReady);
  }
}

void Spool::SetAsideSending() {
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto entry = next++;
    if (entry->second.state == SpoolState::kSending) SetState(entry, SpoolState::kUncertain);
  }
}

Spool::Entries::iterator Spool::Drop(Entries::iterator entry) {
  if (entry->second.content.empty()) unlink(Path(entry->first, entry->second.state).c_str());
  bytes_ -= entry->second.size;
  Count(entry, -1);
  ids_.erase(entry->first.second);
  return entries_.erase(entry);
}

int64_t Spool::Age(const Entry& entry, const Moment& now) const {
  return entry.boot_id == clock_.boot_id ? now.boot_ns - entry.added.boot_ns
                                         : now.wall_ns - entry.added.wall_ns;
}

void Spool::Trim() {
  WriteHeld();
  const Moment now = clock_.now();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.state != SpoolState::kSending && Age(entry->second, now) > limits_.max_age_ns) {
      ++dropped_old_;
      entry = Drop(entry);
    } else {
      ++entry;
    }
  }
  MakeRoom(0);
}

void Spool::MakeRoom(uint64_t bytes) {
  for (const SpoolState state : {SpoolState::kRefused, SpoolState::kUncertain, SpoolState::kReady}) {
    for (auto entry = entries_.begin(); entry != entries_.end() && bytes_ + bytes > limits_.max_bytes;) {
      if (entry->second.state == state) {
        ++dropped_full_;
        entry = Drop(entry);
      } else {
        ++entry;
      }
    }
  }
}

}  // namespace heapprof::tools::send
