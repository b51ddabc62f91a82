// SPDX-License-Identifier: Apache-2.0
// Names of functions for addresses of this process, out of the symbol tables of the mapped files.
//
// All addresses are given at once and sorted, so that each file is opened once and its symbol table walked
// once, front to back, whatever the number of addresses; names are demangled by absl's signal-safe demangler.
// (Asking absl::Symbolize for each address walks the table each time and does not tell where the function
// begins.)
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: never from the heap; maps
// memory in proportion to the number of addresses, for as long as the object lives.
// Invariant: a name is given only if the file's header is the one in memory, so that a file which was
// replaced under the running program cannot lend it wrong names.
#ifndef HEAPPROF_PROFILES_WRITE_FRAME_SYMBOLS_H_
#define HEAPPROF_PROFILES_WRITE_FRAME_SYMBOLS_H_

#include <stddef.h>
#include <stdint.h>

#include "sampling/modules/modules.h"

namespace heapprof {

class FrameSymbols {
 public:
  struct Frame {
    uint64_t address;  // return address - 1, within the call
    uint64_t start;    // of the function; 0: none is known
    uint32_t name;     // in the pool, 0: none
    uint32_t module;   // ModuleTable::kNone: none
  };

  static constexpr size_t kScratchSize = 64 << 10;

  FrameSymbols() = default;
  ~FrameSymbols();
  FrameSymbols(const FrameSymbols&) = delete;
  FrameSymbols& operator=(const FrameSymbols&) = delete;

  // Looks up all of return_address(1..count). `scratch` has kScratchSize bytes, needed during the call only.
  // 0, or -ENOMEM. Addresses without a symbol are no error.
  template <typename ReturnAddress>
  int Resolve(const ModuleTable& modules, const ReturnAddress& return_address, uint32_t count,
              char* scratch) {
    if (int error = Reserve(count)) return error;
    for (uint32_t i = 0; i < count; i++) frames_[i] = {return_address(i + 1) - 1, 0, 0, ModuleTable::kNone};
    LookUp(modules, scratch);
    return 0;
  }

  // The frame of a return address that was among those of Resolve, or nullptr.
  const Frame* Find(uint64_t return_address) const;
  // "" if the function has no known name.
  const char* Name(const Frame& frame) const { return frame.name == 0 ? "" : pool_ + frame.name; }

 private:
  int Reserve(uint32_t count);
  void LookUp(const ModuleTable& modules, char* scratch);
  void ResolveModule(const Module& module, bool is_main, Frame* first, Frame* limit, char* scratch);
  void KeepNames(int fd, uint64_t strings, uint64_t strings_size, Frame* first, Frame* limit);

  Frame* frames_ = nullptr;
  uint32_t count_ = 0;
  char* pool_ = nullptr;
  size_t pool_size_ = 0;
  size_t pool_used_ = 1;  // 0 means "no name"
};

}  // namespace heapprof

#endif  // HEAPPROF_PROFILES_WRITE_FRAME_SYMBOLS_H_
