// SPDX-License-Identifier: Apache-2.0
// Scenarios of the program `threads`: what its name says, with the words that follow it.
#ifndef HEAPPROF_TESTS_SYSTEM_THREADS_SCENARIO_H_
#define HEAPPROF_TESTS_SYSTEM_THREADS_SCENARIO_H_

#include <sched.h>
#include <sys/syscall.h>

#include <atomic>
#include <string>

#include "tests/system/programs/program.h"

struct Words {
  int count;
  char** at;
  int Number(int index) const { return atoi(at[index]); }
};

// Threads that are known: known.cc.
void Known(Words words);
void Thousand(Words words);
void Serve(Words words);
// Threads that are hard to stop, and handlers: hard.cc.
void Blocked(Words words);
void InVfork(Words words);
void MainEnds(Words words);
void Calls(Words words);
void Handlers(Words words);
void Storm(Words words);
void Coroutine(Words words);
// Dumps beside something that goes on: beside.cc.
void Churn(Words words);
void Forks(Words words);
void Execs(Words words);
void Loads(Words words);

// The profile to a file.
void WriteThreads(const char* path, int debug);
// The text of debug 2.
std::string Paragraphs();
// One dump that goes nowhere.
void DumpAway();
int OwnTid();
// Until the kernel says so of the thread.
void AwaitState(int tid, char letter);
// Until it sleeps in this system call.
void AwaitCall(int tid, long number);

#endif  // HEAPPROF_TESTS_SYSTEM_THREADS_SCENARIO_H_
