// SPDX-License-Identifier: Apache-2.0
#include "tools/dump/asked_profile.h"

#include <unistd.h>

#include <cstdio>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/command/values.h"
#include "tools/dump/look.h"
#include "tools/process/file_rights.h"

namespace heapprof::tools {
namespace {

bool IsPid(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos &&
         access(text.c_str(), F_OK) != 0;
}

// What is read once and taken away need not lie where the process' own files go: of a service that may write
// nowhere in its folder it comes by way of a private one.
Profile LookAtMemory(const AskedProfile& asked) {
  constexpr int kNobodyCancels = -1;
  Looker looker(asked.dump.pid, asked.dump.timeout_seconds, kNobodyCancels);
  if (looker.Look() != Looker::Outcome::kSeen) {
    throw Failure("process " + std::to_string(asked.dump.pid) + " ended before it wrote its profile");
  }
  return LoadNamedProfile(looker.memory_file(), asked.load);
}

}  // namespace

Profile LoadAskedProfile(AskedProfile asked, std::string* file) {
  *file = asked.what;
  const bool from_process = IsPid(asked.what);
  FileUser user;
  if (from_process) {
    if (const std::string wrong = CheckPid(asked.what); !wrong.empty()) throw Failure(wrong);
    asked.dump.pid = std::stol(asked.what);
    user = FileUserOf(Process(Process::ProgramOf(static_cast<pid_t>(asked.dump.pid))));
    try {
      *file = RequestDump(asked.dump);
    } catch (const CannotWrite&) {
      if (asked.keep || asked.dump.profile != "memory" || !asked.dump.output.empty()) throw;
      return LookAtMemory(asked);
    }
  } else if (asked.what != "-" && access(asked.what.c_str(), F_OK) != 0) {
    throw Failure(CheckPid(asked.what) + ", and there is no file of that name");
  }
  Profile profile = LoadNamedProfile(*file, asked.load);
  if (from_process && !asked.keep) {
    const FileRights rights(user);
    if (rights.taken()) unlink(file->c_str());  // where the folder is another's it stays
  }
  if (from_process && asked.keep) std::fprintf(stderr, "heapprof: kept %s\n", Printable(*file).c_str());
  return profile;
}

}  // namespace heapprof::tools
