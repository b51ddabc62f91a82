// SPDX-License-Identifier: Apache-2.0
#include "tools/net/curl_library.h"

#include <dlfcn.h>

#include <string>

#include "tools/base/failure.h"

namespace heapprof::tools::net {
namespace {

// Debian has it once for each library of TLS.
constexpr const char* kNames[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

template <typename Function>
void Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  if (*function == nullptr) throw Failure(std::string("libcurl.so.4 has no ") + name);
}

CurlLibrary Load() {
  void* library = nullptr;
  for (const char* name : kNames) {
    if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    throw Failure("libcurl.so.4, which makes the requests, is not installed (Debian's package libcurl4)");
  }
  CurlLibrary curl{};
  Find(library, "curl_global_init", &curl.global_init);
  Find(library, "curl_easy_init", &curl.easy_init);
  Find(library, "curl_easy_cleanup", &curl.easy_cleanup);
  Find(library, "curl_easy_reset", &curl.easy_reset);
  Find(library, "curl_easy_setopt", &curl.setopt);
  Find(library, "curl_easy_perform", &curl.perform);
  Find(library, "curl_easy_getinfo", &curl.getinfo);
  Find(library, "curl_easy_strerror", &curl.strerror);
  Find(library, "curl_slist_append", &curl.slist_append);
  Find(library, "curl_slist_free_all", &curl.slist_free_all);
  if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Failure("libcurl.so.4 cannot be used");
  return curl;
}

}  // namespace

const CurlLibrary& Curl() {
  static const CurlLibrary curl = Load();
  return curl;
}

}  // namespace heapprof::tools::net
