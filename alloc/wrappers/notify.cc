// SPDX-License-Identifier: Apache-2.0
// timer_create and mq_notify with SIGEV_THREAD, as the program calls them: libc makes the threads by itself,
// and each begins here before it calls the program's function. Part of the shared library only: in a program
// linked with -static libc's own cannot be found behind ours.
//
// What a notification calls is kept in a table that nothing leaves, as a thread may still be on its way when
// its timer is gone. Who finds the table full gets libc's threads as they are.
//
// Thread-safety: yes. Signal-safety: as the functions wrapped. Allocates: never.
#include <mqueue.h>
#include <signal.h>
#include <time.h>

#include <atomic>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/threads.h"
#include "sampling/stop/thread_stacks.h"
#include "sampling/thread/labels.h"

namespace heapprof {
namespace {

struct Notification {
  void (*function)(sigval);
  void* value;
  uint32_t labels;
  bool default_stack;
  std::atomic<bool> ready;
};
constexpr size_t kMax = 256;
Notification g_notifications[kMax];
std::atomic<size_t> g_count{0};

bool IsSame(const Notification& entry, const Notification& wanted) {
  // acquire: the entry before the word that says it is there.
  return entry.ready.load(std::memory_order_acquire) && entry.function == wanted.function &&
         entry.value == wanted.value && entry.labels == wanted.labels &&
         entry.default_stack == wanted.default_stack;
}

Notification* FindOrAdd(const Notification& wanted) {
  size_t count = g_count.load(std::memory_order_relaxed);
  for (size_t i = 0; i < count && i < kMax; ++i) {
    if (IsSame(g_notifications[i], wanted)) return &g_notifications[i];
  }
  if (count >= kMax) return nullptr;
  size_t index = g_count.fetch_add(1, std::memory_order_relaxed);
  if (index >= kMax) return nullptr;
  Notification* entry = &g_notifications[index];
  entry->function = wanted.function;
  entry->value = wanted.value;
  entry->labels = wanted.labels;
  entry->default_stack = wanted.default_stack;
  HoldThreadArgument(wanted.value);  // for good, as libc holds its own copy while the timer is there
  entry->ready.store(true, std::memory_order_release);
  return entry;
}

// The call of the program's function is a jump.
void OnNotification(sigval value) {
  const auto& entry = *static_cast<const Notification*>(value.sival_ptr);
  NotifyThreadBegins(entry.function, entry.labels, entry.default_stack,
                     reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  sigval own;
  own.sival_ptr = entry.value;
  return entry.function(own);
}

// False: `event` asks for no thread, or there is no room.
bool Redirect(const sigevent* event, sigevent* ours) {
  Initialize();
  if (event == nullptr || event->sigev_notify != SIGEV_THREAD || event->sigev_notify_function == nullptr) {
    return false;
  }
  Notification wanted = {};
  wanted.function = event->sigev_notify_function;
  wanted.value = event->sigev_value.sival_ptr;
  wanted.labels = CurrentLabels();
  wanted.default_stack = event->sigev_notify_attributes == nullptr;
  Notification* entry = FindOrAdd(wanted);
  if (entry == nullptr) return false;
  *ours = *event;
  ours->sigev_notify_function = OnNotification;
  ours->sigev_value.sival_ptr = entry;
  return true;
}

}  // namespace
}  // namespace heapprof

extern "C" {

HEAPPROF_EXPORT int timer_create(clockid_t clock, sigevent* event, timer_t* timer) noexcept {
  sigevent ours;
  return heapprof::g_next.timer_create(clock, heapprof::Redirect(event, &ours) ? &ours : event, timer);
}

HEAPPROF_EXPORT int mq_notify(mqd_t queue, const sigevent* event) noexcept {
  sigevent ours;
  return heapprof::g_next.mq_notify(queue, heapprof::Redirect(event, &ours) ? &ours : event);
}

}  // extern "C"
