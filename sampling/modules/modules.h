// SPDX-License-Identifier: Apache-2.0
// The code that is mapped into this process: which file stands at which addresses, with its build id.
//
// Code that was moved to anonymous or huge pages after the start (node --use-largepages, HHVM, ClickHouse) is
// still the module's in whose executable segment it lies.
//
// Read anew for each dump, out of /proc/self/maps in pieces, without the loader's lists and their lock. When
// the main thread has ended, /proc/self answers with nothing, and /proc/thread-self is asked instead.
//
// Thread-safety: an object belongs to one reader; other threads may map and unmap meanwhile. Signal-safety:
// yes. Allocates: never; the table and the names live in the workspace, which bounds them: what finds no room
// is left out, and dropped() counts it. A module that vanishes while its notes are read has an empty build
// id: its memory is read by calls that fail instead of faulting. Invariants: (1) modules are in ascending
// order of their addresses and do not overlap; (2) texts outlive the object as long as the workspace does.
#ifndef HEAPPROF_SAMPLING_MODULES_MODULES_H_
#define HEAPPROF_SAMPLING_MODULES_MODULES_H_

#include <stddef.h>
#include <stdint.h>

namespace heapprof {

// One executable mapping. A file with several has several modules.
struct Module {
  uintptr_t start, limit;  // page-aligned
  uint64_t file_offset;    // of `start`
  uint64_t inode;          // 0: no file
  uint32_t device;         // major << 20 | minor
  uintptr_t image_base;    // where the file's first byte is mapped, its ELF header; 0: not known
  const char* path;        // without " (deleted)"; "[vdso]"; "" for anonymous code
  const char* build_id;    // lower-case hex, "" if the module has none or it could not be read
  bool deleted;
};

// Where code of an image lies, and where in its file.
struct CodeSegment {
  uintptr_t start, limit;
  uint64_t file_offset;
};

class ModuleTable {
 public:
  static constexpr uint32_t kMaxModules = 4096;
  static constexpr size_t kPoolSize = 384 << 10;
  static constexpr size_t kReadSize =
      8 << 10;  // holds the longest line: a path of 4,096 bytes, escaped, and fields
  static constexpr size_t kMaxPath = 4200;
  static constexpr uint32_t kNone = UINT32_MAX;

  // Need not be zeroed; pages are touched as they are needed.
  struct Workspace {
    Module modules[kMaxModules];
    char pool[kPoolSize];
    char text[kReadSize];
    char header_path[kMaxPath];  // of the file at header_at_
  };

  explicit ModuleTable(Workspace* workspace) : space_(workspace) {}
  ModuleTable(const ModuleTable&) = delete;
  ModuleTable& operator=(const ModuleTable&) = delete;

  // Reads the mappings of this process, and adds the modules that were unmapped under recorded stacks
  // (retired_modules.h). 0, or -errno when there is no /proc: the table then has those only.
  int Read();
  // The mappings alone.
  int ReadMapped();
  // The same from a file of the form of /proc/self/maps, with `exe` as the main binary's path. -ENODATA:
  // empty.
  int ReadFrom(const char* maps_path, const char* exe);

  uint32_t count() const { return count_; }
  const Module& at(uint32_t index) const { return space_->modules[index]; }
  // The module of an address, or kNone.
  uint32_t Find(uintptr_t address) const;
  // The first module of the program's own binary; 0 when that is not known.
  uint32_t main_binary() const { return main_; }
  uint32_t dropped() const { return dropped_; }

 private:
  struct Line;  // the fields of one line of the file

  void AddLine(char* text, size_t size, const char* exe);
  void AddModule(const Line& line, const char* exe);
  bool IsOfHeader(const Line& line) const;
  void NoteHeader(const Line& line);
  void NoteFile(const Line& line);
  bool AddCodeOfImage(const Line& line, const char* exe);
  bool AddPartsOf(uintptr_t image, const Line& line, const Line& file, const char* exe);
  const char* Keep(const char* text, size_t size);  // a copy in the pool, nullptr when that is full
  void ReadBuildIds();
  void AddRetired();

  Workspace* space_;
  uint32_t count_ = 0;
  uint32_t main_ = 0;
  bool main_known_ = false;
  uint32_t dropped_ = 0;
  size_t pool_used_ = 0;
  // The last mapping that shows a file from its first byte on: the mappings of an image follow its header's.
  uint64_t header_inode_ = 0;
  uint32_t header_device_ = 0;
  uintptr_t header_at_ = 0;
  bool header_deleted_ = false;
  size_t header_path_size_ = 0;
  // What image's code was looked up last.
  static constexpr size_t kMaxCodeSegments = 8;
  uintptr_t code_of_ = 0, code_image_limit_ = 0;
  size_t code_count_ = 0;
  CodeSegment code_[kMaxCodeSegments];
  // Modules from adopted_ on have no file yet: a mapping of theirs that follows below adopted_limit_ has it.
  uint32_t adopted_ = kNone;
  uintptr_t adopted_limit_ = 0;
};

// The code that an ELF image whose header is at `base` brings, in pages: its executable segments. Returns how
// many there are, 0 when it cannot be read or is no such image. `base` may be any address. *image_limit:
// where the last segment that was looked at ends, which is the image's end unless there was no room for all.
size_t ReadCodeSegments(uintptr_t base, CodeSegment* out, size_t capacity, uintptr_t* image_limit = nullptr);

// Writes the build id of the ELF image whose header is at `base` as lower-case hex with a final NUL to `out`.
// Returns its length, 0 when there is none or it cannot be read. `base` may be any address.
size_t ReadBuildId(uintptr_t base, char* out, size_t capacity);

}  // namespace heapprof

#endif  // HEAPPROF_SAMPLING_MODULES_MODULES_H_
