// SPDX-License-Identifier: Apache-2.0
// LeakSanitizer's interface.
#include "tests/system/leak/programs/scenario.h"

namespace {

void* volatile g_kept;

void Disabled() {
  __lsan_disable();
  Block(1337);
  __lsan_enable();
}
void DisabledTwice() {
  __lsan_disable();
  __lsan_disable();
  Block(1);
  __lsan_enable();
  Block(1337);
  __lsan_enable();
}
void EnabledAgain() {
  Disabled();
  Block(1337);
}
void DisabledPointsOn() {
  __lsan_disable();
  auto** block = static_cast<void**>(Block(64));
  __lsan_enable();
  block[3] = Block(1337);
}
void Ignored() {
  void* block = Block(1337);
  __lsan_ignore_object(block);
}
void IgnoredPointsOn() {
  auto** block = static_cast<void**>(Block(64));
  block[3] = Block(1337);
  __lsan_ignore_object(block);
}
void IgnoredOther() {
  __lsan_ignore_object(Block(64));
  Block(1337);
}
void CheckNowClean() {
  CallAndWipe([] { g_kept = Block(1337); });
  __lsan_do_leak_check();
  g_kept = nullptr;  // too late to be told
}
void CheckNowLeaky() {
  CallAndWipe([] { Block(1337); });
  __lsan_do_leak_check();
  _exit(0);
}
void Recoverable() {
  CHECK(__lsan_do_recoverable_leak_check() == 0);
  CallAndWipe([] { g_kept = Block(1337); });
  CHECK(__lsan_do_recoverable_leak_check() == 0);
  g_kept = nullptr;
  CHECK(__lsan_do_recoverable_leak_check() == 1);
  CHECK(__lsan_do_recoverable_leak_check() == 1);
  _exit(0);
}

const Scenario kList[] = {
    {"disabled", [] { CallAndWipe(Disabled); }},
    {"disabled_twice", [] { CallAndWipe(DisabledTwice); }},
    {"enabled_again", [] { CallAndWipe(EnabledAgain); }},
    {"disabled_points_on", [] { CallAndWipe(DisabledPointsOn); }},
    {"ignored", [] { CallAndWipe(Ignored); }},
    {"ignored_points_on", [] { CallAndWipe(IgnoredPointsOn); }},
    {"ignored_other", [] { CallAndWipe(IgnoredOther); }},
    {"check_now_clean", CheckNowClean},
    {"check_now_leaky", CheckNowLeaky},
    {"recoverable", Recoverable},
};
SCENARIOS(kList);

}  // namespace
