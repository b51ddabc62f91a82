// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/symbols/located.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "tests/support/files.h"
#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"
#include "tools/symbols/symbol_file.h"

namespace heapprof::test {
namespace {

constexpr uint64_t kBias = 0x7f0000000000;
std::string Normal(const std::string& path) {
  return path.empty() || path == "??" ? "" : std::filesystem::path(path).lexically_normal().string();
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Frame& frame) {
  return out << frame.symbol << " " << frame.file << ":" << frame.line;
}

Result Do(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  return RunProgram(command);
}

std::pair<uint64_t, uint64_t> TextOf(const std::string& file) {
  std::istringstream sections(Do({"readelf", "-SW", file}).out);
  for (std::string line; std::getline(sections, line);) {
    const size_t at = line.find(" .text ");
    if (at == std::string::npos) continue;
    std::istringstream fields(line.substr(at));
    std::string name, type;
    uint64_t address = 0, offset = 0, size = 0;
    fields >> name >> type >> std::hex >> address >> offset >> size;
    return {address, size};
  }
  return {0, 0};
}

std::pair<uint64_t, uint64_t> AddressOf(const std::string& file, const std::string& name) {
  std::istringstream symbols(Do({"nm", "-P", "--defined-only", file}).out);
  for (std::string line; std::getline(symbols, line);) {
    std::istringstream fields(line);
    std::string found, type;
    uint64_t address = 0, size = 0;
    fields >> found >> type >> std::hex >> address >> size;
    if (found == name) return {address, size};
  }
  ADD_FAILURE() << file << " has no " << name;
  return {0, 0};
}

std::string BuildIdOf(const std::string& file) {
  const auto elf = tools::SymbolFile::Open(file);
  return elf == nullptr ? "" : elf->build_id();
}

pb::Profile Locate(const std::string& file, const std::string& mapped, const std::string& build_id,
                   const std::vector<uint64_t>& addresses) {
  pb::Profile profile = MakeProfile();
  profile.clear_location();
  profile.clear_function();
  profile.clear_sample();
  // The segment that holds the code, as the loader maps it.
  std::istringstream segments(Do({"readelf", "-lW", file}).out);
  uint64_t offset = 0, address = 0, size = 0;
  for (std::string line; std::getline(segments, line);) {
    if (line.find("LOAD") == std::string::npos || line.find("R E") == std::string::npos) continue;
    std::istringstream fields(line);
    std::string type, physical;
    fields >> type >> std::hex >> offset >> address >> physical >> size;
  }
  constexpr uint64_t kPage = 4096;
  pb::Mapping* mapping = profile.mutable_mapping(0);
  mapping->set_memory_start(kBias + (address & ~(kPage - 1)));
  mapping->set_memory_limit(kBias + ((address + size + kPage - 1) & ~(kPage - 1)));
  mapping->set_file_offset(offset & ~(kPage - 1));
  mapping->set_filename(Intern(&profile, mapped));
  mapping->set_build_id(Intern(&profile, build_id));
  uint64_t id = 0;
  for (const uint64_t at : addresses) {
    pb::Location* location = profile.add_location();
    location->set_id(++id);
    location->set_mapping_id(1);
    location->set_address(kBias + at);
  }
  return profile;
}

void AddSamples(pb::Profile* profile) {
  const pb::Profile made = MakeProfile();
  profile->mutable_sample()->CopyFrom(made.sample());
}

void WriteLocations(const std::string& path, const std::string& file, const std::string& mapped,
                    const std::string& build_id, const std::vector<uint64_t>& addresses) {
  WriteFile(path, Gzip(Locate(file, mapped, build_id, addresses).SerializeAsString()));
}

std::map<uint64_t, Frames> ReadFrames(const std::string& path) {
  const HeapProfile profile = ReadProfile(path);
  EXPECT_EQ(profile.error(), "");
  std::map<uint64_t, const pb::Function*> functions;
  for (const pb::Function& function : profile.proto().function()) functions[function.id()] = &function;
  std::map<uint64_t, Frames> all;
  for (const pb::Location& location : profile.proto().location()) {
    for (const pb::Line& line : location.line()) {
      const pb::Function& function = *functions.at(line.function_id());
      all[location.address() - kBias].push_back(
          {profile.Text(function.system_name()), Normal(profile.Text(function.filename())), line.line()});
    }
  }
  return all;
}

}  // namespace heapprof::test
