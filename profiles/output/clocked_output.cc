// SPDX-License-Identifier: Apache-2.0
#include "profiles/output/clocked_output.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "base/limits.h"
#include "base/options.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/output/dump_file.h"
#include "proto/descriptor_sink.h"

namespace heapprof {

int ClockedOutput::Check(int fd, int hz) {
  const long flags = RawSyscall(SYS_fcntl, fd, F_GETFL);
  if (hz < kMinCpuHz || hz > kMaxCpuHz) return -EINVAL;
  return flags < 0 || (flags & O_ACCMODE) == O_RDONLY ? -EBADF : 0;
}

bool ClockedOutput::ReadDescriptor(int fd, struct stat* file) {
  return fd < 0 || RawSyscall(SYS_fstat, fd, reinterpret_cast<long>(file)) == 0;
}

int ClockedOutput::Write(ByteSink* caller, WriteFunction write, const void* profile) {
  if (fd_ == kToFile) return WriteToFile(write, profile);
  if (fd_ == kToCaller) return caller == nullptr ? 0 : write(caller, profile);
  DescriptorSink sink(fd_);
  return write(&sink, profile);
}

int ClockedOutput::WriteToFile(WriteFunction write, const void* profile) {
  Text<kPathCapacity> name;
  const bool fits = ExpandPattern(GetOptions().output, files_written_ + 1, suffix_, &name);
  DumpFile file;
  int error = fits ? file.Open(name.data()) : -ENAMETOOLONG;
  DescriptorSink sink(file.fd());
  if (error == 0) error = file.Close(write(&sink, profile));
  if (error == 0) ++files_written_;
  Text<kPathCapacity + 128> line;
  if (error != 0) {
    line.Str("cannot write ").Str(name_).Str(" profile ").Str(name.data());
    Say(line.Str(": ").Str(ErrnoText(-error)));
  } else if (GetOptions().verbose) {
    Say(line.Str("wrote ").Str(name.data()));
  }
  return error;
}

namespace {

TextWriter& BeginNotWritten(const char* name, int fd, TextWriter* line) {
  line->Str("the ").Str(name).Str(" profile that descriptor ").Dec(fd);
  return line->Str(" was to get is not written: ");
}

}  // namespace

bool ClockedOutput::IsStillThere() const {
  struct stat file = {};
  if (ReadDescriptor(fd_, &file) && file.st_dev == file_.st_dev && file.st_ino == file_.st_ino) return true;
  Text<160> line;
  Say(BeginNotWritten(name_, fd_, &line).Str("it was closed"));
  return false;
}

void ClockedOutput::SayNotWritten(int error) const {
  Text<160> line;
  Say(BeginNotWritten(name_, fd_, &line).Str(ErrnoText(-error)));
}

}  // namespace heapprof
