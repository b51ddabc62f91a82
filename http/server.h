// SPDX-License-Identifier: Apache-2.0
// The server of the option http: a thread of the library's own, which libc does not know and the program does
// not notice (docs/decisions/0050).
//
// It has a table of descriptors of its own, so that the sockets are none of the program's: no closefrom()
// closes them, no child inherits them, exec ends them. It blocks all signals, calls no allocator, takes no
// part in libc's affairs, and rests while the program changes its rights, from which it begins anew with
// those that are left. A child of fork has none.
//
// Thread-safety: yes. Signal-safety: PauseServer and ResumeServer, as the calls that they stand around.
// Allocates: mmap only. Lock: kHttp, held while the thread is started or ended.
#ifndef HEAPPROF_HTTP_SERVER_H_
#define HEAPPROF_HTTP_SERVER_H_

namespace heapprof::http {

// Does what the option http asks for; where that cannot be, one line on stderr says why. Called once, when
// libc can be called.
void StartServer();

// Around what the thread must not outlive, and what the kernel refuses to a process of two threads. False:
// there is no server, and nothing to resume.
bool PauseServer();
void ResumeServer();
// Instead of ResumeServer: it does not come back, since a filter of system calls may kill who makes a thread.
void GiveServerUp();

// A child of fork, and a copy of the process, has no server.
void ServerAfterForkInChild();

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_SERVER_H_
