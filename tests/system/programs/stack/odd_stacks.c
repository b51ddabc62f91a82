// SPDX-License-Identifier: Apache-2.0
// Stacks of unusual code, in assembly with and without unwind tables.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/system/programs/stack/odd_stacks.h"

NOINLINE void alloc_cut(void) {
  g_blocks[g_count++] = malloc(g_size);
  printf("cut %zu\n", g_size);
}
NOINLINE void in_handler(int number) {
  (void)number;
  alloc_here();
  __asm__ volatile("");
}

// Each calls rdi, some on the stack that ends at rsi.
void call_marked(void (*function)(void));
void call_on_rbp(void (*function)(void), void* stack);
void call_on_rbx(void (*function)(void), void* stack);
void call_on_r12(void (*function)(void), void* stack);
void call_on_expression(void (*function)(void), void* stack);
void call_without_cfi(void (*function)(void), void* fp);
void return_wide(void);
void return_narrow(void);
void return_pushed(void);
__asm__(
    ".macro function name\n .type \\name, @function\n \\name:\n.endm\n"
    ".macro finish name\n .size \\name, . - \\name\n.endm\n"
    ".text\n"
    // Marked as a signal's frame, which it is not.
    "function call_marked\n .cfi_startproc\n .cfi_signal_frame\n sub $24, %rsp\n .cfi_adjust_cfa_offset 24\n"
    " call *%rdi\n add $24, %rsp\n .cfi_adjust_cfa_offset -24\n ret\n .cfi_endproc\n finish call_marked\n"
    "function call_on_rbp\n .cfi_startproc\n push %rbp\n .cfi_def_cfa_offset 16\n .cfi_offset %rbp, -16\n"
    " mov %rsp, %rbp\n .cfi_def_cfa_register %rbp\n mov %rsi, %rsp\n call *%rdi\n mov %rbp, %rsp\n"
    " pop %rbp\n .cfi_def_cfa %rsp, 8\n ret\n .cfi_endproc\n finish call_on_rbp\n"
    "function call_on_rbx\n .cfi_startproc\n push %rbx\n .cfi_def_cfa_offset 16\n .cfi_offset %rbx, -16\n"
    " mov %rsp, %rbx\n .cfi_def_cfa_register %rbx\n mov %rsi, %rsp\n call *%rdi\n mov %rbx, %rsp\n"
    " .cfi_def_cfa_register %rsp\n pop %rbx\n .cfi_def_cfa_offset 8\n ret\n .cfi_endproc\n finish "
    "call_on_rbx\n"
    "function call_on_r12\n .cfi_startproc\n push %r12\n .cfi_def_cfa_offset 16\n .cfi_offset %r12, -16\n"
    " mov %rsp, %r12\n .cfi_def_cfa_register %r12\n mov %rsi, %rsp\n call *%rdi\n mov %r12, %rsp\n"
    " .cfi_def_cfa_register %rsp\n pop %r12\n .cfi_def_cfa_offset 8\n ret\n .cfi_endproc\n finish "
    "call_on_r12\n"
    // The old rsp lies on top of the new stack: CFA = *(rsp + 8) + 8, by an expression with a jump in it.
    "function call_on_expression\n .cfi_startproc\n mov %rsp, %rax\n lea -16(%rsi), %rsp\n mov %rax, "
    "8(%rsp)\n"
    " .cfi_escape 0x0f, 9, 0x77, 8, 0x06, 0x2f, 1, 0, 0x06, 0x23, 8\n"
    " call *%rdi\n mov 8(%rsp), %rsp\n .cfi_def_cfa %rsp, 8\n ret\n .cfi_endproc\n finish "
    "call_on_expression\n"
    // As assemblers of media codecs write it: no tables, and rbp is a pointer to data.
    "function call_without_cfi\n push %rbp\n mov %rsi, %rbp\n call *%rdi\n pop %rbp\n ret\n finish "
    "call_without_cfi\n"
    " .skip 64, 0x90\n"
    "return_wide:\n mov $15, %rax\n syscall\n .skip 64, 0x90\n"
    "return_narrow:\n mov $15, %eax\n syscall\n .skip 64, 0x90\n"
    "return_pushed:\n push $15\n pop %rax\n syscall\n .skip 64, 0x90\n");

enum { kStackSize = 256 << 10 };

// Two stacks in one mapping, so that the order of their addresses is known.
static char *g_low_stack, *g_high_stack;

static void (*g_then)(void);
static void* g_then_stack;
NOINLINE void call_then(void) {
  call_on_rbp(g_then, g_then_stack);
  __asm__ volatile("");
}

