// SPDX-License-Identifier: Apache-2.0
#include "tools/process/process_memory.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tools/symbols/elf_file.h"

namespace heapprof::tools {
namespace {

constexpr uint64_t kPage = 4096;
constexpr int kMaxVariables = 100000;
constexpr size_t kMaxVariable = 1 << 20;

struct Module {
  uint64_t start;
  std::string path;
};

uint64_t ReadPointer(pid_t pid, uint64_t address) {
  uint64_t pointer = 0;
  return ReadMemory(pid, address, &pointer, sizeof pointer) == sizeof pointer ? pointer : 0;
}

// The first mapping of each file that may hold the variable: the program, which has a copy of it if its code
// names it, and libc.
std::vector<Module> Modules(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::error_code ignored;
  const std::string program = std::filesystem::read_symlink(folder + "/exe", ignored).string();
  std::vector<Module> modules(2);
  std::ifstream maps(folder + "/maps");
  std::string line;
  while (std::getline(maps, line)) {
    const size_t path = line.find('/');
    unsigned long long start;
    if (path == std::string::npos || std::sscanf(line.c_str(), "%llx-", &start) != 1) continue;
    const std::string file = line.substr(path);
    const bool is_program = file == program;
    const bool is_libc = std::filesystem::path(file).filename() == "libc.so.6";
    if (!is_program && !is_libc) continue;
    Module& module = modules[is_program ? 0 : 1];
    if (module.path.empty()) {
      module = {start, folder};
      module.path += is_program ? "/exe" : "/root";
      if (!is_program) module.path += file;
    }
  }
  return modules;
}

// The address of the environment's array, 0 if `module` has no variable for it.
uint64_t FindEnvironment(pid_t pid, const Module& module) {
  if (module.path.empty()) return 0;
  const auto file = ElfFile::Open(module.path);
  if (!file) return 0;
  auto symbol = file->FindSymbol("environ");
  if (!symbol) symbol = file->FindSymbol("__environ");
  const auto first = file->first_load_address();
  if (!symbol || !first) return 0;
  return ReadPointer(pid, module.start - *first + symbol->address);
}

}  // namespace

size_t ReadMemory(pid_t pid, uint64_t address, void* to, size_t size) {
  iovec local = {to, size};
  iovec remote = {reinterpret_cast<void*>(address), size};
  const ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<size_t>(got);
}

size_t WriteMemory(pid_t pid, uint64_t address, const void* from, size_t size) {
  iovec local = {const_cast<void*>(from), size};
  iovec remote = {reinterpret_cast<void*>(address), size};
  const ssize_t put = process_vm_writev(pid, &local, 1, &remote, 1, 0);
  return put < 0 ? 0 : static_cast<size_t>(put);
}

// No read goes over the end of a page, so that a string at the end of a mapping is read whole.
std::string ReadString(pid_t pid, uint64_t address) {
  std::string text;
  char piece[kPage];
  while (text.size() < kMaxVariable) {
    const size_t got = ReadMemory(pid, address, piece, kPage - address % kPage);
    if (got == 0) return "";
    const char* end = std::find(piece, piece + got, '\0');
    text.append(static_cast<const char*>(piece), end);
    if (end != piece + got) return text;
    address += got;
  }
  return "";
}

std::optional<std::string> ReadEnvironmentVariable(pid_t pid, const std::string& name) {
  const std::string start = name + "=";
  for (const Module& module : Modules(pid)) {
    const uint64_t array = FindEnvironment(pid, module);
    if (array == 0) continue;
    for (int i = 0; i < kMaxVariables; ++i) {
      const uint64_t variable = ReadPointer(pid, array + i * sizeof(uint64_t));
      if (variable == 0) return "";
      const std::string text = ReadString(pid, variable);
      if (text.rfind(start, 0) == 0) return text.substr(start.size());
    }
  }
  return std::nullopt;
}

}  // namespace heapprof::tools
