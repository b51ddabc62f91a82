// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <new>
#include <utility>

#include "tools/base/failure.h"

namespace heapprof::tools {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool WaitFor(int fd, double seconds) {
  constexpr double kMillis = 1000;
  pollfd wait = {fd, POLLIN, 0};
  return poll(&wait, 1, static_cast<int>(std::max(seconds, 0.0) * kMillis)) > 0;
}

}  // namespace

Event::Event() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw Failure("eventfd: " + ErrorText(errno));
}
Event::~Event() { close(fd_); }
void Event::Set() const { eventfd_write(fd_, 1); }
void Event::Clear() const {
  eventfd_t count;
  eventfd_read(fd_, &count);
}

Watcher::Watcher(const WatcherOptions& options)
    : options_(options), looker_(options.pid, options.timeout, cancel_.fd()) {}

Watcher::~Watcher() {
  cancel_.Set();
  if (thread_.joinable()) thread_.join();
}

void Watcher::Start() {
  thread_ = std::thread([this] { Run(); });
}

Watcher::News Watcher::Take() {
  const std::lock_guard<std::mutex> guard(lock_);
  news_.Clear();
  return std::exchange(taken_, News());
}

bool Watcher::End() {
  cancel_.Set();
  if (!thread_.joinable()) return true;
  constexpr double kSeconds = 1.5;
  if (WaitFor(done_.fd(), kSeconds)) return true;
  looker_.RemoveFolder();
  return false;
}

bool Watcher::Pause(double seconds) const { return !WaitFor(cancel_.fd(), seconds); }

bool Watcher::LookOnce() {
  News news;
  try {
    const double begin = Now();
    switch (looker_.Look()) {
      case Looker::Outcome::kSeen:
        news.look = ReadLook(looker_.memory_file(), looker_.heap_file(), options_.load);
        news.look->seconds = begin;
        break;
      case Looker::Outcome::kEnded:
        news.ended = true;
        break;
      case Looker::Outcome::kCancelled:
        break;
    }
    looker_.RemoveFiles();
  } catch (const Failure& failure) {
    news.failure = failure.what();
  } catch (const std::bad_alloc&) {
    news.failure = "out of memory";
  }
  constexpr int kMostFailures = 30;
  failures_ = news.failure.empty() ? 0 : std::min(failures_ + 1, kMostFailures);
  const bool goes_on = !news.ended;
  const std::lock_guard<std::mutex> guard(lock_);
  taken_ = std::move(news);
  news_.Set();
  return goes_on;
}

void Watcher::Run() {
  for (double begin = Now(); LookOnce(); begin = Now()) {
    const double taken = Now() - begin;
    // The process is left alone for as long as a look has taken, and longer where looks fail: it may say so
    // each time.
    constexpr double kLongest = 10;
    const double pause = std::max(options_.interval - taken, taken);
    if (!Pause(std::max(pause, std::min(pause * std::ldexp(1.0, failures_), kLongest)))) break;
  }
  done_.Set();
}

}  // namespace heapprof::tools
