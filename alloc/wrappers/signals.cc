// sigaction and signal as the program calls them: they do not show the library's own handlers.
//
// CPython takes Ctrl-C only where SIGINT has its default action, and many programs put back what they found.
// See base/signal/signal_front.h. sigset() is left to libc: what it is given back it finds.
//
// Thread-safety: yes. Signal-safety: yes. Allocates: never.
#include <errno.h>
#include <signal.h>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "base/signal/signal_front.h"

namespace heapprof {
namespace {

int SetAction(int signal, const struct sigaction* action, struct sigaction* old) {
  Initialize();
  int error = SetProgramAction(signal, action, old);
  if (error == 0) return 0;
  errno = -error;
  return -1;
}

sighandler_t SetHandler(int signal, sighandler_t handler, int flags, bool mask_itself) {
  struct sigaction action = {}, old = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  if (mask_itself) sigaddset(&action.sa_mask, signal);
  return SetAction(signal, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

}  // namespace
}  // namespace heapprof

extern "C" {

HEAPPROF_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  return heapprof::SetAction(signal, action, old);
}

HEAPPROF_EXPORT int __sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  return sigaction(signal, action, old);
}

HEAPPROF_EXPORT sighandler_t signal(int signal, sighandler_t handler) noexcept {
  heapprof::Initialize();
  // libc knows what siginterrupt() has said; in a static program it cannot be asked.
  if (heapprof::g_next.signal == nullptr || (handler == SIG_DFL && heapprof::HasFront(signal))) {
    return heapprof::SetHandler(signal, handler, SA_RESTART, true);
  }
  return heapprof::HandlerSeen(signal, heapprof::g_next.signal(signal, handler));
}

HEAPPROF_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return signal(number, handler);
}

HEAPPROF_EXPORT sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return signal(number, handler);
}

// What signal() is for programs in strict ISO C.
HEAPPROF_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return heapprof::SetHandler(number, handler, static_cast<int>(SA_RESETHAND | SA_NODEFER), false);
}

HEAPPROF_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return __sysv_signal(number, handler);
}

}  // extern "C"
