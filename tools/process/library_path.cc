// SPDX-License-Identifier: Apache-2.0
#include "tools/process/library_path.h"

#include <elf.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "tools/base/failure.h"
#include "tools/symbols/elf_file.h"

namespace heapprof::tools {
namespace {

namespace fs = std::filesystem;

constexpr char kLibrary[] = "libheapprof.so.0";

bool IsThere(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path CommandFolder() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

// LD_PRELOAD has no way to quote.
std::string Preloadable(const fs::path& path) {
  std::string text = path.string();
  if (text.find_first_of(": \t\n") != std::string::npos) {
    throw Failure("LD_PRELOAD cannot hold the path " + Printable(text) +
                  ": it has a colon or white space; name a link to it by --library");
  }
  return text;
}

}  // namespace

std::string FindLibrary(const std::string& asked) {
  if (!asked.empty()) {
    std::error_code error;
    const fs::path path = fs::absolute(asked, error);
    if (error || !IsThere(path)) throw Failure("no library at " + Printable(asked));
    if (access(path.c_str(), R_OK) != 0) throw Failure(Printable(asked) + ": " + ErrorText(errno));
    std::string library = Preloadable(path.lexically_normal());
    // The loader would complain, and run the program without it.
    uint16_t machine;
    if (ElfClass(library, &machine) == ELFCLASSNONE) throw Failure(Printable(asked) + " is no library");
    return library;
  }
  const fs::path folder = CommandFolder(), prefix = folder.parent_path();
  std::vector<fs::path> places;
  if (!folder.empty()) places.push_back(folder);
  if (!prefix.empty()) {
    for (const char* name : {HEAPPROF_LIBDIR, "lib", "lib64", "alloc"}) places.push_back(prefix / name);
  }
  places.emplace_back(HEAPPROF_FULL_LIBDIR);
  for (const fs::path& place : places) {
    if (IsThere(place / kLibrary)) return Preloadable((place / kLibrary).lexically_normal());
  }
  throw Failure(std::string(kLibrary) + " is neither beside this command nor in " + HEAPPROF_FULL_LIBDIR +
                "; name it by --library");
}

}  // namespace heapprof::tools
