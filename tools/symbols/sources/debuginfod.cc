// SPDX-License-Identifier: Apache-2.0
#include "tools/symbols/sources/debuginfod.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tools/base/failure.h"
#include "tools/base/progress.h"

namespace heapprof::tools {
namespace {

// The functions of <elfutils/debuginfod.h>, a header that few machines have.
using Begin = void* (*)();
using End = void (*)(void* client);
using FindFile = int (*)(void* client, const unsigned char* build_id, int size, char** path);
using OnProgress = int (*)(void* client, long done, long total);
using SetProgress = void (*)(void* client, OnProgress function);

Progress* g_progress = nullptr;  // of the question that is asked

int ShowProgress(void* /*client*/, long done, long total) {
  if (g_progress != nullptr && done >= 0 && total >= 0) {
    g_progress->Set(static_cast<size_t>(done), static_cast<size_t>(total));
  }
  return 0;
}

}  // namespace

Debuginfod::~Debuginfod() {
  if (client_ != nullptr) reinterpret_cast<End>(dlsym(library_, "debuginfod_end"))(client_);
  if (library_ != nullptr) dlclose(library_);
}

bool Debuginfod::Start() {
  if (tried_) return client_ != nullptr;
  tried_ = true;
  const char* servers = getenv("DEBUGINFOD_URLS");
  if (!allowed_ || servers == nullptr || *servers == '\0') return false;
  library_ = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) {
    note_ += ", as libdebuginfod.so.1 is not installed";
    return false;
  }
  for (const char* name : {"debuginfod_begin", "debuginfod_end", "debuginfod_find_debuginfo",
                           "debuginfod_find_executable", "debuginfod_set_progressfn"}) {
    if (dlsym(library_, name) == nullptr) return false;
  }
  client_ = reinterpret_cast<Begin>(dlsym(library_, "debuginfod_begin"))();
  if (client_ == nullptr) return false;
  reinterpret_cast<SetProgress>(dlsym(library_, "debuginfod_set_progressfn"))(client_, ShowProgress);
  return true;
}

std::string Debuginfod::Find(const char* function, const std::string& build_id) {
  if (given_up_ || !Start()) return "";
  Progress progress("asking debuginfod", 0);
  g_progress = &progress;
  char* path = nullptr;
  // A size of 0 says that the id is text.
  const int fd = reinterpret_cast<FindFile>(dlsym(library_, function))(
      client_, reinterpret_cast<const unsigned char*>(build_id.c_str()), 0, &path);
  g_progress = nullptr;
  if (fd < 0) {
    // libdebuginfod tries three times, of 90 s each: nobody waits that long for each of a hundred libraries.
    given_up_ = fd == -ETIME;
    note_ = fd == -ENOENT ? "debuginfod does not have it" : "debuginfod: " + ErrorText(-fd);
    return "";
  }
  close(fd);
  std::string found = path == nullptr ? "" : path;
  free(path);
  return found;
}

}  // namespace heapprof::tools
