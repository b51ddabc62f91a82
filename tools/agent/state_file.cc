// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <string_view>

#include "tools/agent/process/held_process.h"
#include "tools/base/failure.h"
#include "tools/base/output_file.h"

namespace heapprof::tools::agent {
namespace {

constexpr std::string_view kMagic = "heapprof agent 1\n";
constexpr size_t kMaxBytes = 256 << 20;

template <typename T>
void Put(const T& value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void PutText(std::string_view text, std::string* bytes) {
  Put(static_cast<uint64_t>(text.size()), bytes);
  *bytes += text;
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  template <typename T>
  T Get() {
    T value = {};
    const std::string_view piece = Take(sizeof value);
    if (good_) std::memcpy(&value, piece.data(), sizeof value);
    return value;
  }
  std::string_view GetText() { return Take(Get<uint64_t>()); }

 private:
  std::string_view Take(uint64_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const std::string_view piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }

  std::string_view rest_;
  bool good_ = true;
};

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()));
}

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
  Reader head(bytes);
  AgentState state;
  if (bytes.compare(0, kMagic.size(), kMagic) != 0) return state;
  Reader reader(std::string_view(bytes).substr(kMagic.size()));
  const auto sum = reader.Get<uint32_t>();
  if (!reader.good() || sum != Checksum(std::string_view(bytes).substr(kMagic.size() + sizeof sum)))
    return state;
  if (reader.GetText() != boot_id) return state;
  state.stopped_nanos = reader.Get<int64_t>();
  while (reader.good() && !reader.at_end()) {
    const auto pid = reader.Get<int64_t>();
    const auto start = reader.Get<uint64_t>(), inode = reader.Get<uint64_t>();
    auto& baselines = state.processes[{pid, start, inode}];
    for (auto left = reader.Get<uint32_t>(); left != 0 && reader.good(); --left) {
      const std::string kind(reader.GetText());
      if (!baselines[kind].Unpack(reader.GetText())) return {};
    }
  }
  return reader.good() ? state : AgentState();
}

void WriteState(const std::string& path, const std::string& boot_id, const AgentState& state) try {
  std::string body;
  PutText(boot_id, &body);
  Put(state.stopped_nanos, &body);
  for (const auto& [key, baselines] : state.processes) {
    Put(std::get<0>(key), &body);
    Put(std::get<1>(key), &body);
    Put(std::get<2>(key), &body);
    Put(static_cast<uint32_t>(baselines.size()), &body);
    for (const auto& [kind, baseline] : baselines) {
      PutText(kind, &body);
      PutText(baseline.Pack(), &body);
    }
  }
  std::string bytes(kMagic);
  Put(Checksum(body), &bytes);
  bytes += body;
  if (bytes.size() > kMaxBytes) return;
  OutputFile file(path, 0600);
  file.Write(bytes);
  file.Commit();
} catch (const Failure& failure) {
  Tell(std::string("agent: ") + failure.what());
}

}  // namespace heapprof::tools::agent
