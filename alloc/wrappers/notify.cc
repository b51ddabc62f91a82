// SPDX-License-Identifier: Apache-2.0
// timer_create and mq_notify with SIGEV_THREAD, as the program calls them: libc makes the threads by itself,
// and each begins here before it calls the program's function. Part of the shared library only: in a program
// linked with -static libc's own cannot be found behind ours.
//
// What a notification calls is kept in a table, for as long as its timer is there, or, of a queue, until it
// came, or until the next one is asked for under the queue's number. libc carries a ticket, the entry's
// number and generation. A thread may still be on its way when its timer is deleted: it finds the entry as it
// was, or, if that is another's by now, calls nothing, which POSIX leaves open. Who finds the table full gets
// libc's threads as they are.
//
// Thread-safety: yes. Signal-safety: as the functions wrapped. Allocates: never.
#include <errno.h>
#include <mqueue.h>
#include <signal.h>
#include <time.h>

#include <atomic>

#include "alloc/entry/init.h"
#include "alloc/entry/slow_path.h"
#include "alloc/wrappers/fork.h"
#include "alloc/wrappers/next.h"
#include "alloc/wrappers/threads.h"
#include "base/system/process_copy.h"
#include "sampling/stop/thread_stacks.h"
#include "sampling/thread/labels.h"

namespace heapprof {
namespace {

enum class Owner : uint32_t { kNone, kTimer, kQueue };

struct Content {
  void (*function)(sigval);
  void* value;
  uint32_t labels;
  bool default_stack;
};

struct Notification {
  std::atomic<uint64_t> state;  // generation << 1 | taken
  std::atomic<void (*)(sigval)> function;
  std::atomic<void*> value;
  std::atomic<uint32_t> labels;
  std::atomic<bool> default_stack;
  // Written by who has it; `owner` last. Whoever sets it back to kNone gives the entry back.
  std::atomic<ArgumentSlot*> held;
  std::atomic<uintptr_t> id;  // the timer's or the queue's
  std::atomic<Owner> owner;
};
constexpr uint64_t kTaken = 1;
constexpr size_t kMax = 1024;
Notification g_notifications[kMax];
std::atomic<size_t> g_next_entry{0};

// No pointer, as the leak check sees it: libc keeps it in a block.
constexpr int kIndexBits = 10, kGenerationBits = 52;
static_assert(kMax == size_t{1} << kIndexBits);
constexpr uint64_t kMark = uint64_t{1} << 63;
uint64_t Ticket(size_t index, uint64_t generation) {
  return kMark | (generation & ((uint64_t{1} << kGenerationBits) - 1)) << kIndexBits | index;
}

// A free entry, filled in; nullptr: there is none. The one that was free for longest comes first, about.
Notification* Take(const Content& content, uint64_t* ticket) {
  for (size_t tries = 0; tries < kMax; ++tries) {
    const size_t index = g_next_entry.fetch_add(1, std::memory_order_relaxed) % kMax;
    Notification& entry = g_notifications[index];
    uint64_t state = entry.state.load(std::memory_order_relaxed);
    const uint64_t generation = (state >> 1) + 1;
    if ((state & kTaken) != 0 ||
        !entry.state.compare_exchange_strong(state, generation << 1 | kTaken, std::memory_order_acquire)) {
      continue;
    }
    // A reader of the last generation that sees any of what follows sees the new state, too.
    std::atomic_thread_fence(std::memory_order_release);
    entry.function.store(content.function, std::memory_order_relaxed);
    entry.value.store(content.value, std::memory_order_relaxed);
    entry.labels.store(content.labels, std::memory_order_relaxed);
    entry.default_stack.store(content.default_stack, std::memory_order_relaxed);
    // As libc holds its own copy while the timer is there.
    entry.held.store(HoldThreadArgument(content.value), std::memory_order_relaxed);
    *ticket = Ticket(index, generation);
    return &entry;  // libc hands the ticket on, to a thread that it makes after this
  }
  return nullptr;
}

// By whoever took it, or set its owner back. What it was stays there until it is taken again.
void GiveBack(Notification* entry) {
  ReleaseThreadArgument(entry->held.exchange(nullptr, std::memory_order_relaxed));
  // release: what was done with the entry before the next one's.
  entry->state.fetch_and(~kTaken, std::memory_order_release);
}

// The entry of the timer or queue `id`, which is the caller's then; nullptr: none.
Notification* TakeFrom(Owner owner, uintptr_t id) {
  for (Notification& entry : g_notifications) {
    // acquire: the id before the owner.
    if (entry.owner.load(std::memory_order_acquire) != owner ||
        entry.id.load(std::memory_order_relaxed) != id)
      continue;
    Owner expected = owner;
    if (entry.owner.compare_exchange_strong(expected, Owner::kNone, std::memory_order_acquire)) return &entry;
  }
  return nullptr;
}

void SetOwner(Notification* entry, Owner owner, uintptr_t id) {
  entry->id.store(id, std::memory_order_relaxed);
  entry->owner.store(owner, std::memory_order_release);
}

// False: the entry is another's by now.
bool Read(uint64_t ticket, Content* content) {
  Notification& entry = g_notifications[ticket & (kMax - 1)];
  const auto is_same = [&] {
    const uint64_t generation = entry.state.load(std::memory_order_acquire) >> 1;
    return Ticket(ticket & (kMax - 1), generation) == ticket;
  };
  if (!is_same()) return false;
  *content = {entry.function.load(std::memory_order_relaxed), entry.value.load(std::memory_order_relaxed),
              entry.labels.load(std::memory_order_relaxed),
              entry.default_stack.load(std::memory_order_relaxed)};
  // Pairs with the fence in Take.
  std::atomic_thread_fence(std::memory_order_acquire);
  return is_same();
}

// The call of the program's function is a jump.
void OnNotification(sigval value) {
  const auto ticket = reinterpret_cast<uint64_t>(value.sival_ptr);
  Content content;
  if (!Read(ticket, &content)) return;
  NotifyThreadBegins(content.function, content.labels, content.default_stack,
                     reinterpret_cast<uintptr_t>(__builtin_frame_address(0)));
  // A queue notifies once. The value is in this thread's hands from here on.
  Notification* entry = &g_notifications[ticket & (kMax - 1)];
  Owner queue = Owner::kQueue;
  if (entry->owner.load(std::memory_order_relaxed) == queue &&
      entry->owner.compare_exchange_strong(queue, Owner::kNone, std::memory_order_acquire)) {
    GiveBack(entry);
  }
  sigval own;
  own.sival_ptr = content.value;
  return content.function(own);
}

// nullptr: `event` asks for no thread, or there is no room.
Notification* Redirect(const sigevent* event, sigevent* ours) {
  Initialize();
  if (event == nullptr || event->sigev_notify != SIGEV_THREAD || event->sigev_notify_function == nullptr) {
    return nullptr;
  }
  AdoptIfCopy();  // which forgets all entries, and is not to forget this one
  uint64_t ticket;
  Notification* entry = Take({event->sigev_notify_function, event->sigev_value.sival_ptr, CurrentLabels(),
                              event->sigev_notify_attributes == nullptr},
                             &ticket);
  if (entry == nullptr) return nullptr;
  *ours = *event;
  ours->sigev_notify_function = OnNotification;
  ours->sigev_value.sival_ptr = reinterpret_cast<void*>(ticket);
  return entry;
}

// Before glibc 2.34 librt has these, and may come late. False, with errno: it is not there.
template <typename Function>
bool IsThere(Function* function) {
  Initialize();
  if (*function == nullptr) FindLateFunctions();
  if (*function == nullptr) errno = ENOSYS;
  return *function != nullptr;
}

}  // namespace

void NotificationsAfterForkInChild() {
  for (Notification& entry : g_notifications) {
    if (entry.owner.exchange(Owner::kNone, std::memory_order_acquire) != Owner::kNone) GiveBack(&entry);
  }
}

}  // namespace heapprof

