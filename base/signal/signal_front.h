// Signals whose handler is ours, while the program sees and sets an action of its own, as without us.
//
// A front gives way: it is there while the program leaves the signal's default action, which it is told that
// it has; what else it sets takes the place of ours, and when it sets SIG_DFL again, ours comes back. What is
// installed the kernel says, never memory of ours: a child of vfork shares that, and not the actions.
//
// Thread-safety: yes, but for InstallFront. Signal-safety: yes, as sigaction has to be. Allocates: never.
#ifndef HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_
#define HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_

#include <signal.h>

namespace heapprof {

enum class FrontKind { kGivesWay };
using FrontHandler = void (*)(int number, siginfo_t* info, void* context);
using SigactionFunction = int (*)(int number, const struct sigaction* action, struct sigaction* old);

// libc's own. Called once, before the first front.
void SetLibcSigaction(SigactionFunction function);

// 0, or -EEXIST: the program has a handler for the signal, or ignores it, and no front is made.
// The handler runs on any stack that the program has for signals, all signals blocked.
int InstallFront(int number, FrontKind kind, FrontHandler handler);
bool HasFront(int number);

// The program's sigaction. 0 or -errno.
int SetProgramAction(int number, const struct sigaction* wanted, struct sigaction* old);
// What the program knows by `handler`: SIG_DFL for a front.
sighandler_t HandlerSeen(int number, sighandler_t handler);

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_
