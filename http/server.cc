// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <errno.h>
#include <string.h>

#include "base/constinit.h"
#include "base/lock/owner_lock.h"
#include "base/lock/spinlock.h"
#include "base/options.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/system/signals_blocked.h"
#include "base/text.h"
#include "http/differences.h"
#include "http/server_thread.h"
#include "profiles/fatal_signals.h"
#include "profiles/output/dump_file.h"

namespace heapprof::http {

// The wrapper of syscall() reads it: whether there is a server.
extern std::atomic<bool> g_serves __asm__("hp_serves");
HP_CONSTINIT std::atomic<bool> g_serves{false};

namespace {

// Taken with all signals blocked.
OwnerLock<LockRank::kHttp> g_lock;
HP_CONSTINIT ServerThread g_thread;
Address g_address;              // where the option wants it, with the port that it was given
std::atomic<int> g_process{0};  // whose it is; 0: there is no server
int g_pauses = 0;
int g_listener = -1;  // while it rests

void SetProcess(int process) {
  g_process.store(process, std::memory_order_relaxed);
  g_serves.store(process != 0, std::memory_order_relaxed);
}

void SayFailed(int error) {
  Text<256> line;
  line.Str("no HTTP at ");
  PutAddress(g_address, &line);
  line.Str(": ").Str(error == -EADDRINUSE ? "it is in use" : ErrnoText(-error));
  Say(line.Str("; the program goes on without"));
}

bool StartLocked(int listener) HP_REQUIRES(g_lock) {
  NoteUnknownThread();
  const int error = g_thread.Start(g_address, listener);
  if (listener >= 0) RawClose(listener);
  if (error != 0) {
    SayFailed(error);
    SetProcess(0);
    return false;
  }
  g_address = g_thread.address();
  return true;
}

bool IsOurs() {
  const int process = g_process.load(std::memory_order_relaxed);
  // A child of vfork has the memory of its parent.
  return process != 0 && process == RawGetPid() && !IsCopy();
}

__attribute__((destructor)) void RemoveFileAtEnd() {
  if (IsOurs()) RemoveFile(g_address, g_thread.file());
}

// "unix:/run/%p.sock": as the names of dumps.
bool ExpandLocal(const char* option, TextWriter* text) {
  return strncmp(option, "unix:/", strlen("unix:/")) == 0 ? ExpandPattern(option, 0, "", text)
                                                          : !text->Str(option).cut();
}

}  // namespace

void StartServer() {
  const char* const option = GetOptions().http;
  if (*option == '\0') return;
  Text<kPathCapacity> text;
  if (!ExpandLocal(option, &text) || !ParseAddress(text.data(), &g_address)) {
    Text<kPathCapacity + 128> line;
    line.Str("http=").Str(option).Str(
        " is no address: PORT, ADDR:PORT, unix:PATH or unix:@NAME; the program ");
    return Say(line.Str("goes on without"));
  }
  SignalsBlocked blocked;
  g_lock.Lock();
  SetProcess(RawGetPid());
  const bool is_any_port = !g_address.IsLocal() && g_address.four.sin_port == 0;
  const bool serves = StartLocked(-1);
  if (serves && g_address.IsFile()) CallBeforeFatalSignal(RemoveFileAtEnd);
  if (serves && (GetOptions().verbose || is_any_port)) {
    Text<256> line;
    line.Str("HTTP at ");
    PutAddress(g_address, &line);
    Say(line);
  }
  g_lock.Unlock();
}

bool PauseServer() {
  if (!IsOurs()) return false;
  SignalsBlocked blocked;
  g_lock.Lock();
  if (g_pauses++ == 0) {
    const int listener = g_thread.runs() ? g_thread.End() : ServerThread::kLost;
    if (listener == ServerThread::kStuck) {
      Say("the thread that serves HTTP does not end, as it waits for the thread that changes its rights");
    }
    g_listener = listener;
  }
  g_lock.Unlock();
  return true;
}

void ResumeServer() {
  SignalsBlocked blocked;
  g_lock.Lock();
  if (--g_pauses == 0 && IsOurs() && !g_thread.runs()) StartLocked(g_listener);
  g_lock.Unlock();
}

void GiveServerUp() {
  SignalsBlocked blocked;
  g_lock.Lock();
  --g_pauses;
  if (IsOurs()) {
    if (g_listener >= 0) RawClose(g_listener);
    SetProcess(0);
    Say("the program confined itself by seccomp: HTTP ends here");
  }
  g_lock.Unlock();
}

void ServerAfterForkInChild() HP_NOT_ANALYSED {
  g_lock.ResetAfterFork();
  DifferencesAfterForkInChild();
  g_thread.Forget();
  SetProcess(0);
  g_pauses = 0;
  g_listener = -1;
}

}  // namespace heapprof::http
