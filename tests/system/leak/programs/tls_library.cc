// SPDX-License-Identifier: Apache-2.0
// A library whose thread-local storage is made when a thread first asks for it.
namespace {
__thread void* t_slot;
__thread char t_room[20000];  // more than libc keeps free in the static block
}  // namespace

extern "C" __attribute__((visibility("default"))) void** DynamicSlot() {
  t_room[0] = 1;
  return &t_slot;
}
