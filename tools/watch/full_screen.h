// SPDX-License-Identifier: Apache-2.0
// The terminal as a whole page that is drawn again and again, and as it was before at the end.
//
// A dozen sequences of ECMA-48 and of xterm, which terminals have had for decades, are written here by hand:
// docs/watch.md says why no library does it. A frame is one write, between the marks of a synchronized
// update where the terminal knows these, and lines are written over what was there, so that nothing flickers.
// Thread-safety: an object belongs to one thread; there is one.
#ifndef HEAPPROF_TOOLS_WATCH_FULL_SCREEN_H_
#define HEAPPROF_TOOLS_WATCH_FULL_SCREEN_H_

#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

namespace heapprof::tools {

class FullScreen {
 public:
  FullScreen() = default;
  ~FullScreen() { Leave(); }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Errors: Failure: standard input and output are no terminal, or one that has no such sequences.
  static void Check();
  // After Check(). Errors: Failure.
  void Enter();
  // Back to the lines that were there before. Does nothing if it was not entered.
  void Leave();

  struct Size {
    size_t rows, columns;
  };
  Size AskSize() const;

  // `lines` fill the page; where it was another before it is wiped. False: the terminal is gone.
  bool Draw(const std::vector<std::string>& lines);
  void Wipe() { wipes_ = true; }

 private:
  bool entered_ = false, wipes_ = false;
  termios before_ = {};
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_WATCH_FULL_SCREEN_H_
