// SPDX-License-Identifier: Apache-2.0
#include "base/cgroup_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {
namespace {

constexpr size_t kPathSize = 1024, kGroupSize = 512;

// The lines of a file. Of those that are too long the beginning.
class Lines {
 public:
  explicit Lines(const char* path) : fd_(RawOpen(path, O_RDONLY | O_CLOEXEC, 0)) {}
  ~Lines() {
    if (fd_ >= 0) RawClose(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // The next line, without its newline; nullptr at the end.
  char* Next() {
    size_t length = 0;
    bool any = false;
    while (fd_ >= 0 && (at_ < size_ || Fill())) {
      any = true;
      const char c = buffer_[at_++];
      if (c == '\n') break;
      if (length + 1 < sizeof line_) line_[length++] = c;
    }
    line_[length] = '\0';
    return any ? line_ : nullptr;
  }

 private:
  bool Fill() {
    ssize_t size;
    do {
      size = RawRead(fd_, buffer_, sizeof buffer_);
    } while (size == -EINTR);
    at_ = 0;
    size_ = size > 0 ? static_cast<size_t>(size) : 0;
    return size_ > 0;
  }

  int fd_;
  size_t at_ = 0, size_ = 0;
  char buffer_[512];
  char line_[2048];
};

// The number at the beginning of `text`; UINT64_MAX if there is none ("max").
uint64_t Number(const char* text) {
  if (*text < '0' || *text > '9') return UINT64_MAX;
  uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) {
    if (__builtin_mul_overflow(number, 10, &number)) return UINT64_MAX;
    if (__builtin_add_overflow(number, static_cast<uint64_t>(*text - '0'), &number)) return UINT64_MAX;
  }
  return number;
}

uint64_t Min(uint64_t a, uint64_t b) { return a < b ? a : b; }

bool HasWord(const char* list, const char* end, const char* word) {
  const size_t size = strlen(word);
  while (list < end) {
    const auto* comma = static_cast<const char*>(memchr(list, ',', static_cast<size_t>(end - list)));
    const char* stop = comma != nullptr ? comma : end;
    if (static_cast<size_t>(stop - list) == size && memcmp(list, word, size) == 0) return true;
    list = stop + 1;
  }
  return false;
}

// What a group's folder says that it allows, of v2 or v1; UINT64_MAX: no limit.
using LimitOfFolder = uint64_t(const char* folder, bool is_v2);

struct Controller {
  const char* name;
  LimitOfFolder* limit;
};

// The process' groups: "" where there is none.
struct Groups {
  char v1[kGroupSize], v2[kGroupSize];
};

void CopyGroup(const char* path, char (&group)[kGroupSize]) {
  const size_t size = strlen(path);
  if (size < kGroupSize) memcpy(group, path, size + 1);
}

// Lines as "4:memory:/path", and "0::/path" of v2.
void ReadGroups(const char* path, const Controller& controller, Groups* groups) {
  groups->v1[0] = groups->v2[0] = '\0';
  Lines lines(path);
  while (const char* line = lines.Next()) {
    const char* controllers = strchr(line, ':');
    const char* group = controllers != nullptr ? strchr(++controllers, ':') : nullptr;
    if (group == nullptr) continue;
    if (group == controllers) {
      CopyGroup(group + 1, groups->v2);
    } else if (HasWord(controllers, group, controller.name)) {
      CopyGroup(group + 1, groups->v1);
    }
  }
}

// Cuts the next word off `*text`.
char* NextWord(char** text) {
  char* word = *text;
  char* end = strchr(word, ' ');
  if (end == nullptr) {
    *text = word + strlen(word);
  } else {
    *end = '\0';
    *text = end + 1;
  }
  return word;
}

uint64_t ReadNumber(const char* folder, const char* file) {
  Text<kPathSize> path;
  path.Str(folder).Str("/").Str(file);
  Lines lines(path.data());
  const char* line = lines.Next();
  return line != nullptr ? Number(line) : UINT64_MAX;
}

uint64_t MemoryOfFolder(const char* folder, bool is_v2) {
  return ReadNumber(folder, is_v2 ? "memory.max" : "memory.limit_in_bytes");
}

// In thousandths of a processor. Lines as "150000 100000" or "max 100000"; v1 has a file for each, and -1.
uint64_t ProcessorsOfFolder(const char* folder, bool is_v2) {
  uint64_t quota = UINT64_MAX, period = UINT64_MAX;
  if (is_v2) {
    Text<kPathSize> path;
    path.Str(folder).Str("/cpu.max");
    Lines lines(path.data());
    if (char* line = lines.Next(); line != nullptr) {
      quota = Number(NextWord(&line));
      period = Number(line);
    }
  } else {
    quota = ReadNumber(folder, "cpu.cfs_quota_us");
    period = ReadNumber(folder, "cpu.cfs_period_us");
  }
  constexpr uint64_t kThousandths = 1000;
  if (period == 0 || period == UINT64_MAX || __builtin_mul_overflow(quota, kThousandths, &quota))
    return UINT64_MAX;
  return quota / period;
}

constexpr Controller kMemory = {"memory", MemoryOfFolder}, kProcessors = {"cpu", ProcessorsOfFolder};

// Of the group, and of all above it as far as the mount shows them: each of them bounds what it holds.
uint64_t LimitOfGroup(const char* root, const char* mount, const char* group, const Controller& controller,
                      bool is_v2) {
  char below[kGroupSize];
  memcpy(below, group, strlen(group) + 1);
  uint64_t limit = UINT64_MAX;
  for (;;) {
    Text<kPathSize> folder;
    folder.Str(root).Str(mount).Str(below);
    limit = Min(limit, controller.limit(folder.data(), is_v2));
    char* last = strrchr(below, '/');
    if (last == nullptr) return limit;
    *last = '\0';
  }
}

// A line of mountinfo: "36 31 0:32 ROOT MOUNT options [tags] - TYPE source super,options".
uint64_t LimitOfMount(const char* root, char* line, const Controller& controller, const Groups& groups) {
  char* rest = strstr(line, " - ");
  if (rest == nullptr) return UINT64_MAX;
  *rest = '\0';
  rest += 3;
  const char* type = NextWord(&rest);
  const bool is_v2 = strcmp(type, "cgroup2") == 0;
  if (!is_v2 && strcmp(type, "cgroup") != 0) return UINT64_MAX;
  NextWord(&rest);
  if (!is_v2 && !HasWord(rest, rest + strlen(rest), controller.name)) return UINT64_MAX;
  for (int field = 0; field < 3; ++field) NextWord(&line);
  const char* top = NextWord(&line);
  const char* mount = NextWord(&line);
  const char* group = is_v2 ? groups.v2 : groups.v1;
  // What is mounted is `top`, in a container often the group itself. Where the group does not lie in it, as
  // in another namespace, the mount is what there is.
  const size_t size = strcmp(top, "/") == 0 ? 0 : strlen(top);
  const bool inside = strncmp(group, top, size) == 0 && group[size] == '/' && strstr(group, "/..") == nullptr;
  return LimitOfGroup(root, mount, inside ? group + size : "", controller, is_v2);
}

uint64_t LimitOfProcess(const char* root, const Controller& controller) {
  Text<kPathSize> path;
  Groups groups;
  path.Str(root).Str("/proc/self/cgroup");
  ReadGroups(path.data(), controller, &groups);
  uint64_t limit = UINT64_MAX;
  Text<kPathSize> mounts;
  mounts.Str(root).Str("/proc/self/mountinfo");
  Lines lines(mounts.data());
  while (char* line = lines.Next()) limit = Min(limit, LimitOfMount(root, line, controller, groups));
  return limit;
}

uint64_t PhysicalMemory(const char* root) {
  Text<kPathSize> path;
  path.Str(root).Str("/proc/meminfo");
  Lines lines(path.data());
  constexpr char kKey[] = "MemTotal:";
  constexpr uint64_t kKilo = 1024;
  while (const char* line = lines.Next()) {
    if (strncmp(line, kKey, sizeof kKey - 1) != 0) continue;
    line += sizeof kKey - 1;
    while (*line == ' ') ++line;
    const uint64_t kilobytes = Number(line);
    return kilobytes < UINT64_MAX / kKilo ? kilobytes * kKilo : UINT64_MAX;
  }
  return UINT64_MAX;
}

}  // namespace

uint64_t MemoryLimit(const char* root) {
  const uint64_t limit = Min(PhysicalMemory(root), LimitOfProcess(root, kMemory));
  return limit == UINT64_MAX ? 0 : limit;
}

double ProcessorLimit(const char* root) {
  const uint64_t thousandths = LimitOfProcess(root, kProcessors);
  return thousandths == UINT64_MAX ? 0 : static_cast<double>(thousandths) / 1000;
}

uint64_t ResidentBytes() {
  // Once the main thread has ended /proc/self has nothing to tell.
  const int fd = RawOpen("/proc/thread-self/statm", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  char text[128];
  ssize_t size;
  do {
    size = RawRead(fd, text, sizeof text - 1);
  } while (size == -EINTR);
  RawClose(fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  constexpr uint64_t kPage = 4096;
  const char* resident = strchr(text, ' ');
  const uint64_t pages = resident != nullptr ? Number(resident + 1) : 0;
  return pages < UINT64_MAX / kPage ? pages * kPage : 0;
}

}  // namespace heapprof
