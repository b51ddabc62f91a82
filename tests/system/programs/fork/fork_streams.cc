// SPDX-License-Identifier: Apache-2.0
// Forks beside threads that hold locks of stdio: one flushes all streams, which takes libc's list of streams
// and then each stream; others hold a stream and allocate inside of it.   fork_streams HOW ROUNDS
// HOW: fork, forkpty, daemon.
#include <pty.h>
#include <stdint.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/programs/program.h"

namespace {

std::atomic<bool> g_stop{false};

// Larger than what a thread's cache has: each allocation takes locks of the allocator.
constexpr size_t kLine = 100 << 10;

void FlushAll() {
  while (!g_stop.load()) CHECK(fflush(nullptr) == 0);
}

// getline allocates and grows its line under the stream's lock.
void ReadLines() {
  std::string text(kLine, 'x');
  text += '\n';
  while (!g_stop.load()) {
    FILE* stream = fmemopen(text.data(), text.size(), "r");
    CHECK(stream != nullptr);
    char* line = nullptr;
    size_t size = 0;
    CHECK(getline(&line, &size, stream) == static_cast<ssize_t>(text.size()));
    free(line);
    CHECK(fclose(stream) == 0);
  }
}

// A memory stream grows under its lock, under that of the list too when it is flushed.
void WriteToMemory() {
  const std::string text(kLine / 4, 'y');
  while (!g_stop.load()) {
    char* memory = nullptr;
    size_t size = 0;
    FILE* stream = open_memstream(&memory, &size);
    CHECK(stream != nullptr);
    for (int i = 0; i < 8; ++i) CHECK(fwrite(text.data(), 1, text.size(), stream) == text.size());
    CHECK(fclose(stream) == 0);
    CHECK(size == 8 * text.size());
    free(memory);
  }
}

// The stream's lock is the caller's, who allocates what he likes.
void AllocateUnderAStream() {
  FILE* stream = fopen("/dev/null", "w");
  CHECK(stream != nullptr);
  while (!g_stop.load()) {
    flockfile(stream);
    free(malloc(kLine));
    fputc('z', stream);
    funlockfile(stream);
  }
  fclose(stream);
}

// What a child may do beside parents with threads: both locks are free in it.
[[noreturn]] void InChild(int status) {
  free(malloc(kLine));
  FILE* stream = fopen("/dev/null", "w");
  CHECK(stream != nullptr && fputc('c', stream) == 'c');
  CHECK(fflush(nullptr) == 0 && fclose(stream) == 0);
  _exit(status);
}

void Wait(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

void Round(const std::string& how) {
  if (how == "forkpty") {
    int terminal = -1;
    const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
    CHECK(child >= 0);
    if (child == 0) InChild(7);
    Wait(child);
    close(terminal);
    return;
  }
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    // The daemon is nobody's child: it holds the pipe until it has ended.
    if (how == "daemon") CHECK(daemon(1, 1) == 0);
    InChild(7);
  }
  close(ends[1]);
  char end;
  CHECK(read(ends[0], &end, 1) == 0);
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == (how == "daemon" ? 0 : 7));
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 3);
  std::vector<std::thread> threads;
  for (auto* work : {FlushAll, ReadLines, WriteToMemory, AllocateUnderAStream}) threads.emplace_back(work);
  for (int round = 0; round < atoi(argv[2]); ++round) Round(argv[1]);
  g_stop = true;
  for (std::thread& thread : threads) thread.join();
  Finish();
}
