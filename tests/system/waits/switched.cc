// SPDX-License-Identifier: Apache-2.0
// What import slots hold while the profiles of waits are off, on, and off again. Linked in the ways that
// there are: bound lazily, and at once with all of its table read-only.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

#include "tests/system/programs/program.h"
#include "tests/system/waits/slots.h"

namespace {

pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

struct Seen {
  std::vector<void*> values;
  std::vector<std::string> protections;
};

std::vector<Slot> g_slots;

Seen Look() {
  Seen seen;
  for (const Slot& slot : g_slots) {
    seen.values.push_back(*slot.place);
    seen.protections.push_back(ProtectionOf(slot.place));
  }
  return seen;
}

void* ValueOf(const char* name) {
  for (const Slot& slot : g_slots) {
    if (slot.name == name) return *slot.place;
  }
  CHECK(!"the slot is there");
  return nullptr;
}

void LockAndUnlock() {
  CHECK(pthread_mutex_lock(&g_mutex) == 0);
  CHECK(pthread_mutex_unlock(&g_mutex) == 0);
}

}  // namespace

int main() {
  link_map* main_module = nullptr;
  CHECK(dlinfo(dlopen(nullptr, RTLD_NOW), RTLD_DI_LINKMAP, &main_module) == 0);
  g_slots = SlotsOf(_DYNAMIC, main_module->l_addr);
  const Seen unresolved = Look();
  // Before its first call, in a lazily bound program, the slot leads to the program's own code.
  CHECK(heapprof_set_contention_interval(1000) == 0);
  CHECK(heapprof_contention_interval() == 1000);
  void* const wrapper = ValueOf("pthread_mutex_lock");
  void* const real = dlsym(RTLD_DEFAULT, "pthread_mutex_lock");
  CHECK(wrapper != real);
  LockAndUnlock();
  CHECK(ValueOf("pthread_mutex_lock") == wrapper);
  CHECK(heapprof_set_contention_interval(0) == 0);
  CHECK(ValueOf("pthread_mutex_lock") == real);
  LockAndUnlock();

  // What looking itself calls is resolved by now.
  CHECK(Look().values == Look().values && Look().protections == Look().protections);
  const Seen off = Look();
  CHECK(off.protections == unresolved.protections);
  CHECK(heapprof_set_contention_interval(5) == 0);
  const Seen on = Look();
  CHECK(on.protections == off.protections);
  size_t changed = 0;
  for (size_t i = 0; i < g_slots.size(); ++i) changed += on.values[i] != off.values[i];
  CHECK(changed >= 3);  // lock, unlock, sem_wait, dlsym
  CHECK(ValueOf("pthread_mutex_lock") == wrapper);
  // From one interval to the next nothing changes.
  CHECK(heapprof_set_contention_interval(50) == 0);
  CHECK(Look().values == on.values);
  CHECK(heapprof_set_contention_interval(0) == 0);
  CHECK(Look().values == off.values);
  CHECK(heapprof_set_contention_interval(uint64_t{3601} * 1'000'000'000) == -EINVAL);
  CHECK(heapprof_contention_interval() == 0);
  sem_t semaphore;
  CHECK(sem_init(&semaphore, 0, 1) == 0 && sem_wait(&semaphore) == 0);
  puts("OK");
}
