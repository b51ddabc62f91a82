// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/full_screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

// The other page, no cursor, and no line that goes on in the next.
constexpr char kEnter[] = "\033[?1049h\033[?25l\033[?7l\033[H\033[2J";
constexpr char kLeave[] = "\033[?7h\033[?25h\033[?1049l";
constexpr char kBeginUpdate[] = "\033[?2026h\033[H", kEndUpdate[] = "\033[?2026l";
constexpr char kWipeAll[] = "\033[2J";

bool Write(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t put = write(STDOUT_FILENO, text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += static_cast<size_t>(put);
  }
  return true;
}

}  // namespace

void FullScreen::Check() {
  const char* terminal = getenv("TERM");
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0) {
    throw Failure(
        "watch needs a terminal, on standard input and output; heapprof memory PID looks once, and heapprof "
        "dump PID writes a file");
  }
  if (terminal == nullptr || *terminal == '\0' || std::strcmp(terminal, "dumb") == 0) {
    throw Failure("watch cannot draw on this terminal (TERM=" +
                  Printable(terminal != nullptr ? terminal : "") + "); heapprof memory PID looks once");
  }
}

void FullScreen::Enter() {
  if (entered_) return;
  if (tcgetattr(STDIN_FILENO, &before_) != 0) throw Failure("tcgetattr: " + ErrorText(errno));
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // ^C and ^Z stay signals
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) throw Failure("tcsetattr: " + ErrorText(errno));
  entered_ = true;
  Write(kEnter);
}

void FullScreen::Leave() {
  if (!entered_) return;
  entered_ = false;
  Write(kLeave);
  // What was typed ahead is no command of the shell's.
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
}

FullScreen::Size FullScreen::AskSize() const {
  constexpr size_t kRows = 24, kColumns = 80, kMost = 1000;
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
    return {kRows, kColumns};
  return {size.ws_row < kMost ? size.ws_row : kMost, size.ws_col < kMost ? size.ws_col : kMost};
}

bool FullScreen::Draw(const std::vector<std::string>& lines) {
  std::string frame = kBeginUpdate;
  if (wipes_) frame += kWipeAll;
  wipes_ = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i != 0) frame += "\r\n";
    frame += lines[i];
  }
  frame += kEndUpdate;
  return Write(frame);
}

}  // namespace heapprof::tools
