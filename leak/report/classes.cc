// SPDX-License-Identifier: Apache-2.0
#include "leak/report/classes.h"

#include <errno.h>
#include <string.h>

#include "base/system/raw_syscall.h"
#include "leak/report/findings.h"
#include "leak/report/frame_names.h"
#include "sampling/heap/heap_tables.h"

namespace heapprof::leak {
namespace {

constexpr uint16_t kUnasked = 0, kNo = 1, kYes = 2;
constexpr uint16_t kBuiltIn = UINT16_MAX;

struct Matcher {
  Suppressions* suppressions;
  Suppression* found;
};

void MatchLine(void* context, const FrameLine& line) {
  auto* matcher = static_cast<Matcher*>(context);
  if (matcher->found == nullptr) matcher->found = matcher->suppressions->Match(line.function);
  if (matcher->found == nullptr) matcher->found = matcher->suppressions->Match(line.file);
}

const char* NameOf(const Module* module) {
  if (module == nullptr) return "";
  const char* slash = strrchr(module->path, '/');
  return slash != nullptr ? slash + 1 : module->path;
}

bool StartsWith(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

// What the run-time libraries keep for good, and so is there in every program: stdio's buffers, and what
// libstdc++'s constructors take, its reserve for exceptions.
bool IsRuntimesOwn(const StackView& stack, const FrameNames& names) {
  if (stack.depth < 2) return false;
  uint64_t leaf = HeapStacks().ReturnAddress(stack.locations[0]),
           caller = HeapStacks().ReturnAddress(stack.locations[1]);
  struct Is {
    static void FileBuffer(void* answer, const FrameLine& line) {
      *static_cast<bool*>(answer) |= strcmp(line.function, "_IO_file_doallocate") == 0;
    }
  };
  bool file_buffer = false;
  names.Lines(leaf, Is::FileBuffer, &file_buffer);
  return file_buffer || (StartsWith(NameOf(names.ModuleOf(leaf)), "libstdc++.so") &&
                         StartsWith(NameOf(names.ModuleOf(caller)), "ld-linux"));
}

}  // namespace

BlockClasses::~BlockClasses() {
  if (matched_ != nullptr) RawUnmap(matched_, buckets_ * sizeof(uint16_t));
}

bool BlockClasses::Init() {
  buckets_ = size_t{HeapBuckets().count()} + 1;
  matched_ = static_cast<uint16_t*>(RawMap(buckets_ * sizeof(uint16_t)));
  return matched_ != nullptr;
}

bool BlockClasses::IsLoaders(uint32_t bucket) const {
  StackView stack = HeapStacks().At(HeapBuckets().At(bucket)->stack);
  if (stack.depth == 0) return false;
  const Mapping* code = map_->Find(HeapStacks().ReturnAddress(stack.locations[0]) - 1);
  return code != nullptr && code->loader;
}

void BlockClasses::KeepLoadersBlocks(Marking* marking) {
  for (uint32_t block = 0; block < index_->count(); ++block) {
    if (marking->state(block) != BlockState::kUnseen) continue;
    uint16_t& answer = matched_[index_->bucket(block)];
    if (answer == kUnasked) answer = IsLoaders(index_->bucket(block)) ? kYes : kNo;
    if (answer == kYes) marking->AddBlock(block);
  }
  marking->Flood();
  for (size_t bucket = 0; bucket < buckets_; ++bucket) matched_[bucket] = 0;
}

Suppression* BlockClasses::MatchStack(uint32_t stack, const FrameNames& names) const {
  StackView view = HeapStacks().At(stack);
  Matcher matcher = {suppressions_, nullptr};
  for (uint32_t i = 0; i < view.depth && matcher.found == nullptr; ++i) {
    uint64_t address = HeapStacks().ReturnAddress(view.locations[i]);
    names.Lines(address, MatchLine, &matcher);
    const Module* module = names.ModuleOf(address);
    if (matcher.found == nullptr && module != nullptr) matcher.found = suppressions_->Match(module->path);
  }
  return matcher.found;
}

int BlockClasses::Suppress(uint32_t since, bool live, Marking* marking) {
  for (size_t i = 0; i < suppressions_->count(); ++i)
    suppressions_->at(i).blocks = suppressions_->at(i).bytes = 0;
  if (suppressions_->count() == 0 && !live) return 0;
  Findings candidates;
  FrameNames names;
  if (!candidates.CollectCandidates(*index_, *marking, since, live)) return -ENOMEM;
  if (candidates.count() == 0) return 0;
  if (int error = names.Resolve(candidates)) return error;
  for (const Finding& candidate : candidates) {
    if (Suppression* match = MatchStack(candidate.stack, names)) {
      matched_[candidate.bucket] = static_cast<uint16_t>(match - &suppressions_->at(0) + 1);
      match->blocks += candidate.blocks;
      match->bytes += candidate.bytes;
    } else if (live && IsRuntimesOwn(HeapStacks().At(candidate.stack), names)) {
      matched_[candidate.bucket] = kBuiltIn;
    }
  }
  marking->Start(BlockState::kSuppressed);
  for (uint32_t block = 0; block < index_->count(); ++block) {
    if (marking->state(block) == BlockState::kUnseen && matched_[index_->bucket(block)] != 0)
      marking->AddBlock(block);
  }
  marking->Flood();
  return 0;
}

}  // namespace heapprof::leak
