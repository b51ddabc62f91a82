// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/cache/name_cache.h"

#include <cstring>
#include <string_view>

#include "tools/base/packed.h"

namespace heapprof::tools {
namespace {

// To be raised with every change of the names that are made of one and the same file.
constexpr uint32_t kFormat = 3;
constexpr char kMagic[8] = {'h', 'p', 'n', 'a', 'm', 'e', 's', '\n'};
// More offsets of one file than any profile has: what is kept begins anew.
constexpr size_t kMaxOffsets = 1 << 20;

struct Header {
  char magic[8];
  uint32_t format;
  uint32_t crc;  // of what follows
};

struct StoredFrame {
  uint32_t symbol, file;  // strings
  int64_t line, start_line;
  uint64_t name;  // a string
};

std::string Pack(const NamesByOffset& names) {
  std::unordered_map<std::string_view, uint32_t> ids;
  PackedWriter strings, entries;
  const auto id_of = [&](std::string_view text) {
    const auto [found, is_new] = ids.emplace(text, static_cast<uint32_t>(ids.size()));
    if (is_new) strings.PutText<uint32_t>(text);
    return found->second;
  };
  for (const auto& [offset, frames] : names) {
    entries.Put(offset);
    entries.Put(static_cast<uint32_t>(frames.size()));
    for (const SourceFrame& frame : frames) {
      entries.Put(StoredFrame{id_of(frame.symbol), id_of(frame.file), frame.line, frame.start_line,
                              id_of(frame.name)});
    }
  }
  PackedWriter content;
  content.Put(static_cast<uint32_t>(ids.size()));
  const std::string body = content.bytes() + strings.bytes() + entries.bytes();
  Header header = {};
  memcpy(header.magic, kMagic, sizeof kMagic);
  header.format = kFormat;
  header.crc = Checksum(body);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
}

// Empty for what Pack has not made.
NamesByOffset Unpack(std::string_view bytes) {
  Header header;
  if (bytes.size() < sizeof header) return {};
  memcpy(&header, bytes.data(), sizeof header);
  bytes.remove_prefix(sizeof header);
  if (memcmp(header.magic, kMagic, sizeof kMagic) != 0 || header.format != kFormat ||
      header.crc != Checksum(bytes)) {
    return {};
  }
  PackedReader unpacker(bytes);
  std::vector<std::string_view> strings;
  for (uint32_t left = unpacker.Get<uint32_t>(); left != 0 && unpacker.good(); --left) {
    strings.push_back(unpacker.GetText<uint32_t>());
  }
  NamesByOffset names;
  while (unpacker.good() && !unpacker.at_end()) {
    std::vector<SourceFrame>& frames = names[unpacker.Get<uint64_t>()];
    for (uint32_t left = unpacker.Get<uint32_t>(); left != 0 && unpacker.good(); --left) {
      const auto stored = unpacker.Get<StoredFrame>();
      if (!unpacker.good() || stored.symbol >= strings.size() || stored.file >= strings.size() ||
          stored.name >= strings.size()) {
        return {};
      }
      frames.push_back({std::string(strings[stored.symbol]), std::string(strings[stored.file]), stored.line,
                        stored.start_line, std::string(strings[stored.name])});
    }
  }
  return unpacker.good() ? names : NamesByOffset();
}

// "" for a build id that is none, which might lead out of the folder.
std::string FileName(const std::string& build_id) {
  constexpr size_t kMaxDigits = 128;
  const bool good = build_id.size() > 2 && build_id.size() <= kMaxDigits &&
                    build_id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return good ? build_id + ".names" : "";
}

}  // namespace

NamesByOffset NameCache::Read(const std::string& build_id) const {
  const std::string name = FileName(build_id);
  return name.empty() ? NamesByOffset() : Unpack(folder_.Read(name));
}

void NameCache::Add(const std::string& build_id, const NamesByOffset& names) const {
  const std::string name = FileName(build_id);
  if (name.empty() || names.empty()) return;
  NamesByOffset all = Read(build_id);
  if (all.size() + names.size() > kMaxOffsets) all.clear();
  for (const auto& [offset, frames] : names) all[offset] = frames;
  folder_.Write(name, Pack(all));
}

}  // namespace heapprof::tools
