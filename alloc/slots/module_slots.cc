// SPDX-License-Identifier: Apache-2.0
#include "alloc/slots/module_slots.h"

#include <elf.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>

#include "alloc/slots/relocations.h"
#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

uintptr_t PageSize() {
  static std::atomic<uintptr_t> size{0};
  uintptr_t known = size.load(std::memory_order_relaxed);
  if (known == 0) size.store(known = getauxval(AT_PAGESZ), std::memory_order_relaxed);
  return known;
}

// Asks without writing anything new: the kernel adds 0 to the word there, or says that it may not.
bool IsWritable(void** slot) {
  uint32_t unused = 0;
  const long operation = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
  return RawSyscall(SYS_futex, reinterpret_cast<long>(&unused), FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, 0,
                    reinterpret_cast<long>(slot), operation) >= 0;
}

}  // namespace

bool RedirectionSet::Add(const Redirection& redirection) {
  if (count_ == kMaxRedirections) return false;
  all_[count_++] = redirection;
  Index();
  return true;
}

void RedirectionSet::Turn(size_t from, size_t to, bool on) {
  for (size_t i = from; i < to; ++i) all_[i].on = on;
  Index();
}

void RedirectionSet::Index() {
  for (uint64_t& word : values_) word = 0;
  names_ = 0;
  for (size_t i = 0; i < count_; ++i) {
    const size_t bit = BitOf(all_[i].on ? all_[i].real : all_[i].wrapper);
    values_[bit / 64] |= uint64_t{1} << bit % 64;
    if (all_[i].on) names_ |= uint64_t{1} << BitOf(all_[i].name);
  }
}

const Redirection* RedirectionSet::FindValue(const void* value) const {
  for (size_t i = 0; i < count_; ++i) {
    if (value == (all_[i].on ? all_[i].real : all_[i].wrapper)) return &all_[i];
  }
  return nullptr;
}

const Redirection* RedirectionSet::FindName(const char* name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (all_[i].on && strcmp(all_[i].name, name) == 0) return &all_[i];
  }
  return nullptr;
}

ModuleSlots::ModuleSlots(const dl_phdr_info& info) : base_(info.dlpi_addr) {
  const ElfW(Dyn)* dynamic = nullptr;
  for (const ElfW(Phdr)* segment = info.dlpi_phdr; segment < info.dlpi_phdr + info.dlpi_phnum; ++segment) {
    const uintptr_t begin = base_ + segment->p_vaddr, end = begin + segment->p_memsz;
    if (segment->p_type == PT_LOAD) {
      if (begin < start_) start_ = begin;
      if (end > limit_) limit_ = end;
    } else if (segment->p_type == PT_DYNAMIC) {
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(begin);
    } else if (segment->p_type == PT_GNU_RELRO) {
      // Whole pages, as the loader does it.
      relro_start_ = begin & ~(PageSize() - 1);
      relro_limit_ = end & ~(PageSize() - 1);
    }
  }
  if (dynamic != nullptr) ReadDynamic(dynamic);
}

void ModuleSlots::ReadDynamic(const ElfW(Dyn) * dynamic) {
  size_t sizes[2] = {0, 0};
  const ElfW(Rela) * begins[2] = {nullptr, nullptr};
  size_t relative = 0;
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const uintptr_t value = dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_JMPREL:
        begins[0] = At<const ElfW(Rela)*>(value);
        break;
      case DT_PLTRELSZ:
        sizes[0] = value;
        break;
      case DT_RELA:
        begins[1] = At<const ElfW(Rela)*>(value);
        break;
      case DT_RELASZ:
        sizes[1] = value;
        break;
      case DT_RELACOUNT:
        relative = value;  // these stand first
        break;
      case DT_SYMTAB:
        symbols_ = At<const ElfW(Sym)*>(value);
        break;
      case DT_STRTAB:
        strings_ = At<const char*>(value);
        break;
      case DT_VERSYM:
        versions_ = At<const ElfW(Half)*>(value);
        break;
      case DT_VERNEED:
        needed_ = At<const ElfW(Verneed)*>(value);
        break;
      case DT_VERNEEDNUM:
        needed_count_ = value;
        break;
      default:
        break;
    }
  }
  for (size_t i = 0; i < 2; ++i) {
    if (begins[i] != nullptr) tables_[i] = {begins[i], sizes[i] / sizeof(ElfW(Rela))};
  }
  if (tables_[1].count >= relative) {
    tables_[1].begin += relative;
    tables_[1].count -= relative;
  }
}

