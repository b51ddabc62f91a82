// SPDX-License-Identifier: Apache-2.0
#include "sampling/stop/thread_descriptor.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "base/system/raw_syscall.h"
#include "sampling/stop/stop_signal.h"
#include "sampling/stop/thread_layout.h"

namespace heapprof {

// Also of calls_aarch64.S. Until libc has told: glibc 2.36's.
extern size_t g_descriptor_size __asm__("hp_descriptor_size");
size_t g_descriptor_size = kStorageAbove ? 1856 : 2304;

namespace {

size_t g_tid_offset = kStorageAbove ? 208 : 720;
size_t g_static_tls = 0;
uintptr_t g_first = 0;

constexpr size_t kWord = sizeof(uintptr_t);
// Where the storage is above, its table's address and a word of libc's are in front.
constexpr size_t kHead = kStorageAbove ? 2 * kWord : 0;
// The words of a descriptor that is at the thread pointer.
constexpr size_t kTcb = 0, kDtv = kStorageAbove ? 0 : 1, kSelf = 2;

// Of a thread, or of the calling one (0). 0: it has none, or the kernel does not tell.
uintptr_t RobustListOf(int tid) {
  uintptr_t list = 0;
  size_t size = 0;
  const long error =
      RawSyscall(SYS_get_robust_list, tid, reinterpret_cast<long>(&list), reinterpret_cast<long>(&size));
  return error == 0 ? list : 0;
}

}  // namespace

void InitThreadDescriptors() {
  g_first = ControlBlock();
  // libc describes its threads to debuggers: bits, count and offset of a field.
  struct FieldDescription {
    uint32_t bits, count, offset;
  };
  constexpr size_t kMaxDescriptor = 16 << 10;
  if (auto* size = static_cast<const uint32_t*>(dlsym(RTLD_DEFAULT, "_thread_db_sizeof_pthread"))) {
    if (*size < kMaxDescriptor) g_descriptor_size = *size;
  }
  if (auto* tid = static_cast<const FieldDescription*>(dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid"))) {
    if (tid->bits == 32 && tid->offset < g_descriptor_size) g_tid_offset = tid->offset;
  }
  // Of the loader, for libc; with the descriptor on top.
  if (auto* tls =
          reinterpret_cast<void (*)(size_t*, size_t*)>(dlsym(RTLD_DEFAULT, "_dl_get_tls_static_info"))) {
    size_t size = 0, alignment = 0;
    tls(&size, &alignment);
    if (size > g_descriptor_size) g_static_tls = size - g_descriptor_size;
  }
}

uintptr_t FirstControlBlock() { return g_first; }
size_t StaticTlsSize() { return g_static_tls; }

AddressRange DescriptorOf(uintptr_t control_block) {
  if (kStorageAbove) return {control_block - g_descriptor_size, control_block + kHead};
  return {control_block, control_block + g_descriptor_size};
}

AddressRange ThreadMemoryOf(uintptr_t control_block) {
  const AddressRange descriptor = DescriptorOf(control_block);
  if (kStorageAbove) return {descriptor.start, descriptor.end + g_static_tls};
  return {control_block - g_static_tls, descriptor.end};
}

uintptr_t StorageTableOf(uintptr_t control_block) { return control_block + kDtv * kWord; }

bool IsControlBlock(uintptr_t control_block) {
  if (kStorageAbove) {
    // The table's own first word is how often it was changed, and the one in front of it how long it is.
    uintptr_t table = 0, length = 0;
    constexpr uintptr_t kMost = 1 << 20, kPair = 2 * kWord;
    const auto read = [](uintptr_t at, uintptr_t* word) {
      return RawReadOwnMemory(reinterpret_cast<const void*>(at), word, kWord) == static_cast<ssize_t>(kWord);
    };
    return control_block % kWord == 0 && read(StorageTableOf(control_block), &table) && table % kWord == 0 &&
           table > kPair && read(table - kPair, &length) && length < kMost;
  }
  uintptr_t words[3];
  return RawReadOwnMemory(reinterpret_cast<const void*>(control_block), words, sizeof(words)) ==
             static_cast<ssize_t>(sizeof(words)) &&
         words[kTcb] == control_block && words[kSelf] == control_block;
}

void MakeControlBlock(void* at) {
  auto** words = static_cast<void**>(at);
  if (!kStorageAbove) words[kTcb] = words[kSelf] = at;
  // The vector of modules' storage, which dl_iterate_phdr looks into: pairs of words, of which the one in
  // front is how many follow, and the first its generation. There are none, and the generation is nobody's.
  auto* pairs = reinterpret_cast<uintptr_t*>(ThreadMemoryOf(reinterpret_cast<uintptr_t>(at)).end);
  constexpr size_t kPair = 2;
  pairs[0] = 0;
  pairs[kPair] = UINTPTR_MAX;
  words[kDtv] = pairs + kPair;
}

void NoteOwnThreadId(int tid) {
  memcpy(reinterpret_cast<void*>(DescriptorOf(ControlBlock()).start + g_tid_offset), &tid, sizeof(tid));
}

int ThreadIdAt(uintptr_t control_block) {
  int tid = -1;
  RawReadOwnMemory(reinterpret_cast<const void*>(DescriptorOf(control_block).start + g_tid_offset), &tid,
                   sizeof(tid));
  return tid;
}

intptr_t RobustListDistance() {
  const uintptr_t list = RobustListOf(0);
  return list == 0 ? 0 : static_cast<intptr_t>(list - ControlBlock());
}

uintptr_t ControlBlockByList(int tid, intptr_t distance) {
  const uintptr_t list = distance == 0 ? 0 : RobustListOf(tid);
  return list == 0 ? 0 : list - static_cast<uintptr_t>(distance);
}

}  // namespace heapprof