NOINLINE void marked(void) {
  call_marked(alloc_here);
  g_size++;
}
NOINLINE void on_low(void) {
  call_on_rbp(alloc_here, g_low_stack + kStackSize);
  g_size++;
}
NOINLINE void by_rbx(void) {
  call_on_rbx(alloc_here, g_high_stack + kStackSize);
  g_size++;
}
NOINLINE void by_r12(void) {
  call_on_r12(alloc_here, g_high_stack + kStackSize);
  g_size++;
}
NOINLINE void by_expression(void) {
  call_on_expression(alloc_here, g_high_stack + kStackSize);
  g_size++;
}
// From a low stack to a high one and back to the thread's.
NOINLINE void low_then_high(void) {
  g_then = alloc_here;
  g_then_stack = g_high_stack + kStackSize;
  call_on_rbp(call_then, g_low_stack + kStackSize);
  g_size++;
}
NOINLINE void high_then_low(void) {
  g_then = alloc_here;
  g_then_stack = g_low_stack + kStackSize;
  call_on_rbp(call_then, g_high_stack + kStackSize);
  g_size++;
}

static ucontext_t g_outside, g_coroutine;
static void Coroutine(void) {
  g_then = alloc_here;
  g_then_stack = g_high_stack + kStackSize;
  call_then();
  __asm__ volatile("");
}
NOINLINE void in_coroutine(void) {
  CHECK(getcontext(&g_coroutine) == 0);
  g_coroutine.uc_stack.ss_sp = g_low_stack;
  g_coroutine.uc_stack.ss_size = kStackSize;
  g_coroutine.uc_link = &g_outside;
  makecontext(&g_coroutine, Coroutine, 0);
  CHECK(swapcontext(&g_outside, &g_coroutine) == 0);
  g_size++;
}

// The kernel's structure: libc's sigaction always sets its own way back.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  unsigned long mask;
};
NOINLINE void by_restorer(void (*restorer)(void)) {
  enum { kSaRestorer = 0x04000000 };
  struct KernelAction action = {in_handler, kSaRestorer, restorer, 0};
  CHECK(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8) == 0);
  CHECK(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) == 0);
  g_size++;
}

// The handler of a call to where no code is, which it leaves by a jump: the caller is on top of the stack.
static sigjmp_buf g_after_fault;
NOINLINE void alloc_behind_fault(void) {
  g_blocks[g_count++] = malloc(g_size);
  printf("whole %zu 8\n", g_size);  // libgcc reads the code there, and dies
}
static void on_fault(int number) {
  (void)number;
  alloc_behind_fault();
  siglongjmp(g_after_fault, 1);
}
NOINLINE void call_wild(void (*function)(void)) {
  function();
  __asm__ volatile("");
}
NOINLINE void through(void* wild) {
  void (*function)(void);
  memcpy(&function, &wild, sizeof function);
  struct sigaction action = {.sa_handler = on_fault}, old;
  CHECK(sigaction(SIGSEGV, &action, &old) == 0);
  if (sigsetjmp(g_after_fault, 1) == 0) call_wild(function);
  CHECK(sigaction(SIGSEGV, &old, NULL) == 0);
  g_size++;
}

// Nobody called this from there.
NOINLINE void unrelated(void) { g_size += 0; }
NOINLINE void no_caller(void* return_address) {
  void* frames[4] = {frames + 2, return_address, NULL, NULL};
  call_without_cfi(alloc_cut, frames);
  g_size++;
}

static void* AllCases(void* unused) {
  static char data[64];
  marked();
  on_low();
  by_rbx();
  by_r12();
  by_expression();
  low_then_high();
  high_then_low();
  in_coroutine();
  by_restorer(return_wide);
  by_restorer(return_narrow);
  by_restorer(return_pushed);
  through(NULL);
  through((void*)(uintptr_t)0x123);
  through(data + 32);
  through(g_low_stack + kStackSize);  // which cannot even be read
  no_caller(data + 32);
  no_caller((char*)(void*)unrelated + 1);
  no_caller(&unused);
  return unused;
}

int main(void) {
  char* stacks =
      (char*)mmap(NULL, 3 * kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(stacks != MAP_FAILED);
  CHECK(mprotect(stacks + kStackSize, kStackSize, PROT_NONE) == 0);
  g_low_stack = stacks;
  g_high_stack = stacks + 2 * kStackSize;
  g_size = 1000;
  AllCases(NULL);
  // And in a thread, whose own stack lies below those.
  pthread_t thread;
  g_size = 2000;
  CHECK(pthread_create(&thread, NULL, AllCases, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  Finish();
  return 0;
}
