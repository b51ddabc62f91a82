// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/debug_files.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <filesystem>

#include "tools/base/failure.h"
#include "tools/names/display_name.h"
#include "tools/profile/frames.h"
#include "tools/symbols/demangle.h"
#include "tools/symbols/sources/replaced_path.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

constexpr char kSystemDebugPath[] = "/usr/lib/debug";

// The CRC of .gnu_debuglink is that of gzip.
bool HasCrc(const std::string& path, uint32_t wanted) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  uLong crc = crc32(0, nullptr, 0);
  std::vector<unsigned char> piece(1 << 16);
  ssize_t got;
  while ((got = read(fd, piece.data(), piece.size())) > 0) {
    crc = crc32(crc, piece.data(), static_cast<uInt>(got));
  }
  close(fd);
  return got == 0 && crc == wanted;
}

}  // namespace

std::string ShortBuildId(const std::string& build_id) {
  constexpr size_t kShown = 12;
  const std::string shown = Printable(build_id);
  return shown.size() <= kShown + 2 ? shown : shown.substr(0, kShown) + "..";
}

namespace {

bool IsBuildId(const std::string& text) {
  return text.size() > 2 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Takes the symbol table's name for the outermost function. A local one may be inlined elsewhere, where it
// has none: the name that DWARF gives it stays then, so that both have the same.
void UseSymbol(const std::string& symbol, SourceFrame* frame) {
  const std::string known = frame->name.empty() ? frame->symbol : frame->name;
  frame->symbol = symbol;
  frame->name.clear();
  if (known.empty() || known == symbol || symbol.compare(0, 2, "_Z") != 0 || known.compare(0, 2, "_Z") == 0) {
    return;
  }
  const std::string name = DisplayName(known);
  if (IsLambda(name) || name == DisplayName(Demangle(symbol))) frame->name = known;
}

}  // namespace

ModuleSymbols::ModuleSymbols(std::unique_ptr<SymbolFile> file, std::unique_ptr<SymbolFile> debug,
                             uint64_t max_bytes)
    : file_(std::move(file)), debug_(std::move(debug)), max_bytes_(max_bytes) {
  for (SymbolFile* source : {debug_.get(), file_.get()}) {
    if (dwarf_source_ != nullptr || source == nullptr) continue;
    if (source->has_dwarf()) dwarf_source_ = source;
    warning_ = source->dwarf_obstacle();
  }
  StartDwarf();
}

void ModuleSymbols::StartDwarf() {
  Dwarf* dwarf = dwarf_source_ == nullptr ? nullptr : dwarf_source_->dwarf();
  if (dwarf != nullptr) scopes_ = std::make_unique<DwarfScopes>(dwarf);
}

std::optional<uint64_t> ModuleSymbols::Unbias(uint64_t offset, uint64_t from_code) const {
  if (file_ != nullptr) return file_->AddressOfOffset(offset);
  const auto begin = debug_->ExecutableStart();
  if (!begin) return std::nullopt;
  return *begin + from_code;
}

SymbolFile::Function ModuleSymbols::FunctionAt(uint64_t address) {
  // A separate debug file has the table that was stripped from the file; the file still has its dynamic one.
  if (debug_ != nullptr && debug_->has_symbol_table()) {
    SymbolFile::Function function = debug_->FunctionAt(address);
    if (!function.symbol.empty() || file_ == nullptr) return function;
  }
  return file_ == nullptr ? SymbolFile::Function() : file_->FunctionAt(address);
}

std::vector<SourceFrame> ModuleSymbols::FramesAt(uint64_t address) {
  std::vector<SourceFrame> frames;
  if (scopes_ != nullptr && scopes_->bytes_read() > max_bytes_) {
    scopes_.reset();
    dwarf_source_->ForgetDwarf();
    StartDwarf();
  }
  if (scopes_ != nullptr) {
    frames = scopes_->FramesAt(address);
    if (warning_.empty() && !scopes_->complete()) {
      const std::string package = dwarf_source_->path() + ".dwp";
      warning_ = access(package.c_str(), F_OK) == 0
                     ? "a part of its debug information is in " + Printable(BaseName(package)) +
                           ", which this elfutils cannot read"
                     : "a part of its debug information is in files (.dwo) that are not here";
    }
  }
  const bool without_scopes = frames.size() == 1 && frames[0].symbol.empty() && frames[0].start_line == 0;
  // The symbol table tells the parts of a function apart that DWARF has as one: foo.cold, foo.part.0.
  const SymbolFile::Function function = FunctionAt(address);
  if (frames.empty() && !function.symbol.empty()) frames.emplace_back();
  if (!frames.empty() && !function.symbol.empty()) {
    UseSymbol(function.symbol, &frames.back());
    if (frames.back().file.empty()) frames.back().file = function.file;
    // The line table alone names the files of whatever was inlined: where the function begins says that they
    // are one function's.
    if (without_scopes) frames.back().start_line = scopes_->LineAt(function.begin);
  }
  if (!frames.empty() && frames.back().symbol.empty()) frames.clear();
  return frames;
}

DebugFiles::DebugFiles(std::vector<std::string> debug_paths, bool debuginfod, uint64_t max_bytes)
    : debuginfod_(debuginfod),
      max_bytes_(max_bytes),
      debug_paths_(std::move(debug_paths)),
      own_paths_(debug_paths_.size()) {
  debug_paths_.emplace_back(kSystemDebugPath);
}

std::unique_ptr<SymbolFile> DebugFiles::FindByBuildId(const std::string& build_id) const {
  if (!IsBuildId(build_id)) return nullptr;
  for (const std::string& folder : debug_paths_) {
    auto file = SymbolFile::Open(folder + "/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) +
                                 ".debug");
    if (file != nullptr && file->build_id() == build_id) return file;
  }
  return nullptr;
}

std::unique_ptr<SymbolFile> DebugFiles::FindByLink(const SymbolFile& file) const {
  const auto link = file.debug_link();
  if (!link) return nullptr;
  std::error_code error;
  const fs::path resolved = fs::canonical(file.path(), error);
  const std::string folder = fs::path(error ? file.path() : resolved.string()).parent_path().string();
  std::vector<std::string> places = {folder + "/" + link->name, folder + "/.debug/" + link->name};
  for (const std::string& path : debug_paths_) {
    places.push_back(path + folder + "/" + link->name);
    places.push_back(path + "/" + link->name);
  }
  for (const std::string& place : places) {
    auto found = SymbolFile::Open(place);
    if (found == nullptr) continue;
    // A build id says the same as the CRC, and is read faster.
    const bool same = !file.build_id().empty() && !found->build_id().empty()
                          ? found->build_id() == file.build_id()
                          : HasCrc(place, link->crc);
    if (same) return found;
  }
  return nullptr;
}

std::unique_ptr<SymbolFile> DebugFiles::FindByName(const std::string& path,
                                                   const std::string& build_id) const {
  const std::string name(BaseName(path));
  for (size_t i = 0; i < own_paths_; ++i) {
    for (const std::string& place :
         {debug_paths_[i] + path, debug_paths_[i] + "/" + name, debug_paths_[i] + "/" + name + ".debug"}) {
      auto file = SymbolFile::Open(place);
      if (file != nullptr && (build_id.empty() || file->build_id() == build_id)) return file;
    }
  }
  return nullptr;
}

std::unique_ptr<SymbolFile> DebugFiles::AskServers(const std::string& build_id, bool executable_too) {
  auto found = SymbolFile::Open(debuginfod_.FindDebugInfo(build_id));
  if (found == nullptr && executable_too) found = SymbolFile::Open(debuginfod_.FindExecutable(build_id));
  return found != nullptr && found->build_id() == build_id ? std::move(found) : nullptr;
}

std::unique_ptr<SymbolFile> DebugFiles::FindItself(const std::string& path, const std::string& build_id,
                                                   const std::vector<std::string>& places,
                                                   std::string* reason) const {
  const auto in_places = [&]() -> std::unique_ptr<SymbolFile> {
    for (const std::string& place : places) {
      auto file = SymbolFile::Open(place);
      if (file != nullptr && (build_id.empty() || file->build_id() == build_id)) return file;
    }
    return nullptr;
  };
  if (build_id.empty()) {
    if (auto file = in_places()) return file;
  }
  auto file = SymbolFile::Open(path);
  if (file == nullptr && !build_id.empty()) {
    for (const std::string& other : FilesNamedSo(path)) {
      file = SymbolFile::Open(other);
      if (file != nullptr && file->build_id() == build_id) return file;
    }
    file = nullptr;
  }
  if (file == nullptr) {
    const int error = access(path.c_str(), R_OK) == 0 ? 0 : errno;
    *reason = error == 0                            ? "no ELF file"
              : error == ENOENT || error == ENOTDIR ? "not here"
                                                    : ErrorText(error);
  } else if (!build_id.empty() && file->build_id() != build_id) {
    *reason =
        "the file here is another one, " +
        (file->build_id().empty() ? "without build id" : "of build id " + ShortBuildId(file->build_id()));
    file = nullptr;
  }
  return file != nullptr ? std::move(file) : in_places();
}

std::unique_ptr<ModuleSymbols> DebugFiles::Open(const std::string& path, const std::string& build_id,
                                                const std::vector<std::string>& places, std::string* reason) {
  auto file = FindItself(path, build_id, places, reason);
  if (file != nullptr) *reason = "no names in it for this code";
  std::unique_ptr<SymbolFile> debug;
  if (file == nullptr || !file->has_dwarf()) {
    const std::string id = !build_id.empty() ? build_id : file != nullptr ? file->build_id() : "";
    debug = FindByBuildId(id);
    if (debug == nullptr && file != nullptr) debug = FindByLink(*file);
    if (debug == nullptr && (file == nullptr || !file->has_symbol_table())) debug = FindByName(path, id);
    if (debug == nullptr && IsBuildId(id)) {
      debug = AskServers(id, file == nullptr);
      *reason += "; " + debuginfod_.note();
    }
  }
  if (file == nullptr && debug == nullptr) return nullptr;
  // A copy of the file itself, found by its name, has its segments in place.
  if (file == nullptr && !debug->is_debug_only()) {
    file = std::move(debug);
  }
  return std::make_unique<ModuleSymbols>(std::move(file), std::move(debug), max_bytes_);
}

}  // namespace heapprof::tools
