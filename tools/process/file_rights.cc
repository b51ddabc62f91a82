// SPDX-License-Identifier: Apache-2.0
#include "tools/process/file_rights.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <string>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

std::vector<gid_t> Numbers(const std::string& line) {
  std::istringstream words(line);
  std::vector<gid_t> numbers;
  for (gid_t number; words >> number;) numbers.push_back(number);
  return numbers;
}

// By system calls, as libc's would change all threads. These two tell what was before, whether it changes or
// not.
bool SetUser(uid_t user) {
  syscall(SYS_setfsuid, user);
  errno = EPERM;
  return static_cast<uid_t>(syscall(SYS_setfsuid, user)) == user;
}
bool SetGroup(gid_t group) {
  syscall(SYS_setfsgid, group);
  errno = EPERM;
  return static_cast<gid_t>(syscall(SYS_setfsgid, group)) == group;
}
bool SetGroups(const std::vector<gid_t>& groups) {
  return syscall(SYS_setgroups, groups.size(), groups.data()) == 0;
}

}  // namespace

FileUser FileUserOf(const Process& process) {
  const pid_t thread = process.living_thread();
  // Real, effective, saved, and of files.
  const std::vector<gid_t> users = Numbers(process.ThreadStatus(thread, "Uid"));
  const std::vector<gid_t> groups = Numbers(process.ThreadStatus(thread, "Gid"));
  if (users.empty() || groups.empty()) {
    throw Failure("process " + std::to_string(process.pid()) + " has ended");
  }
  return {users.back(), groups.back(), Numbers(process.ThreadStatus(thread, "Groups"))};
}

FileRights::FileRights(const FileUser& theirs) {
  if (geteuid() != 0 || theirs.user == 0) return;
  own_ = {geteuid(), getegid(), std::vector<gid_t>(static_cast<size_t>(getgroups(0, nullptr)))};
  own_.groups.resize(
      static_cast<size_t>(getgroups(static_cast<int>(own_.groups.size()), own_.groups.data())));
  // The user last: with it goes what root may do to files, and nothing else.
  changed_ = true;
  taken_ = SetGroups(theirs.groups) && SetGroup(theirs.group) && SetUser(theirs.user);
  if (taken_) return;
  const int error = errno;
  Restore();
  changed_ = false;
  errno = error;
}

FileRights::~FileRights() {
  if (changed_) Restore();
}

void FileRights::Restore() const {
  const int error = errno;
  SetUser(own_.user);
  SetGroup(own_.group);
  SetGroups(own_.groups);
  errno = error;
}

}  // namespace heapprof::tools
