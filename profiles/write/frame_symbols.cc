// SPDX-License-Identifier: Apache-2.0
#include "profiles/write/frame_symbols.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>

#include "absl/debugging/internal/demangle.h"
#include "base/abi_tags.h"
#include "base/system/raw_syscall.h"
#include "sampling/modules/retired_modules.h"

namespace heapprof {
namespace {

using Frame = FrameSymbols::Frame;

constexpr size_t kHeaderBytes = 512;  // compared between file and memory: ELF header and program headers
constexpr size_t kMaxName = 1024;
constexpr size_t kNameBytesPerFrame = 256;

class File {
 public:
  explicit File(const char* path) : fd_(RawOpen(path, O_RDONLY | O_CLOEXEC, 0)) {}
  ~File() {
    if (fd_ >= 0) RawClose(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Reads up to `size` bytes; fewer at the end of the file. 0 on an error too.
size_t ReadAt(int fd, uint64_t offset, void* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    ssize_t got = RawPread(fd, static_cast<char*>(to) + done, size - done, offset + done);
    if (got == -EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

bool ReadAll(int fd, uint64_t offset, void* to, size_t size) { return ReadAt(fd, offset, to, size) == size; }

// Whether the file still is what was mapped. Where memory cannot be read, its name has to do.
bool SameImage(int fd, uintptr_t image_base) {
  char in_file[kHeaderBytes], in_memory[kHeaderBytes];
  size_t size = ReadAt(fd, 0, in_file, sizeof(in_file));
  if (size < sizeof(Elf64_Ehdr)) return false;
  if (image_base == 0) return true;
  ssize_t got = RawReadOwnMemory(reinterpret_cast<const void*>(image_base), in_memory, size);
  return got != static_cast<ssize_t>(size) || memcmp(in_file, in_memory, size) == 0;
}

// A module that is not mapped any more has no memory to compare with.
bool SameFile(int fd, uint64_t inode) {
  struct stat file;
  return RawSyscall(SYS_newfstatat, fd, reinterpret_cast<long>(""), reinterpret_cast<long>(&file),
                    AT_EMPTY_PATH) == 0 &&
         file.st_ino == inode;
}

// What is added to an address of the file's symbols to give one of memory.
bool FindBias(int fd, const Elf64_Ehdr& header, const Module& module, uint64_t* bias) {
  for (size_t i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr segment;
    if (!ReadAll(fd, header.e_phoff + i * sizeof(segment), &segment, sizeof(segment))) return false;
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X)) continue;
    // A mapping begins at the page of its segment, or further in if it was split.
    if (module.file_offset + (module.limit - module.start) <= segment.p_offset) continue;
    if (module.file_offset >= segment.p_offset + segment.p_filesz) continue;
    *bias = module.start - module.file_offset + segment.p_offset - segment.p_vaddr;
    return true;
  }
  return false;
}

// The symbol table with local functions too if the file has it, or else that of the dynamic linker.
bool FindTable(int fd, const Elf64_Ehdr& header, Elf64_Shdr* symbols, Elf64_Shdr* strings) {
  bool found = false;
  for (size_t i = 0; i < header.e_shnum; i++) {
    Elf64_Shdr section;
    if (!ReadAll(fd, header.e_shoff + i * sizeof(section), &section, sizeof(section))) return false;
    if (section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) continue;
    if (found && section.sh_type == SHT_DYNSYM) continue;
    *symbols = section;
    found = true;
  }
  return found && symbols->sh_entsize == sizeof(Elf64_Sym) && symbols->sh_link < header.e_shnum &&
         ReadAll(fd, header.e_shoff + symbols->sh_link * sizeof(*strings), strings, sizeof(*strings));
}

// `name` has kMaxName bytes.
const char* Demangled(const char* mangled, char* name) {
  using absl::debugging_internal::Demangle;
  if (Demangle(mangled, name, kMaxName)) return name;
  char plain[kMaxName];
  return CopyWithoutAbiTags(mangled, plain, sizeof(plain)) && Demangle(plain, name, kMaxName) ? name
                                                                                              : mangled;
}

// Among the frames in [first, limit), in ascending order, gives those within `symbol` its start and name.
void Apply(const Elf64_Sym& symbol, uint64_t bias, Frame* first, Frame* limit) {
  unsigned type = ELF64_ST_TYPE(symbol.st_info);
  if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF || symbol.st_size == 0)
    return;
  uint64_t start = symbol.st_value + bias;
  uint64_t end = start + symbol.st_size;
  Frame* frame =
      std::lower_bound(first, limit, start, [](const Frame& f, uint64_t at) { return f.address < at; });
  for (; frame != limit && frame->address < end; frame++) {
    // Of nested ones the innermost. Of several names for one function a global one rather than a local alias,
    // which is the order of the table: locals stand first.
    if (start < frame->start) continue;
    frame->start = start;
    frame->name = symbol.st_name;
  }
}

}  // namespace

FrameSymbols::~FrameSymbols() {
  if (frames_ != nullptr) RawUnmap(frames_, sizeof(Frame) * (size_t{count_} + 1));
  if (pool_ != nullptr) RawUnmap(pool_, pool_size_);
}

int FrameSymbols::Reserve(uint32_t count) {
  count_ = count;
  frames_ = static_cast<Frame*>(RawMap(sizeof(Frame) * (size_t{count} + 1)));
  pool_size_ = std::min<size_t>(kMaxName + kNameBytesPerFrame * size_t{count}, UINT32_MAX);
  pool_ = static_cast<char*>(RawMap(pool_size_));
  return frames_ != nullptr && pool_ != nullptr ? 0 : -ENOMEM;
}

void FrameSymbols::LookUp(const ModuleTable& modules, char* scratch) {
  Frame* limit = frames_ + count_;
  std::sort(frames_, limit, [](const Frame& a, const Frame& b) { return a.address < b.address; });
  for (Frame* first = frames_; first != limit;) {
    uint32_t index = modules.Find(first->address);
    Frame* next = first + 1;
    if (index != ModuleTable::kNone) {
      const Module& module = modules.at(index);
      while (next != limit && next->address < module.limit) next++;
      for (Frame* frame = first; frame != next; frame++) frame->module = index;
      bool is_main = strcmp(module.path, modules.at(modules.main_binary()).path) == 0;
      ResolveModule(module, is_main, first, next, scratch);
    }
    first = next;
  }
}

void FrameSymbols::ResolveModule(const Module& module, bool is_main, Frame* first, Frame* limit,
                                 char* scratch) {
  if (module.inode == 0 || (module.deleted && !is_main)) return;
  // The program itself is to be had by this name even if its file has gone.
  File file(is_main ? "/proc/self/exe" : module.path);
  Elf64_Ehdr header;
  Elf64_Shdr symbols = {}, strings = {};
  uint64_t bias;
  if (file.fd() < 0 || !SameImage(file.fd(), module.image_base) ||
      (module.start >= kRetiredBase && !SameFile(file.fd(), module.inode)) ||
      !ReadAll(file.fd(), 0, &header, sizeof(header)) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_shentsize != sizeof(Elf64_Shdr) ||
      !FindBias(file.fd(), header, module, &bias) || !FindTable(file.fd(), header, &symbols, &strings)) {
    return;
  }
  constexpr size_t kPiece = FrameSymbols::kScratchSize / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
  for (uint64_t offset = 0; offset < symbols.sh_size; offset += kPiece) {
    size_t want = std::min<uint64_t>(symbols.sh_size - offset, kPiece);
    size_t got = ReadAt(file.fd(), symbols.sh_offset + offset, scratch, want) / sizeof(Elf64_Sym);
    for (size_t i = 0; i < got; i++) {
      Elf64_Sym symbol;
      memcpy(&symbol, scratch + i * sizeof(symbol), sizeof(symbol));
      Apply(symbol, bias, first, limit);
    }
    if (got * sizeof(Elf64_Sym) != want) break;
  }
  KeepNames(file.fd(), strings.sh_offset, strings.sh_size, first, limit);
}

// Turns each frame's offset in the file's strings into a name in the pool; frames of one function share it.
void FrameSymbols::KeepNames(int fd, uint64_t strings, uint64_t strings_size, Frame* first, Frame* limit) {
  uint64_t last_start = 0;
  uint32_t last_name = 0;
  for (Frame* frame = first; frame != limit; frame++) {
    if (frame->start == 0) continue;
    if (frame->start != last_start) {
      last_start = frame->start;
      last_name = 0;
      char mangled[kMaxName], name[kMaxName];
      size_t size = frame->name < strings_size
                        ? ReadAt(fd, strings + frame->name, mangled,
                                 std::min<uint64_t>(sizeof(mangled) - 1, strings_size - frame->name))
                        : 0;
      mangled[size] = '\0';
      const char* text = Demangled(mangled, name);
      size_t length = strlen(text);
      if (length > 0 && length + 1 <= pool_size_ - pool_used_) {
        memcpy(pool_ + pool_used_, text, length + 1);
        last_name = static_cast<uint32_t>(pool_used_);
        pool_used_ += length + 1;
      }
    }
    frame->name = last_name;
    if (last_name == 0) frame->start = 0;
  }
}

const Frame* FrameSymbols::Find(uint64_t return_address) const {
  uint64_t address = return_address - 1;
  const Frame* limit = frames_ + count_;
  const Frame* frame = std::lower_bound(static_cast<const Frame*>(frames_), limit, address,
                                        [](const Frame& f, uint64_t at) { return f.address < at; });
  return frame != limit && frame->address == address ? frame : nullptr;
}

}  // namespace heapprof
