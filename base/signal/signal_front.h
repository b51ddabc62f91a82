// SPDX-License-Identifier: Apache-2.0
// Signals whose handler is ours, while the program sees and sets an action of its own, as without us.
//
//   gives way   a signal for dumps, or one that ends the program. While the program has no handler for it,
//   and does not ignore it, ours is
//               there, and the program sees SIG_DFL. What else it sets takes the place of ours; when it
//               sets SIG_DFL again, ours comes back; so it does when a handler for one time (SA_RESETHAND)
//               is called.
//   stays       SIGPROF. A tick may be on its way for as long as some thread has the signal blocked, so ours
//               stays from the first profile on, and passes on what is not a tick.
//
// Installed by libc's function, for its restorer, by which unwinders and debuggers know a handler's frame. A
// program may go past libc (a raw system call, as Go's runtime makes): FrontIsInstalled tells.
//
// Thread-safety: yes. Signal-safety: yes, as sigaction has to be; in a child of vfork, whose memory is its
// parent's and whose actions are its own, nothing is noted. Allocates: never.
#ifndef HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_
#define HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_

#include <signal.h>

namespace heapprof {

enum class FrontKind { kGivesWay, kStays };
using FrontHandler = void (*)(int number, siginfo_t* info, void* context);
using SigactionFunction = int (*)(int number, const struct sigaction* action, struct sigaction* old);

// libc's own. Called once, before the first front.
void SetLibcSigaction(SigactionFunction function);

// 0, or -EEXIST: the program has a handler for the signal, or ignores one that a front gives way for. (Ours
// comes when it sets SIG_DFL.) At most sixteen signals; called again for one of them it looks anew.
int InstallFront(int number, FrontKind kind, FrontHandler handler);
bool HasFront(int number);
// Whether our handler is what the kernel calls.
bool FrontIsInstalled(int number);

// The program's sigaction, for a signal that has a front. 0 or -errno.
int SetProgramAction(int number, const struct sigaction* wanted, struct sigaction* old);
// Neither the default nor to ignore it.
bool IsHandler(const struct sigaction& action);
// Does what the program's action says, in the handler of a front that stays.
void PassToProgram(int number, siginfo_t* info, void* context);

// exec keeps what is ignored, and nothing else.
void FrontsBeforeExec();
void FrontsAfterFailedExec();
void FrontsAfterForkInChild();

}  // namespace heapprof

#endif  // HEAPPROF_BASE_SIGNAL_SIGNAL_FRONT_H_
