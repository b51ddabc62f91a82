// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/thread_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/system/own_thread.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"

namespace heapprof {
namespace {

constexpr size_t kEntryBytes = 32 << 10;

int Number(const char* digits) {
  int value = 0;
  for (; *digits >= '0' && *digits <= '9'; ++digits) value = value * 10 + (*digits - '0');
  return value;
}

}  // namespace

ThreadTable* ThreadTable::Map(size_t threads) {
  size_t capacity = 1024;
  while (capacity / 2 < threads) capacity *= 2;
  void* memory = RawMap(kHead + capacity * sizeof(ThreadRecord));
  if (memory == nullptr) return nullptr;
  auto* table = static_cast<ThreadTable*>(memory);
  table->capacity_ = capacity;
  table->count_ = 0;
  table->records_ = reinterpret_cast<ThreadRecord*>(static_cast<char*>(memory) + kHead);
  return table;
}

void ThreadTable::Unmap() { RawUnmap(this, Bytes()); }

void ThreadTable::Clear() {
  count_ = 0;
  RawSyscall(SYS_madvise, reinterpret_cast<long>(records_), static_cast<long>(Bytes() - kHead),
             MADV_DONTNEED);
}

ThreadRecord* ThreadTable::Search(int tid) {
  size_t at = static_cast<uint32_t>(tid) * 0x9e3779b1u % capacity_;
  for (size_t probes = 0; probes < capacity_; ++probes, at = (at + 1) % capacity_) {
    int there = records_[at].tid.load(std::memory_order_acquire);
    if (there == tid || there == 0) return &records_[at];
  }
  return nullptr;
}

ThreadRecord* ThreadTable::Find(int tid) {
  ThreadRecord* record = Search(tid);
  return record != nullptr && record->tid.load(std::memory_order_relaxed) == tid ? record : nullptr;
}

ThreadRecord* ThreadTable::FindOrAdd(int tid) {
  ThreadRecord* record = Search(tid);
  if (record == nullptr || record->tid.load(std::memory_order_relaxed) == tid) return record;
  if (count_ >= capacity_ / 2) return nullptr;
  ++count_;
  record->tid.store(tid, std::memory_order_release);
  return record;
}

TaskFolder::~TaskFolder() {
  if (folder_ >= 0) RawClose(folder_);
  if (entries_ != nullptr) RawUnmap(entries_, kEntryBytes);
}

int TaskFolder::Open() {
  entries_ = static_cast<char*>(RawMap(kEntryBytes));
  if (entries_ == nullptr) return -ENOMEM;
  // Once the main thread has ended /proc/self is empty, while thread-self still answers.
  folder_ = RawOpen("/proc/thread-self/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder_ < 0) return folder_;
  // "PROCESS/task/THREAD"
  char link[64];
  long size = RawSyscall(SYS_readlinkat, AT_FDCWD, reinterpret_cast<long>("/proc/thread-self"),
                         reinterpret_cast<long>(link), sizeof(link) - 1);
  link[size > 0 ? size : 0] = '\0';
  const char* thread = strrchr(link, '/');
  outer_ = thread != nullptr && Number(thread + 1) != RawGetTid();
  return 0;
}

int TaskFolder::NumberOf(int listed) const {
  if (!outer_) return listed;
  // "NSpid:", then the thread's number in each namespace, from that of /proc to its own.
  char text[4096];
  if (!ReadListed(listed, "status", text, sizeof(text))) return 0;
  const char* at = strstr(text, "\nNSpid:");
  if (at == nullptr) return 0;
  const char* last = at;
  for (++at; *at != '\n' && *at != '\0'; ++at) {
    if (*at == '\t') last = at;
  }
  return Number(last + 1);
}

bool TaskFolder::ForEach(bool (*visit)(void* context, int tid), void* context) {
  RawSyscall(SYS_lseek, folder_, 0, SEEK_SET);
  for (;;) {
    long got = RawSyscall(SYS_getdents64, folder_, reinterpret_cast<long>(entries_), kEntryBytes);
    if (got <= 0) return got == 0;
    for (long at = 0; at < got;) {
      auto* entry = reinterpret_cast<dirent64*>(entries_ + at);
      at += entry->d_reclen;
      int listed = Number(entry->d_name);
      int tid = listed == 0 ? 0 : NumberOf(listed);
      if (tid != 0 && !IsOwnThread(tid) && !visit(context, tid)) return false;
    }
  }
}

int TaskFolder::ListedNumberOf(int tid) const {
  if (!outer_) return tid;
  int folder = static_cast<int>(
      RawSyscall(SYS_openat, folder_, reinterpret_cast<long>("."), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (folder < 0) return 0;
  alignas(dirent64) char entries[1024];
  int found = 0;
  long got;
  while (found == 0 &&
         (got = RawSyscall(SYS_getdents64, folder, reinterpret_cast<long>(entries), sizeof(entries))) > 0) {
    for (long at = 0; at < got && found == 0;) {
      auto* entry = reinterpret_cast<dirent64*>(entries + at);
      at += entry->d_reclen;
      int listed = Number(entry->d_name);
      if (listed != 0 && NumberOf(listed) == tid) found = listed;
    }
  }
  RawClose(folder);
  return found;
}

bool TaskFolder::Read(int tid, const char* name, char* to, size_t size) const {
  int listed = ListedNumberOf(tid);
  return listed != 0 && ReadListed(listed, name, to, size);
}

bool TaskFolder::ReadListed(int listed, const char* name, char* to, size_t size) const {
  Text<64> path;
  path.Dec(listed).Str("/").Str(name);
  int fd = static_cast<int>(
      RawSyscall(SYS_openat, folder_, reinterpret_cast<long>(path.data()), O_RDONLY | O_CLOEXEC, 0));
  if (fd < 0) return false;
  ssize_t got = RawRead(fd, to, size - 1);
  RawClose(fd);
  if (got <= 0) return false;
  to[got] = '\0';
  return true;
}

bool TaskFolder::Name(int tid, char* to, size_t size) const {
  if (!Read(tid, "comm", to, size)) return false;
  if (char* end = strchr(to, '\n')) *end = '\0';
  return true;
}

TaskFolder::Status TaskFolder::StatusOf(int tid) const {
  // Of the kernel's PF_ flags, which are the sixth field behind the state.
  constexpr uint32_t kIoWorker = 0x10, kUserWorker = 0x4000, kKernelThread = 0x200000;
  constexpr int kFieldsToFlags = 6;
  char line[512];
  if (!Read(tid, "stat", line, sizeof(line))) return {'X', false};
  const char* at = strrchr(line, ')');
  if (at == nullptr || at[1] != ' ') return {'X', false};
  at += 2;
  Status status = {*at, false};
  for (int field = 0; field < kFieldsToFlags && at != nullptr; ++field) at = strchr(at + 1, ' ');
  if (at != nullptr) {
    auto flags = static_cast<uint32_t>(Number(at + 1));
    status.kernels = (flags & (kIoWorker | kUserWorker | kKernelThread)) != 0;
  }
  return status;
}

bool TaskFolder::HasSignal(int tid) const {
  char text[4096];
  if (!Read(tid, "status", text, sizeof(text))) return true;
  uint64_t sets[3] = {};
  const char* const names[3] = {"\nSigPnd:\t", "\nShdPnd:\t", "\nSigBlk:\t"};
  for (int i = 0; i < 3; ++i) {
    const char* at = strstr(text, names[i]);
    if (at == nullptr) return true;
    for (at += strlen(names[i]); *at != '\n' && *at != '\0'; ++at) {
      sets[i] = sets[i] * 16 + static_cast<uint64_t>(*at <= '9' ? *at - '0' : *at - 'a' + 10);
    }
  }
  return ((sets[0] | sets[1]) & ~sets[2]) != 0;
}

}  // namespace heapprof
