// SPDX-License-Identifier: Apache-2.0
// libcurl, loaded when the first request is made: it brings some twenty-five libraries, of which a command
// that only reads files wants none.
//
// Thread-safety: yes. Errors: Failure: it is not installed.
#ifndef HEAPPROF_TOOLS_NET_CURL_LIBRARY_H_
#define HEAPPROF_TOOLS_NET_CURL_LIBRARY_H_

#include <curl/curl.h>

namespace heapprof::tools::net {

// The functions of <curl/curl.h>, each with the type that it has there.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) setopt;
  decltype(&::curl_easy_perform) perform;
  decltype(&::curl_easy_getinfo) getinfo;
  decltype(&::curl_easy_strerror) strerror;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

const CurlLibrary& Curl();

}  // namespace heapprof::tools::net

#endif  // HEAPPROF_TOOLS_NET_CURL_LIBRARY_H_
