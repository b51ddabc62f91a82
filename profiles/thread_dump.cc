// SPDX-License-Identifier: Apache-2.0
#include "profiles/thread_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/options.h"
#include "base/system/kept_stderr.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/dump.h"
#include "profiles/output/dump_file.h"
#include "profiles/threads/thread_proto.h"
#include "profiles/threads/thread_text.h"
#include "proto/descriptor_sink.h"

namespace heapprof {
namespace {

// Guarded by the dump lock.
ThreadList g_list;
NumberedFiles g_files = {};

union Workspace {
  CountProtoWorkspace proto;
  ThreadTextWorkspace text;
};

bool IsOfNoUse(int fd) {
  constexpr int kMajor = 1, kMinor = 3;  // /dev/null
  struct stat file = {};
  if (RawSyscall(SYS_fstat, fd, reinterpret_cast<long>(&file)) != 0) return true;
  return S_ISCHR(file.st_mode) && file.st_rdev == makedev(kMajor, kMinor);
}

int SayFailed(int error, const char* path) {
  Text<kPathCapacity + 128> line;
  Say(line.Str("cannot write the threads' stacks to ").Str(path).Str(": ").Str(ErrnoText(-error)));
  return error;
}

int AppendToLog(const OwnStack& own, void* workspace) {
  constexpr int kMode = 0600;
  Text<kPathCapacity> path;
  path.Str(GetOptions().log_path).Str(".").UDec(static_cast<uint64_t>(RawGetPid())).Str(".threads.txt");
  const int fd =
      path.cut()
          ? -ENAMETOOLONG
          : RawOpen(path.data(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, kMode);
  if (fd < 0) return SayFailed(fd, path.data());
  DescriptorSink sink(fd);
  const int error = WriteThreads(own, 2, &sink, workspace);
  RawClose(fd);
  return error == 0 ? 0 : SayFailed(error, path.data());
}

int WriteFile(const OwnStack& own, int debug, const char* suffix, void* workspace) {
  Text<kPathCapacity> name;
  const bool fits = ExpandPattern(GetOptions().output, g_files.written + 1, suffix, &name);
  DumpFile file;
  int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
  DescriptorSink sink(file.fd());
  if (error == 0) error = file.Close(WriteThreads(own, debug, &sink, workspace));
  if (error != 0) return SayFailed(error, name.data());
  ++g_files.written;
  RemoveOldest(KeptDumps(), {".threads.txt", ".threads.pb.gz"}, &g_files);
  if (GetOptions().verbose) {
    Text<kPathCapacity + 128> line;
    Say(line.Str("wrote ").Str(name.data()));
  }
  return 0;
}

}  // namespace

size_t ThreadDumpWorkspaceSize() { return sizeof(Workspace); }

int WriteThreads(const OwnStack& own, int debug, ByteSink* sink, void* workspace) {
  auto* space = static_cast<Workspace*>(workspace);
  const bool as_text = debug == 1 || debug == 2;
  const auto grouping = debug == 0 ? ThreadGrouping::kByNameAndState : ThreadGrouping::kByStack;
  int error = g_list.Collect(own, grouping, debug >= 2);
  if (error == 0) {
    error = as_text ? WriteThreadText(&g_list, debug, sink, &space->text)
                    : WriteThreadProto(&g_list, debug == kThreadDetails, sink, &space->proto);
  }
  g_list.Free();
  return error;
}

int DumpThreadText(const OwnStack& own, void* workspace) {
  if (GetOptions().log_path[0] != '\0') return AppendToLog(own, workspace);
  const int stderr_now = StderrNow();
  if (IsOfNoUse(stderr_now)) return WriteFile(own, 2, ".threads.txt", workspace);
  DescriptorSink sink(stderr_now);
  return WriteThreads(own, 2, &sink, workspace);
}

int DumpThreadFile(const OwnStack& own, void* workspace) {
  return WriteFile(own, kThreadDetails, ".threads.pb.gz", workspace);
}

void ThreadDumpsAfterForkInChild() {
  g_list.ForgetAfterFork();
  g_files = {};
}

}  // namespace heapprof
