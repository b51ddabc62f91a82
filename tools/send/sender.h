// SPDX-License-Identifier: Apache-2.0
// Hands a spool's profiles to a target, one after the other, each at most once unless the target says that
// twice is once.
//
//     Sender sender(MakeTarget(url), std::make_unique<Spool>(folder, limits, clock), {}, clock);
//     sender.Add(item);
//     for (;;) Sleep(sender.Work(1));
//
// When the engine cannot be reached or asks for patience nothing is sent for a while: a second, then twice as
// long, up to a minute, each drawn anew between half of it and the whole, so that a fleet does not come back
// all at once; or what the engine asks for.
// Thread-safety: an object belongs to one thread. Errors: none; figures() tells of them.
#ifndef HEAPPROF_TOOLS_SEND_SENDER_H_
#define HEAPPROF_TOOLS_SEND_SENDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tools/send/clock.h"
#include "tools/send/item.h"
#include "tools/send/spool.h"
#include "tools/send/target.h"

namespace heapprof::tools::send {

struct SenderOptions {
  double first_wait_seconds = 1, longest_wait_seconds = 60;
  // What may have been taken is sent again, though the engine would count it twice.
  bool retry_uncertain = false;
  // What was refused before is sent once more: a token was wrong, say.
  bool retry_refused = false;
  // Is told of each failure in a line.
  std::function<void(const std::string&)> tell;
  uint64_t seed = 0;  // of the waits; 0: a random one
};

// Counted since this Sender began.
struct SenderFigures {
  uint64_t added = 0, delivered = 0, delivered_bytes = 0, retries = 0, refused = 0, uncertain = 0;
  uint64_t unreadable = 0;      // items that the target could make nothing of
  int64_t last_success_ns = 0;  // since 1970; 0: never
  std::string last_error;
};

class Sender {
 public:
  Sender(std::unique_ptr<Target> target, std::unique_ptr<Spool> spool, SenderOptions options = {},
         Clock clock = SystemClock());

  // Prepares the item for the target and puts it, or its pieces, into the spool.
  void Add(Item item);

  // Sends what is due, until nothing is or `seconds` have passed; at least one item, if one is due. Returns
  // the seconds until the next is due; < 0: nothing waits.
  double Work(double seconds);

  const Target& target() const { return *target_; }
  const Spool& spool() const { return *spool_; }
  const SenderFigures& figures() const { return figures_; }

 private:
  bool IsInTime(const Spool::Taken& taken, const Moment& now);
  void Settle(const Spool::Taken& taken, const Outcome& outcome);
  void Wait(double asked_seconds);
  void Report(const std::string& line);

  std::unique_ptr<Target> target_;
  std::unique_ptr<Spool> spool_;
  SenderOptions options_;
  Clock clock_;
  std::mt19937_64 random_;
  double wait_seconds_ = 0;  // of the last failure; 0 after a success
  // Since the machine started: nothing is sent before the one, or looked for that is too old before the
  // other.
  int64_t due_ns_ = 0, trim_ns_ = 0;
  SenderFigures figures_;
};

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_SENDER_H_
