// SPDX-License-Identifier: Apache-2.0
// Debug files from the servers that DEBUGINFOD_URLS names, by elfutils' libdebuginfod, which keeps them in a
// cache of its own. The library is loaded when something is asked, and need not be installed. When the
// servers have not answered in time, they are not asked again.
//
// Thread-safety: an object belongs to one thread. Errors: none; note() has them.
#ifndef HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUGINFOD_H_
#define HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUGINFOD_H_

#include <string>

namespace heapprof::tools {

class Debuginfod {
 public:
  // Unless `allowed`, nobody is asked.
  explicit Debuginfod(bool allowed) : allowed_(allowed) {}
  ~Debuginfod();
  Debuginfod(const Debuginfod&) = delete;
  Debuginfod& operator=(const Debuginfod&) = delete;

  // The path of a file with the debug information, or the code, of the file with this build id; "" if there
  // is none.
  std::string FindDebugInfo(const std::string& build_id) {
    return Find("debuginfod_find_debuginfo", build_id);
  }
  std::string FindExecutable(const std::string& build_id) {
    return Find("debuginfod_find_executable", build_id);
  }

  // What came of the last question, for people.
  const std::string& note() const { return note_; }

 private:
  bool Start();
  std::string Find(const char* function, const std::string& build_id);

  const bool allowed_;
  bool tried_ = false, given_up_ = false;
  void* library_ = nullptr;
  void* client_ = nullptr;  // debuginfod_client
  std::string note_ = "debuginfod has not been asked";
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_SYMBOLS_SOURCES_DEBUGINFOD_H_
