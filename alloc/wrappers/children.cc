// SPDX-License-Identifier: Apache-2.0
#include "alloc/wrappers/children.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/system/raw_syscall.h"

extern "C" char** environ;

namespace heapprof {
namespace {

constexpr char kPreload[] = "LD_PRELOAD=";
constexpr char kOptions[] = "HEAPPROF_OPTIONS=";
constexpr char kLibrary[] = "libheapprof.so";

// Set once at the start; null: children are as they are.
const char* g_library;  // as LD_PRELOAD named it
size_t g_library_size;
char* g_options;  // the whole variable, nullptr if there was none
int g_pid;        // 0: not this process

bool IsVariable(const char* entry, const char* name) { return strncmp(entry, name, strlen(name)) == 0; }

bool IsSeparator(char c) { return c == ':' || c == ' '; }

// The next word of an LD_PRELOAD from `*at` on; 0: there is none.
size_t NextWord(const char** at) {
  while (IsSeparator(**at)) ++*at;
  size_t size = 0;
  while ((*at)[size] != '\0' && !IsSeparator((*at)[size])) ++size;
  return size;
}

bool NamesLibrary(const char* word, size_t size) {
  for (size_t i = size; i > 0; --i) {
    if (word[i - 1] == '/') {
      word += i;
      size -= i;
      break;
    }
  }
  return size >= strlen(kLibrary) && memcmp(word, kLibrary, strlen(kLibrary)) == 0;
}

// Copies the words of `value` to `out`, those that name the library left out. Returns the end of the copy.
char* CopyOtherPreloads(const char* value, char* out) {
  const char* begin = out;
  for (size_t size; (size = NextWord(&value)) != 0; value += size) {
    if (NamesLibrary(value, size)) continue;
    if (out != begin) *out++ = ':';
    memcpy(out, value, size);
    out += size;
  }
  *out = '\0';
  return out;
}

}  // namespace

void LeaveChildrenAlone() {
  char** const environment = environ;
  if (environment == nullptr) return;
  size_t count = 0, bytes = 0;
  const char* options = nullptr;
  for (char** entry = environment; *entry != nullptr; ++entry, ++count) {
    // The library's name, and those of the others.
    if (IsVariable(*entry, kPreload)) bytes += 2 * (strlen(*entry) + 1);
    if (IsVariable(*entry, kOptions)) options = *entry;
  }
  if (options != nullptr) bytes += strlen(options) + 1;
  size_t pointers = (count + 1) * sizeof(char*);
  long mapped = RawSyscall(SYS_mmap, 0, static_cast<long>(pointers + bytes), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped < 0 && mapped > -4096) return;
  auto** list = reinterpret_cast<char**>(mapped);
  char* text = reinterpret_cast<char*>(mapped) + pointers;
  if (options != nullptr) {
    // The program may write over what the kernel gave it, to show another title.
    g_options = text;
    size_t size = strlen(options) + 1;
    memcpy(text, options, size);
    text += size;
  }
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (IsVariable(*entry, kOptions)) continue;
    if (!IsVariable(*entry, kPreload)) {
      *list++ = *entry;
      continue;
    }
    const char* at = *entry + strlen(kPreload);
    for (size_t size; (size = NextWord(&at)) != 0; at += size) {
      if (!NamesLibrary(at, size) || g_library != nullptr) continue;
      memcpy(text, at, size);
      g_library = text;
      g_library_size = size;
      text += size;
      *text++ = '\0';
    }
    char* others = text;
    memcpy(others, kPreload, sizeof(kPreload));
    char* value = others + strlen(kPreload);
    char* end = CopyOtherPreloads(*entry + strlen(kPreload), value);
    if (end == value) continue;
    *list++ = others;
    text = end + 1;
  }
  *list = nullptr;
  g_pid = RawGetPid();
  environ = reinterpret_cast<char**>(mapped);
}

void ExecsAfterForkInChild() { g_pid = 0; }

ExecEnvironmentSize SizeOfExecEnvironment(char* const* environment) {
  ExecEnvironmentSize size;
  if (g_pid == 0 || RawGetPid() != g_pid || environment == nullptr) return size;
  for (char* const* entry = environment; *entry != nullptr; ++entry) {
    ++size.pointers;
    if (IsVariable(*entry, kPreload)) size.bytes += strlen(*entry) + 1;
  }
  size.pointers += 3;
  size.bytes += sizeof(kPreload) + g_library_size + 1;
  return size;
}

void MakeExecEnvironment(char* const* environment, char** pointers, char* text) {
  const char* others = nullptr;
  bool has_options = false;
  for (char* const* entry = environment; *entry != nullptr; ++entry) {
    if (g_library != nullptr && IsVariable(*entry, kPreload)) {
      others = *entry + strlen(kPreload);
      continue;
    }
    has_options = has_options || IsVariable(*entry, kOptions);
    *pointers++ = *entry;
  }
  if (g_library != nullptr) {
    *pointers++ = text;
    memcpy(text, kPreload, strlen(kPreload));
    text += strlen(kPreload);
    memcpy(text, g_library, g_library_size + 1);
    text += g_library_size;
    if (others != nullptr) {
      char* end = CopyOtherPreloads(others, text + 1);
      if (end != text + 1) *text = ':';
    }
  }
  if (!has_options && g_options != nullptr) *pointers++ = g_options;
  *pointers = nullptr;
}

}  // namespace heapprof
