// SPDX-License-Identifier: Apache-2.0
// Code made at run time whose unwind tables are registered with libgcc, in each of its ways, and taken back
// again: the same addresses then hold other code.
#include <sys/mman.h>

#include "tests/system/programs/stack/odd_stacks.h"

void __register_frame(void*);
void __deregister_frame(void*);
void __register_frame_info(const void*, void*);
void* __deregister_frame_info(const void*);
void __register_frame_info_bases(const void*, void*, void*, void*);
void __register_frame_table(void*);

enum { kPage = 4096 };
static unsigned char* g_code;  // one page of code

// A function that calls its argument with `room` bytes on its stack: sub $room, %rsp; call *%rdi; add; ret.
static void WriteCode(unsigned char room) {
  const unsigned char code[] = {0x48, 0x83, 0xec, room, 0xff, 0xd7, 0x48, 0x83, 0xc4, room, 0xc3};
  CHECK(mprotect(g_code, kPage, PROT_READ | PROT_WRITE) == 0);
  memcpy(g_code, code, sizeof code);
  CHECK(mprotect(g_code, kPage, PROT_READ | PROT_EXEC) == 0);
}

static unsigned char* Put(unsigned char* to, const void* from, size_t size) {
  memcpy(to, from, size);
  return to + size;
}

// Its tables, with locations of 8 bytes: the code's address less `base`, in the encoding for that.
static void WriteTables(unsigned char* tables, unsigned char room, unsigned char encoding, uintptr_t base) {
  const unsigned char cie[] = {20, 0,    0,  0, 0,        0,    0, 0, 1,    'z', 'R', 0,
                               1,  0x78, 16, 1, encoding, 0x0c, 7, 8, 0x90, 1,   0,   0};
  const uint64_t location = (uintptr_t)g_code - base, size = kPage;
  const unsigned char fde_head[] = {28, 0, 0, 0, 28, 0, 0, 0};
  const unsigned char fde_tail[] = {0,    0x44, 0x0e, (unsigned char)(room + 8),
                                    0x46, 0x0e, 8,    0};  // advance 4, advance 6
  tables = Put(tables, cie, sizeof cie);
  tables = Put(tables, fde_head, sizeof fde_head);
  tables = Put(tables, &location, sizeof location);
  tables = Put(tables, &size, sizeof size);
  tables = Put(tables, fde_tail, sizeof fde_tail);
  memset(tables, 0, 4);
}

NOINLINE void call_code(void) {
  ((void (*)(void (*)(void)))(void*)g_code)(alloc_here);
  ++g_size;
}

int main(void) {
  static unsigned char tables[128] __attribute__((aligned(16))), object[256];
  static void* list[2] = {tables, NULL};
  g_code = (unsigned char*)mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(g_code != MAP_FAILED);
  g_size = 1000;
  // Another frame's size each time at the same addresses.
  for (int round = 0; round < 4; ++round) {
    const unsigned char room = (unsigned char)(8 + 16 * round);
    WriteCode(room);
    WriteTables(tables, room, 0, 0);
    __register_frame(tables);
    call_code();
    call_code();
    __deregister_frame(tables);
  }
  WriteCode(24);
  WriteTables(tables, 24, 0, 0);
  __register_frame_info(tables, object);
  call_code();
  CHECK(__deregister_frame_info(tables) == object);
  __register_frame_table(list);
  call_code();
  __deregister_frame(list);
  WriteTables(tables, 24, 0x20, 0x1000);  // textrel
  __register_frame_info_bases(tables, object, (void*)0x1000, NULL);
  call_code();
  CHECK(__deregister_frame_info(tables) == object);
  WriteTables(tables, 24, 0x30, 0x2000);  // datarel
  __register_frame_info_bases(tables, object, NULL, (void*)0x2000);
  call_code();
  CHECK(__deregister_frame_info(tables) == object);
  Finish();
  return 0;
}
