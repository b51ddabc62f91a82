// SPDX-License-Identifier: Apache-2.0
// The compiler of docs/named-profiles.md. It takes everything from an arena, which takes chunks from malloc:
// the heap profile shows the arena, and the arena's own profile who holds what of it.
//   arena HEAP.pb.gz FIRST.pb.gz SECOND.pb.gz SECOND.txt
#include <fcntl.h>
#include <unistd.h>
#include <heapprof/heapprof.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// Blocks are freed all at once.
class Arena {
 public:
  explicit Arena(const char* name) : profile_(name) {}
  ~Arena() {
    Clear();
    for (char* chunk : chunks_) free(chunk);
  }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Not inlined, so that there is a frame to skip: stacks begin with the caller.
  __attribute__((noinline)) void* Allocate(std::size_t size) {
    size = (size + 15) & ~std::size_t{15};
    if (size > left_) Grow(size);
    char* const block = next_;
    next_ += size;
    left_ -= size;
    blocks_.push_back(block);
    profile_.AddValue(block, 1, static_cast<std::int64_t>(size), "bytes", 1);
    return block;
  }

  void Clear() {
    for (const void* block : blocks_) profile_.Remove(block);
    blocks_.clear();
  }

  const heapprof::Profile& profile() const { return profile_; }

 private:
  __attribute__((noinline)) void Grow(std::size_t at_least) {
    left_ = at_least > kChunk ? at_least : kChunk;
    next_ = static_cast<char*>(malloc(left_));
    if (next_ == nullptr) abort();
    chunks_.push_back(next_);
  }

  static constexpr std::size_t kChunk = 1 << 20;
  std::vector<char*> chunks_;
  std::vector<const void*> blocks_;
  char* next_ = nullptr;
  std::size_t left_ = 0;
  heapprof::Profile profile_;
};

__attribute__((noinline)) void Parse(Arena* arena, int lines) {
  for (int i = 0; i < lines; ++i) arena->Allocate(96);
}

__attribute__((noinline)) void InternNames(Arena* arena, int names) {
  for (int i = 0; i < names; ++i) arena->Allocate(std::to_string(i).size() + 20);
}

__attribute__((noinline)) void Inline(Arena* arena, int calls) {
  for (int i = 0; i < calls; ++i) Parse(arena, 30);
}

__attribute__((noinline)) void Compile(Arena* arena, int lines) {
  Parse(arena, lines);
  InternNames(arena, lines / 4);
  Inline(arena, lines / 50);
}

__attribute__((noinline)) void Check(Arena* arena) { arena->Allocate(4 << 20); }

void Write(const heapprof::Profile& profile, const char* path,
           heapprof::Format format = heapprof::Format::kProto) {
  const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const std::error_code error = profile.Write(fd, format);
  if (error) fprintf(stderr, "%s: %s\n", path, error.message().c_str());
  if (error || close(fd) != 0) exit(1);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  Arena arena("compiler.arena"), scratch("compiler.scratch");
  Check(&scratch);
  scratch.Clear();
  Compile(&arena, 10000);
  Write(arena.profile(), argv[2]);
  Compile(&arena, 4000);
  Write(arena.profile(), argv[3]);
  Write(arena.profile(), argv[4], heapprof::Format::kText);
  return heapprof::DumpHeap(argv[1]) ? 1 : 0;
}
