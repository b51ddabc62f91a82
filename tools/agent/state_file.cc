// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "tools/agent/process/held_process.h"
#include "tools/base/failure.h"
#include "tools/base/output_file.h"
#include "tools/base/packed.h"

namespace heapprof::tools::agent {
namespace {

constexpr std::string_view kMagic = "heapprof agent 1\n";
constexpr size_t kMaxBytes = 256 << 20;

std::string ReadOwn(const std::string& path) {
  const OwnedFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (!fd.good() || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()) {
    return "";
  }
  return ReadUpTo(fd.get(), kMaxBytes);
}

}  // namespace

std::string BootId() {
  const OwnedFd fd(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  return fd.good() ? ReadUpTo(fd.get(), 64) : "";
}

AgentState TakeState(const std::string& path, const std::string& boot_id) {
  const std::string bytes = ReadOwn(path);
  unlink(path.c_str());
  AgentState state;
  if (bytes.compare(0, kMagic.size(), kMagic) != 0) return state;
  PackedReader reader(std::string_view(bytes).substr(kMagic.size()));
  const auto sum = reader.Get<uint32_t>();
  if (!reader.good() || sum != Checksum(std::string_view(bytes).substr(kMagic.size() + sizeof sum)))
    return state;
  if (reader.GetText<uint64_t>() != boot_id) return state;
  state.stopped_nanos = reader.Get<int64_t>();
  while (reader.good() && !reader.at_end()) {
    const auto pid = reader.Get<int64_t>();
    const auto start = reader.Get<uint64_t>(), inode = reader.Get<uint64_t>();
    auto& baselines = state.processes[{pid, start, inode}];
    for (auto left = reader.Get<uint32_t>(); left != 0 && reader.good(); --left) {
      const std::string kind(reader.GetText<uint64_t>());
      if (!baselines[kind].Unpack(reader.GetText<uint64_t>())) return {};
    }
  }
  return reader.good() ? state : AgentState();
}

void WriteState(const std::string& path, const std::string& boot_id, const AgentState& state) try {
  PackedWriter body;
  body.PutText<uint64_t>(boot_id);
  body.Put(state.stopped_nanos);
  for (const auto& [key, baselines] : state.processes) {
    body.Put(std::get<0>(key));
    body.Put(std::get<1>(key));
    body.Put(std::get<2>(key));
    body.Put(static_cast<uint32_t>(baselines.size()));
    for (const auto& [kind, baseline] : baselines) {
      body.PutText<uint64_t>(kind);
      body.PutText<uint64_t>(baseline.Pack());
    }
  }
  PackedWriter sum;
  sum.Put(Checksum(body.bytes()));
  const std::string bytes = std::string(kMagic) + sum.bytes() + body.bytes();
  if (bytes.size() > kMaxBytes) return;
  OutputFile file(path, 0600);
  file.Write(bytes);
  file.Commit();
} catch (const Failure& failure) {
  Tell(std::string("agent: ") + failure.what());
}

}  // namespace heapprof::tools::agent
