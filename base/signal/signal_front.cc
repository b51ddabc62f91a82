#include "base/signal/signal_front.h"

#include <errno.h>
#include <stdint.h>

namespace heapprof {
namespace {

constexpr int kSignals = 65;
// Each written once, before its handler is installed.
FrontHandler g_fronts[kSignals];
SigactionFunction g_libc_sigaction;

FrontHandler FrontOf(int number) { return number > 0 && number < kSignals ? g_fronts[number] : nullptr; }

struct sigaction ActionOf(FrontHandler handler) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_ONSTACK | SA_RESTART | SA_SIGINFO;
  sigfillset(&action.sa_mask);  // a dump's stack is no place for the program's handlers
  return action;
}

}  // namespace

void SetLibcSigaction(SigactionFunction function) { g_libc_sigaction = function; }

int InstallFront(int number, FrontKind, FrontHandler handler) {
  struct sigaction now = {};
  if (number <= 0 || number >= kSignals || g_libc_sigaction == nullptr ||
      g_libc_sigaction(number, nullptr, &now) != 0 || now.sa_handler != SIG_DFL) {
    return -EEXIST;
  }
  g_fronts[number] = handler;
  struct sigaction action = ActionOf(handler);
  return g_libc_sigaction(number, &action, nullptr) == 0 ? 0 : -EEXIST;
}

bool HasFront(int number) { return FrontOf(number) != nullptr; }

sighandler_t HandlerSeen(int number, sighandler_t handler) {
  FrontHandler front = FrontOf(number);
  bool ours = front != nullptr && reinterpret_cast<uintptr_t>(handler) == reinterpret_cast<uintptr_t>(front);
  return ours ? SIG_DFL : handler;
}

int SetProgramAction(int number, const struct sigaction* wanted, struct sigaction* old) {
  if (g_libc_sigaction == nullptr) return -EAGAIN;  // within the library's own start
  FrontHandler front = FrontOf(number);
  struct sigaction ours = {}, was = {};
  if (front != nullptr && wanted != nullptr && wanted->sa_handler == SIG_DFL) {
    ours = ActionOf(front);
    wanted = &ours;
  }
  if (g_libc_sigaction(number, wanted, old != nullptr ? &was : nullptr) != 0) return -errno;
  if (old == nullptr) return 0;
  *old = was;
  if (HandlerSeen(number, was.sa_handler) != was.sa_handler) *old = {};  // the default action
  return 0;
}

}  // namespace heapprof
