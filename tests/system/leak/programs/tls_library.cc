// SPDX-License-Identifier: Apache-2.0
// A library whose thread-local storage is made when a thread first asks for it.
namespace {
__thread void* t_slot;
// More than libc keeps free in the static block. A variable that is written alone would be left out; what is
// left is small enough for aarch64's loader to put it there.
__thread volatile char t_room[20000];
}  // namespace

extern "C" __attribute__((visibility("default"))) void** DynamicSlot() {
  t_room[0] = 1;
  return &t_slot;
}