// Conditions have two layouts: a program that was linked before glibc 2.3.2 has functions of its own for the
// older one. A module that names no version, since it was not linked with libc, gets the older one, too.
bool ModuleSlots::IsOldVersion(uint32_t symbol) const {
  if (versions_ == nullptr || needed_ == nullptr) return true;
  constexpr ElfW(Half) kHidden = 0x8000;
  const ElfW(Half) version = versions_[symbol] & static_cast<ElfW(Half)>(~kHidden);
  const ElfW(Verneed)* file = needed_;
  for (size_t i = 0; i < needed_count_; ++i) {
    const auto* entry =
        reinterpret_cast<const ElfW(Vernaux)*>(reinterpret_cast<const char*>(file) + file->vn_aux);
    for (size_t j = 0; j < file->vn_cnt; ++j) {
      if (entry->vna_other == version) return strcmp(strings_ + entry->vna_name, "GLIBC_2.2.5") == 0;
      entry = reinterpret_cast<const ElfW(Vernaux)*>(reinterpret_cast<const char*>(entry) + entry->vna_next);
    }
    file = reinterpret_cast<const ElfW(Verneed)*>(reinterpret_cast<const char*>(file) + file->vn_next);
  }
  return true;
}

// Of a slot that leads to the module's own code still, which will have it resolved by name.
const Redirection* ModuleSlots::Unresolved(uint32_t symbol, const RedirectionSet& all) const {
  if (symbols_ == nullptr || strings_ == nullptr || symbols_[symbol].st_shndx != SHN_UNDEF) return nullptr;
  const char* name = strings_ + symbols_[symbol].st_name;
  const Redirection* found = all.WithName(name);
  constexpr char kCondition[] = "pthread_cond_";
  const bool may_be_old = found != nullptr && strncmp(name, kCondition, sizeof(kCondition) - 1) == 0;
  return may_be_old && IsOldVersion(symbol) ? nullptr : found;
}

RedirectResult ModuleSlots::Redirect(const RedirectionSet& all) {
  for (size_t table = 0; table < 2; ++table) {
    const ElfW(Rela)* end = tables_[table].begin + tables_[table].count;
    for (const ElfW(Rela)* entry = tables_[table].begin; entry < end; ++entry) {
      const auto type = static_cast<uint32_t>(ELF64_R_TYPE(entry->r_info));
      if (type != kJumpSlot && type != kDataSlot) continue;
      auto** slot = reinterpret_cast<void**>(base_ + entry->r_offset);
      // relaxed: an address, and nothing behind it.
      void* value = __atomic_load_n(slot, __ATOMIC_RELAXED);
      const Redirection* found = all.WithValue(value);
      if (found == nullptr && type == kJumpSlot && Contains(value)) {
        found = Unresolved(static_cast<uint32_t>(ELF64_R_SYM(entry->r_info)), all);
        result_.unresolved |= found != nullptr;
      }
      if (found != nullptr) Write(slot, found->on ? found->wrapper : found->real);
    }
  }
  ClosePage();
  return result_;
}

void ModuleSlots::Write(void** slot, void* value) {
  const auto address = reinterpret_cast<uintptr_t>(slot);
  if (address - relro_start_ < relro_limit_ - relro_start_) {
    const uintptr_t page = address & ~(PageSize() - 1);
    if (page != open_page_ && (IsWritable(slot) || !OpenPage(page))) return;
  }
  // release: what the wrapper calls is known before it is called.
  __atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

bool ModuleSlots::OpenPage(uintptr_t page) {
  ClosePage();
  const long error = RawSyscall(SYS_mprotect, static_cast<long>(page), static_cast<long>(PageSize()),
                                PROT_READ | PROT_WRITE);
  if (error != 0) {
    result_.error = static_cast<int>(error);
    return false;
  }
  open_page_ = page;
  return true;
}

void ModuleSlots::ClosePage() {
  if (open_page_ == 0) return;
  RawSyscall(SYS_mprotect, static_cast<long>(open_page_), static_cast<long>(PageSize()), PROT_READ);
  open_page_ = 0;
}

}  // namespace heapprof
