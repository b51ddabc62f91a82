// SPDX-License-Identifier: Apache-2.0
// The thread that looks at the process while another one draws: names may take seconds to be found, and the
// keys must work meanwhile.
//
// Thread-safety: one thread makes the object, takes what it has and ends it.
#ifndef HEAPPROF_TOOLS_WATCH_WATCHER_H_
#define HEAPPROF_TOOLS_WATCH_WATCHER_H_

#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tools/dump/look.h"
#include "tools/profile/load.h"
#include "tools/watch/watch_look.h"

namespace heapprof::tools {

// A counter of the kernel's, which can be waited for.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  int fd() const { return fd_; }
  void Set() const;
  void Clear() const;

 private:
  int fd_;
};

struct WatcherOptions {
  long pid = 0;
  double interval = 2, timeout = 10;  // seconds
  LoadOptions load;
};

class Watcher {
 public:
  // Errors: Failure, as Looker's.
  explicit Watcher(const WatcherOptions& options);
  // Waits until the thread has ended.
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  const Process& process() const { return looker_.process(); }
  void Start();

  // Readable when there is news.
  int fd() const { return news_.fd(); }
  struct News {
    std::optional<WatchLook> look;
    std::string failure;  // of the last look; "": it was good
    bool ended = false;   // the process has
  };
  News Take();

  // No more looks. False: the thread is still busy with names, and the folder is gone all the same.
  bool End();

 private:
  void Run();
  // False: the process has ended.
  bool LookOnce();
  // False: it is to end.
  bool Pause(double seconds) const;

  WatcherOptions options_;
  Event news_, cancel_, done_;
  Looker looker_;
  std::mutex lock_;
  News taken_;        // what there is to be taken; under the lock
  int failures_ = 0;  // one after another; the thread's own
  std::thread thread_;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_WATCHER_H_
