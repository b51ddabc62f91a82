// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/sending.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

namespace heapprof::tools::agent {
namespace {

constexpr size_t kMaxQueued = 32 << 20;
constexpr size_t kMaxLines = 64;

}  // namespace

Sending::Sending(const std::string& url, const send::TargetOptions& options, const std::string& folder,
                 const send::SpoolLimits& limits) {
  auto target = send::MakeTarget(url, options);
  figures_.target = target->name();
  send::SenderOptions sender_options;
  sender_options.tell = [this](const std::string& line) {
    // An engine that refuses one refuses all, mostly.
    constexpr auto kAgain = std::chrono::minutes(1);
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (line == last_line_ && now - told_ < kAgain) return;
    last_line_ = line;
    told_ = now;
    const bool is_named = line.compare(0, figures_.target.size(), figures_.target) == 0;
    if (lines_.size() < kMaxLines) lines_.push_back(is_named ? line : figures_.target + ": " + line);
  };
  auto spool = std::make_unique<send::Spool>(folder, limits, send::SystemClock());
  sender_ = std::make_unique<send::Sender>(std::move(target), std::move(spool), std::move(sender_options));
  // All signals are the first thread's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Sending::Add(send::Item item) {
  std::unique_lock<std::mutex> lock(mutex_);
  taken_.wait(lock, [this] { return queued_bytes_ < kMaxQueued || stopping_; });
  queued_bytes_ += item.bytes.size();
  queue_.push_back(std::move(item));
  if (queue_.size() == 1 || queued_bytes_ >= kMaxQueued / 2) wake_.notify_one();
}

void Sending::BeginStop(double seconds) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!stopping_) stop_seconds_ = seconds;
  stopping_ = true;
  wake_.notify_one();
  taken_.notify_all();
}

void Sending::Stop(double seconds) {
  BeginStop(seconds);
  if (thread_.joinable()) thread_.join();
}

Sending::Figures Sending::figures() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return figures_;
}

std::deque<std::string> Sending::TakeLines() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(lines_, {});
}

void Sending::Note() {
  const std::lock_guard<std::mutex> lock(mutex_);
  figures_.sender = sender_->figures();
  const send::Spool& spool = sender_->spool();
  figures_.waiting = spool.count(send::SpoolState::kReady);
  figures_.uncertain = spool.count(send::SpoolState::kUncertain);
  figures_.refused = spool.count(send::SpoolState::kRefused);
  figures_.spool_bytes = spool.bytes();
  figures_.dropped_old = spool.dropped_old();
  figures_.dropped_full = spool.dropped_full();
}

void Sending::Run() {
  // The spool looks for what has become too old, also where nothing comes.
  constexpr double kLongestPause = 30;
  double pause = 0;
  for (;;) {
    std::deque<send::Item> items;
    bool stopping;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait_for(lock, std::chrono::duration<double>(pause),
                     [this] { return stopping_ || !queue_.empty(); });
      // Several at a time: each wakes the thread, and writes into the same folders.
      constexpr auto kGather = std::chrono::milliseconds(300);
      if (!queue_.empty() && queued_bytes_ < kMaxQueued / 2)
        wake_.wait_for(lock, kGather, [this] { return stopping_ || queued_bytes_ >= kMaxQueued / 2; });
      items.swap(queue_);
      queued_bytes_ = 0;
      stopping = stopping_;
      taken_.notify_all();
    }
    for (send::Item& item : items) sender_->Add(std::move(item));
    if (stopping) {
      if (stop_seconds_ > 0) sender_->Work(stop_seconds_);
      Note();
      return;
    }
    const double due = sender_->Work(0.2);
    pause = due < 0 ? kLongestPause : std::min(due, kLongestPause);
    Note();
  }
}

}  // namespace heapprof::tools::agent
