// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/perf_map.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace heapprof::tools {
namespace {

constexpr size_t kMaxBytes = 256 << 20;

// Takes a number in hexadecimal and the blank behind it off `line`.
bool TakeHex(std::string_view* line, uint64_t* value) {
  if (line->substr(0, 2) == "0x") line->remove_prefix(2);
  const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), *value, 16);
  if (error != std::errc() || end == line->data() + line->size() || *end != ' ') return false;
  line->remove_prefix(static_cast<size_t>(end - line->data()) + 1);
  return true;
}

// Takes ":NUMBER" off the end of `text`.
bool TakeNumber(std::string_view* text, int64_t* value) {
  const size_t colon = text->rfind(':');
  if (colon == std::string_view::npos) return false;
  const char* end = text->data() + text->size();
  const auto result = std::from_chars(text->data() + colon + 1, end, *value);
  if (result.ec != std::errc() || result.ptr != end) return false;
  text->remove_suffix(text->size() - colon);
  return true;
}

// node's names: a kind, a mark of how the code was made, the function, and where it stands.
SourceFrame FrameOf(std::string_view name) {
  SourceFrame frame;
  std::string_view rest = name;
  for (const std::string_view kind : {"JS:", "LazyCompile:", "Function:", "Script:", "Eval:"}) {
    if (rest.substr(0, kind.size()) != kind) continue;
    rest.remove_prefix(kind.size());
    if (!rest.empty() && std::string_view("*~^+").find(rest[0]) != std::string_view::npos)
      rest.remove_prefix(1);
    int64_t line = 0, column = 0;
    std::string_view place = rest;
    if (TakeNumber(&place, &column) && TakeNumber(&place, &line)) {
      const size_t blank = place.find(' ');
      if (blank != std::string_view::npos) {
        frame.file = place.substr(blank + 1);
        frame.line = line;
        rest = place.substr(0, blank);
      }
    }
    if (rest.empty()) rest = "(anonymous)";
    break;
  }
  frame.symbol = rest;
  return frame;
}

}  // namespace

std::string ReadOfProcess(const std::string& path, const LivingProcess& process) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return "";
  std::string text;
  struct stat status, owner;
  const std::string folder = "/proc/" + std::to_string(process.pid());
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_mtime + LivingProcess::kStartTolerance >= process.start() &&
      (status.st_uid == geteuid() ||
       (process.lives() && stat(folder.c_str(), &owner) == 0 && owner.st_uid == status.st_uid))) {
    char piece[1 << 16];
    ssize_t got;
    while (text.size() < kMaxBytes && (got = read(fd, piece, sizeof piece)) > 0) {
      text.append(piece, static_cast<size_t>(got));
    }
  }
  close(fd);
  return text;
}

PerfMap::PerfMap(const LivingProcess& process) {
  if (process.pid() == 0) return;
  const std::string name = "/tmp/perf-" + std::to_string(process.pid()) + ".map";
  std::string text = ReadOfProcess(name, process);
  if (text.empty() && process.lives()) {
    text = ReadOfProcess("/proc/" + std::to_string(process.pid()) + "/root" + name, process);
  }
  Read(text);
}

void PerfMap::Read(std::string_view text) {
  while (!text.empty()) {
    const size_t size = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, size);
    text.remove_prefix(std::min(size + 1, text.size()));
    uint64_t start = 0, length = 0;
    if (!TakeHex(&line, &start) || !TakeHex(&line, &length) || line.empty()) continue;
    if (length != 0 && start + length > start) Lay(start, start + length, std::string(line));
  }
}

void PerfMap::Lay(uint64_t start, uint64_t end, std::string name) {
  auto at = codes_.lower_bound(start);
  if (at != codes_.begin()) {
    auto before = std::prev(at);
    if (before->second.end > end) codes_.emplace(end, before->second);
    before->second.end = std::min(before->second.end, start);
  }
  for (at = codes_.lower_bound(start); at != codes_.end() && at->first < end; at = codes_.erase(at)) {
    if (at->second.end > end) codes_.emplace(end, std::move(at->second));
  }
  codes_[start] = {end, std::move(name)};
}

const std::pair<const uint64_t, PerfMap::Code>* PerfMap::Find(uint64_t address) const {
  const auto after = codes_.upper_bound(address);
  if (after == codes_.begin()) return nullptr;
  const auto& code = *std::prev(after);
  return address < code.second.end ? &code : nullptr;
}

uint64_t PerfMap::StartOf(uint64_t address) const {
  const auto* code = Find(address);
  return code == nullptr ? UINT64_MAX : code->first;
}

std::string PerfMap::NameAt(uint64_t address) const {
  const auto* code = Find(address);
  return code == nullptr ? "" : code->second.name;
}

SourceFrame PerfMap::At(uint64_t address) const {
  const auto* code = Find(address);
  return code == nullptr ? SourceFrame() : FrameOf(code->second.name);
}

}  // namespace heapprof::tools
