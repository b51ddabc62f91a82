// SPDX-License-Identifier: Apache-2.0
// A clock that a test sets, and an engine that does what a test says.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_TOOLS_SEND_FAKE_TARGET_H_
#define HEAPPROF_TESTS_TOOLS_SEND_FAKE_TARGET_H_

#include <deque>
#include <string>
#include <vector>

#include "tools/send/clock.h"
#include "tools/send/target.h"

namespace heapprof::test {

struct FakeClock {
  tools::send::Moment moment{1'700'000'000 * tools::send::kSecond, 1000 * tools::send::kSecond};
  std::string boot_id = "boot";

  tools::send::Clock Get() {
    return {[this] { return moment; }, boot_id};
  }
  void Pass(double seconds) {
    moment.wall_ns += static_cast<int64_t>(seconds * 1e9);
    moment.boot_ns += static_cast<int64_t>(seconds * 1e9);
  }
  void Set(double seconds) { moment.wall_ns += static_cast<int64_t>(seconds * 1e9); }
};

class FakeTarget : public tools::send::Target {
 public:
  struct State {
    std::vector<tools::send::Item> delivered;
    std::deque<tools::send::Outcome> outcomes;  // of the next calls; afterwards all is delivered
    size_t calls = 0;
    bool is_idempotent = false;
    int64_t max_age_ns = 0, max_ahead_ns = 0;
  };
  explicit FakeTarget(State* state) : state_(state) {}

  std::string name() const override { return "fake://"; }
  bool is_idempotent() const override { return state_->is_idempotent; }
  int64_t max_age_ns() const override { return state_->max_age_ns; }
  int64_t max_ahead_ns() const override { return state_->max_ahead_ns; }
  tools::send::Outcome Send(const tools::send::Item& item) override {
    ++state_->calls;
    tools::send::Outcome outcome;
    if (!state_->outcomes.empty()) {
      outcome = state_->outcomes.front();
      state_->outcomes.pop_front();
    }
    if (outcome.kind == tools::send::Outcome::Kind::kDelivered) state_->delivered.push_back(item);
    return outcome;
  }

 private:
  State* state_;
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_TOOLS_SEND_FAKE_TARGET_H_
