#include <sched.h>
#include <signal.h>

#include "base/thread/raw_thread.h"

namespace heapprof {
namespace {

constexpr long kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                        CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

// rdi = flags, rsi = stack, rdx = parent's tid word, rcx = child's, r8 = tls; function and argument are on
// the new stack. The child never returns: its outermost frame has no caller, and its CFI says so.
__attribute__((naked)) int Clone(long, void*, void*, void*, void*) {
  asm volatile(
      "movq %rcx, %r10\n\t"
      "movl $56, %eax\n\t"  // SYS_clone
      "syscall\n\t"
      "testq %rax, %rax\n\t"
      "jz 1f\n\t"
      "retq\n"
      "1:\n\t"
      ".cfi_undefined %rip\n\t"
      "xorl %ebp, %ebp\n\t"
      "popq %rax\n\t"
      "popq %rdi\n\t"
      "callq *%rax\n\t"
      "xorl %edi, %edi\n\t"
      "movl $60, %eax\n\t"  // SYS_exit, of this thread alone
      "syscall\n\t"
      "ud2");
}

}  // namespace

int CloneThread(void* stack_top, void* tls, std::atomic<int>* tid, RawThread::Function function,
                void* argument) {
  auto* stack = static_cast<void**>(stack_top);
  *--stack = argument;
  *--stack = reinterpret_cast<void*>(function);
  return Clone(kFlags, stack, tid, tid, tls);
}

uintptr_t ThreadPointer() {
  uintptr_t pointer;
  asm("movq %%fs:0, %0" : "=r"(pointer));  // the descriptor begins with its own address
  return pointer;
}

}  // namespace heapprof
