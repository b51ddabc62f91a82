// SPDX-License-Identifier: Apache-2.0
#include "proto/descriptor_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

namespace heapprof {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  void CloseReader() { Close(&ends[0]); }
  void CloseWriter() { Close(&ends[1]); }
  static void Close(int* fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
  }
  int ends[2] = {-1, -1};
};

std::string Numbers(int count) {
  std::string text;
  for (int i = 0; i < count; i++) text += std::to_string(i) + "\n";
  return text;
}

std::string ReadToEnd(int fd) {
  std::string all;
  char piece[1000];
  for (ssize_t got; (got = read(fd, piece, sizeof(piece))) != 0;) {
    if (got > 0) all.append(piece, static_cast<size_t>(got));
  }
  return all;
}

bool Pending(int signal) {
  sigset_t set;
  sigpending(&set);
  return sigismember(&set, signal) == 1;
}

TEST(DescriptorSink, WritesAll) {
  Pipe pipe;
  std::string text = Numbers(200000);  // far more than a pipe holds
  std::thread writer([&] {
    DescriptorSink sink(pipe.ends[1]);
    EXPECT_EQ(sink.Write(text.data(), text.size()), 0);
    EXPECT_EQ(sink.written(), text.size());
    pipe.CloseWriter();
  });
  EXPECT_EQ(ReadToEnd(pipe.ends[0]), text);
  writer.join();
}

TEST(DescriptorSink, WaitsForANonBlockingPipeWithItsShortWrites) {
  Pipe pipe;
  ASSERT_EQ(fcntl(pipe.ends[1], F_SETFL, O_NONBLOCK), 0);
  std::string text = Numbers(100000);
  std::thread writer([&] {
    DescriptorSink sink(pipe.ends[1]);
    EXPECT_EQ(sink.Write(text.data(), text.size()), 0);
    pipe.CloseWriter();
  });
  EXPECT_EQ(ReadToEnd(pipe.ends[0]), text);
  writer.join();
}

std::atomic<int> g_alarms{0};

TEST(DescriptorSink, SignalsInterruptAndNothingIsLost) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan holds signals back until an interceptor runs, so that none interrupts a raw write";
#endif
  struct sigaction action = {};
  action.sa_handler = [](int) { g_alarms++; };  // without SA_RESTART: blocked writes end with EINTR or short
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGALRM, &action, &before), 0);
  Pipe pipe;
  std::string text = Numbers(100000);
  // The writer, this thread, is hit by the timer; the reader begins when that has happened while it is
  // blocked.
  std::string got;
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
  std::thread reader([&] {  // inherits the mask
    while (g_alarms.load() < 5) std::this_thread::yield();
    got = ReadToEnd(pipe.ends[0]);
  });
  pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  struct itimerval every_ms = {{0, 1000}, {0, 1000}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &every_ms, nullptr), 0);
  DescriptorSink sink(pipe.ends[1]);
  EXPECT_EQ(sink.Write(text.data(), text.size()), 0);
  struct itimerval off = {};
  setitimer(ITIMER_REAL, &off, nullptr);
  pipe.CloseWriter();
  reader.join();
  EXPECT_EQ(got, text);
  sigaction(SIGALRM, &before, nullptr);
}

// The default action of SIGPIPE would end this process.
TEST(DescriptorSink, BrokenPipeIsAnErrorWithoutTheSignal) {
  Pipe pipe;
  pipe.CloseReader();
  signal(SIGPIPE, SIG_DFL);
  DescriptorSink sink(pipe.ends[1]);
  EXPECT_EQ(sink.Write("abc", 3), -EPIPE);
  EXPECT_EQ(sink.error(), -EPIPE);
  EXPECT_FALSE(Pending(SIGPIPE));
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGPIPE), 0) << "the mask is restored";
}

TEST(DescriptorSink, ASignalThatWasPendingStaysPending) {
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  raise(SIGPIPE);
  ASSERT_TRUE(Pending(SIGPIPE));
  Pipe pipe;
  pipe.CloseReader();
  DescriptorSink sink(pipe.ends[1]);
  EXPECT_EQ(sink.Write("abc", 3), -EPIPE);
  EXPECT_TRUE(Pending(SIGPIPE));
  struct timespec none = {};
  EXPECT_EQ(sigtimedwait(&set, nullptr, &none), SIGPIPE);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(DescriptorSink, FileSizeLimitIsAnErrorWithoutTheSignal) {
  char path[] = "/tmp/heapprof_sink_XXXXXX";
  int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  unlink(path);
  pid_t child = fork();  // the limit holds for a whole process
  if (child == 0) {
    struct rlimit limit = {10000, 10000};
    std::string text(16384, 'x');
    DescriptorSink sink(fd);
    bool right = setrlimit(RLIMIT_FSIZE, &limit) == 0 && sink.Write(text.data(), text.size()) == -EFBIG &&
                 sink.written() == 10000 && !Pending(SIGXFSZ);
    _exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(fd);
}

TEST(DescriptorSink, FullDisk) {
  int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  DescriptorSink sink(fd);
  EXPECT_EQ(sink.Write("abc", 3), -ENOSPC);
  close(fd);
}

TEST(DescriptorSink, BadDescriptorsAndStickyErrors) {
  DescriptorSink closed(-1);
  EXPECT_EQ(closed.Write("abc", 3), -EBADF);
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  DescriptorSink read_only(fd);
  EXPECT_EQ(read_only.Write("abc", 3), -EBADF);
  close(fd);
  ASSERT_EQ(open("/dev/null", O_WRONLY | O_CLOEXEC), fd);
  EXPECT_EQ(read_only.Write("abc", 3), -EBADF) << "an error is final, even if the next write could do";
  close(fd);
}

}  // namespace
}  // namespace heapprof
