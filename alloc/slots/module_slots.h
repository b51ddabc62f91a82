// SPDX-License-Identifier: Apache-2.0
// The import slots of one module.
//
// To be used inside of dl_iterate_phdr, whose lock keeps the module mapped. The loader may be at work on it
// at the same time: slots on pages that it will make read-only and has not yet are let be. Relocations other
// than JUMP_SLOT and GLOB_DAT (IRELATIVE, addresses in data) are let be, too.
//
// Thread-safety: one at a time. Signal-safety: yes. Allocates: never.
#ifndef HEAPPROF_ALLOC_SLOTS_MODULE_SLOTS_H_
#define HEAPPROF_ALLOC_SLOTS_MODULE_SLOTS_H_

#include <link.h>
#include <stddef.h>
#include <stdint.h>

namespace heapprof {

// Slots that hold `real` are to hold `wrapper`; where it is not on, the other way round.
struct Redirection {
  const char* name;
  void* real;
  void* wrapper;
  bool on;
};
inline constexpr size_t kMaxRedirections = 64;

// All of them, to be looked up for each slot of each module: nearly always in vain, which is told by a bit.
class RedirectionSet {
 public:
  // False: there is no room.
  bool Add(const Redirection& redirection);
  void Turn(size_t from, size_t to, bool on);
  size_t count() const { return count_; }

  // That whose slots hold this value and are to hold another; nullptr: none.
  const Redirection* WithValue(const void* value) const {
    const size_t bit = BitOf(value);
    return (values_[bit / 64] >> bit % 64 & 1) == 0 ? nullptr : FindValue(value);
  }
  // That of this name, if it is on.
  const Redirection* WithName(const char* name) const {
    return (names_ >> BitOf(name) & 1) == 0 ? nullptr : FindName(name);
  }

 private:
  static constexpr size_t kBits = 256;
  static size_t BitOf(const void* value) { return reinterpret_cast<uintptr_t>(value) / 16 % kBits; }
  static size_t BitOf(const char* name) {
    return name[0] == '\0' ? 0 : static_cast<size_t>(name[0] + 8 * name[1]) % 64;
  }
  const Redirection* FindValue(const void* value) const;
  const Redirection* FindName(const char* name) const;
  void Index();

  Redirection all_[kMaxRedirections] = {};
  size_t count_ = 0;
  uint64_t values_[kBits / 64] = {}, names_ = 0;
};

struct RedirectResult {
  bool unresolved;  // a slot was changed that the loader had not resolved
  int error;        // a page could not be made writable: -errno
};

class ModuleSlots {
 public:
  explicit ModuleSlots(const dl_phdr_info& info);
  ModuleSlots(const ModuleSlots&) = delete;
  ModuleSlots& operator=(const ModuleSlots&) = delete;

  bool Contains(const void* address) const {
    return reinterpret_cast<uintptr_t>(address) - start_ < limit_ - start_;
  }
  RedirectResult Redirect(const RedirectionSet& all);

 private:
  struct Table {
    const ElfW(Rela) * begin;
    size_t count;
  };

  template <typename Pointer>
  Pointer At(uintptr_t address) const {
    return reinterpret_cast<Pointer>(address < base_ ? address + base_ : address);
  }
  void ReadDynamic(const ElfW(Dyn) * dynamic);
  bool IsOldVersion(uint32_t symbol) const;
  const Redirection* Unresolved(uint32_t symbol, const RedirectionSet& all) const;
  void Write(void** slot, void* value);
  bool OpenPage(uintptr_t page);
  void ClosePage();

  uintptr_t base_;
  uintptr_t start_ = UINTPTR_MAX, limit_ = 0;  // what is loaded
  uintptr_t relro_start_ = 0, relro_limit_ = 0;
  Table tables_[2] = {};  // DT_JMPREL, DT_RELA
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const ElfW(Half) * versions_ = nullptr;
  const ElfW(Verneed) * needed_ = nullptr;
  size_t needed_count_ = 0;
  uintptr_t open_page_ = 0;  // made writable by us
  RedirectResult result_ = {false, 0};
};

}  // namespace heapprof

#endif  // HEAPPROF_ALLOC_SLOTS_MODULE_SLOTS_H_