extern "C" {

HEAPPROF_EXPORT int timer_create(clockid_t clock, sigevent* event, timer_t* timer) noexcept {
  sigevent ours;
  if (!heapprof::IsThere(&heapprof::g_next.timer_create)) return -1;
  heapprof::Notification* entry = heapprof::Redirect(event, &ours);
  const int result = heapprof::g_next.timer_create(clock, entry != nullptr ? &ours : event, timer);
  if (entry == nullptr) return result;
  if (result == 0) {
    heapprof::SetOwner(entry, heapprof::Owner::kTimer, reinterpret_cast<uintptr_t>(*timer));
  } else {
    heapprof::GiveBack(entry);
  }
  return result;
}

HEAPPROF_EXPORT int timer_delete(timer_t timer) noexcept {
  if (!heapprof::IsThere(&heapprof::g_next.timer_delete)) return -1;
  const auto id = reinterpret_cast<uintptr_t>(timer);
  // Before libc's, after which another timer may have this one's name.
  heapprof::Notification* entry = heapprof::TakeFrom(heapprof::Owner::kTimer, id);
  const int result = heapprof::g_next.timer_delete(timer);
  if (entry == nullptr) return result;
  if (result == 0) {
    heapprof::GiveBack(entry);
  } else {
    heapprof::SetOwner(entry, heapprof::Owner::kTimer, id);
  }
  return result;
}

HEAPPROF_EXPORT int mq_notify(mqd_t queue, const sigevent* event) noexcept {
  if (!heapprof::IsThere(&heapprof::g_next.mq_notify)) return -1;
  sigevent ours;
  const auto id = static_cast<uintptr_t>(queue);
  heapprof::Notification* entry = heapprof::Redirect(event, &ours);
  // What is registered under this number, or was for a queue that has been closed meanwhile. It and the new
  // one change before libc's turn, as the notification may come at once.
  heapprof::Notification* before = heapprof::TakeFrom(heapprof::Owner::kQueue, id);
  if (entry != nullptr) heapprof::SetOwner(entry, heapprof::Owner::kQueue, id);
  const int result = heapprof::g_next.mq_notify(queue, entry != nullptr ? &ours : event);
  if (result == 0) {
    if (before != nullptr) heapprof::GiveBack(before);
    return result;
  }
  heapprof::Owner own = heapprof::Owner::kQueue;
  if (entry != nullptr && entry->owner.compare_exchange_strong(own, heapprof::Owner::kNone))
    heapprof::GiveBack(entry);
  if (before != nullptr) heapprof::SetOwner(before, heapprof::Owner::kQueue, id);
  return result;
}

}  // extern "C"
