// SPDX-License-Identifier: Apache-2.0
#include "tools/send/sender.h"

#include <algorithm>

#include "tools/base/failure.h"
#include "tools/send/append_fields.h"

namespace heapprof::tools::send {
namespace {

// What an engine may ask for.
constexpr double kLongestAskedSeconds = 3600;
// Between two looks for what has become too old.
constexpr int64_t kTrimNs = 10 * kSecond;

}  // namespace

Sender::Sender(std::unique_ptr<Target> target, std::unique_ptr<Spool> spool, SenderOptions options,
               Clock clock)
    : target_(std::move(target)),
      spool_(std::move(spool)),
      options_(std::move(options)),
      clock_(std::move(clock)),
      random_(options_.seed != 0 ? options_.seed : std::random_device()()) {
  if (options_.retry_uncertain || target_->is_idempotent()) {
    spool_->Retry(SpoolState::kUncertain);
    spool_->Retry(SpoolState::kSending);
  } else {
    spool_->SetAsideSending();
  }
  if (options_.retry_refused) spool_->Retry(SpoolState::kRefused);
}

void Sender::Add(Item item) try {
  for (Item& piece : target_->Prepare(std::move(item))) {
    // What a file says of its time may be anything; that of the end is a number, too.
    constexpr int64_t kMost = INT64_MAX / 2;
    piece.start_ns = std::clamp<int64_t>(piece.start_ns, 0, kMost);
    piece.duration_ns = std::clamp<int64_t>(piece.duration_ns, 0, kMost);
    spool_->Add(piece);
    ++figures_.added;
  }
} catch (const Failure& failure) {
  ++figures_.unreadable;
  Report(std::string("a profile is not sent: ") + failure.what());
}

double Sender::Work(double seconds) {
  const int64_t end = clock_.now().boot_ns + static_cast<int64_t>(seconds * kSecond);
  Moment now = clock_.now();
  if (now.boot_ns >= trim_ns_) {
    spool_->Trim();
    trim_ns_ = now.boot_ns + kTrimNs;
  }
  while (now.boot_ns >= due_ns_) {
    std::optional<Spool::Taken> taken = spool_->Take();
    if (!taken && spool_->count(SpoolState::kReady) != 0) {
      Wait(-1);
      Report("nothing is sent: files in the spool cannot be renamed");
    }
    if (!taken) break;
    if (taken->shift_ns != 0 && taken->item.start_ns != 0) {
      taken->item.start_ns += taken->shift_ns;
      AppendTime(taken->item.start_ns, &taken->item.bytes);
    }
    if (IsInTime(*taken, now)) Settle(*taken, target_->Send(taken->item));
    now = clock_.now();
    if (now.boot_ns >= end) break;
  }
  if (spool_->count(SpoolState::kReady) == 0) return -1;
  return std::max<double>(0, static_cast<double>(due_ns_ - now.boot_ns) / kSecond);
}

// False: it is too old for the engine, or of a time that has not come yet.
bool Sender::IsInTime(const Spool::Taken& taken, const Moment& now) {
  const int64_t start = taken.item.start_ns;
  if (start == 0) return true;
  if (target_->max_age_ns() != 0 && now.wall_ns - start > target_->max_age_ns()) {
    Settle(taken, {Outcome::Kind::kRefused, -1, "older than " + target_->name() + " takes"});
    return false;
  }
  if (target_->max_ahead_ns() != 0 && start - now.wall_ns > target_->max_ahead_ns()) {
    Settle(taken, {Outcome::Kind::kRefused, -1, "of a time that has not come"});
    return false;
  }
  return true;
}

void Sender::Settle(const Spool::Taken& taken, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kDelivered:
      spool_->Remove(taken.key);
      ++figures_.delivered;
      figures_.delivered_bytes += taken.item.bytes.size();
      figures_.last_success_ns = clock_.now().wall_ns;
      wait_seconds_ = 0;
      return;
    case Outcome::Kind::kRefused:
      spool_->Move(taken.key, SpoolState::kRefused);
      ++figures_.refused;
      break;
    case Outcome::Kind::kUncertain:
      ++figures_.uncertain;
      if (options_.retry_uncertain || target_->is_idempotent()) {
        spool_->PutBack(taken.key);
      } else {
        spool_->Move(taken.key, SpoolState::kUncertain);
      }
      Wait(outcome.after_seconds);
      break;
    case Outcome::Kind::kRetry:
      spool_->PutBack(taken.key);
      ++figures_.retries;
      Wait(outcome.after_seconds);
      break;
  }
  Report(outcome.why);
}

void Sender::Wait(double asked_seconds) {
  wait_seconds_ = wait_seconds_ == 0 ? options_.first_wait_seconds
                                     : std::min(2 * wait_seconds_, options_.longest_wait_seconds);
  double wait = wait_seconds_ * std::uniform_real_distribution<double>(0.5, 1)(random_);
  wait = std::max(wait, std::min(asked_seconds, kLongestAskedSeconds));
  due_ns_ = clock_.now().boot_ns + static_cast<int64_t>(wait * kSecond);
}

void Sender::Report(const std::string& line) {
  figures_.last_error = line;
  if (options_.tell) options_.tell(line);
}

}  // namespace heapprof::tools::send
