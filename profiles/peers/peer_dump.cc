// SPDX-License-Identifier: Apache-2.0
#include "profiles/peers/peer_dump.h"

#include <errno.h>
#include <fcntl.h>

#include <atomic>

#include "base/memory/arena.h"
#include "base/system/raw_syscall.h"
#include "profiles/dump.h"
#include "profiles/output/dump_file.h"
#include "profiles/write/heap_profile.h"
#include "profiles/write/heap_source.h"
#include "proto/descriptor_sink.h"
#include "sampling/recorder.h"

namespace heapprof {
namespace {

// A moment. Lies at the start of its own mapping, before the counts.
struct Moment {
  uint32_t epoch;
  uint32_t buckets;
  size_t mapped;
  Moment* retired;  // the one that was given up before it
  uint64_t allocations[];
};

// Who reads the moment counts itself first; one that was given up is unmapped when nobody reads any.
std::atomic<Moment*> g_moment{nullptr}, g_retired{nullptr};
std::atomic<uint32_t> g_readers{0};

void Retire(Moment* moment) {
  if (moment != nullptr) {
    // release: its link before it.
    moment->retired = g_retired.load(std::memory_order_relaxed);
    while (!g_retired.compare_exchange_weak(moment->retired, moment, std::memory_order_release)) {
    }
  }
  Moment* all = g_retired.exchange(nullptr, std::memory_order_acquire);
  // seq_cst: a reader that is not counted yet finds the moment that took the place of these.
  if (g_readers.load(std::memory_order_seq_cst) == 0) {
    while (all != nullptr) {
      Moment* next = all->retired;
      UnmapMetadata(all, all->mapped);
      all = next;
    }
  } else if (all != nullptr) {
    Moment* last = all;
    while (last->retired != nullptr) last = last->retired;
    last->retired = g_retired.load(std::memory_order_relaxed);
    while (!g_retired.compare_exchange_weak(last->retired, all, std::memory_order_release)) {
    }
  }
}

// The counts since the present moment, while it lives.
class Since {
 public:
  Since() {
    g_readers.fetch_add(1, std::memory_order_seq_cst);
    const Moment* moment = g_moment.load(std::memory_order_seq_cst);
    if (moment == nullptr) return;
    const uint32_t buckets = HeapBuckets().count();
    bytes_ = sizeof(uint32_t) * (size_t{buckets} + 1);
    in_use_ = static_cast<uint32_t*>(RawMap(bytes_));
    has_memory_ = in_use_ != nullptr;
    if (!has_memory_) return;
    recorder::CountLiveSince(moment->epoch, in_use_, buckets);
    counts_ = {moment->allocations, moment->buckets, in_use_, buckets};
  }
  ~Since() {
    if (in_use_ != nullptr) RawUnmap(in_use_, bytes_);
    g_readers.fetch_sub(1, std::memory_order_seq_cst);
  }
  Since(const Since&) = delete;
  Since& operator=(const Since&) = delete;

  bool has_memory() const { return has_memory_; }
  // nullptr: there was no reset.
  const SinceCounts* counts() const { return in_use_ == nullptr ? nullptr : &counts_; }

 private:
  uint32_t* in_use_ = nullptr;
  size_t bytes_ = 0;
  bool has_memory_ = true;
  SinceCounts counts_ = {};
};

struct Work {
  const char* path;
  PeerFile kind;
  ByteSink* sink;
  PeerText text;

  int WriteThrough(void* workspace) const {
    constexpr int kMode = 0644;
    int fd;
    do {
      fd = RawOpen(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, kMode);
    } while (fd == -EINTR);
    if (fd < 0) return fd;
    DescriptorSink file(fd);
    const int error = WritePeerText(text, &file, workspace);
    const int closed = RawClose(fd);
    return error != 0 || closed == -EINTR ? error : closed;
  }
  int WriteWhole(void* workspace) const {
    DumpFile file;
    if (int error = file.Open(path)) return error;
    DescriptorSink descriptor(file.fd());
    return file.Close(WritePeerText(text, &descriptor, workspace));
  }
  static int Write(void* argument, void* workspace) {
    const auto& work = *static_cast<const Work*>(argument);
    if (work.sink != nullptr) return WritePeerText(work.text, work.sink, workspace);
    return work.kind == PeerFile::kThrough ? work.WriteThrough(workspace) : work.WriteWhole(workspace);
  }
};

int Run(Work work) {
  Since since;  // before the dump's lock, as it takes those of the live table
  if (!since.has_memory()) return -ENOMEM;
  work.text.since = since.counts();
  return RunAsDump(Work::Write, &work);
}

}  // namespace

int ResetPeerProfiles() {
  const uint32_t buckets = HeapBuckets().count();
  const size_t size = sizeof(Moment) + buckets * sizeof(uint64_t);
  auto* moment = static_cast<Moment*>(MapMetadata(size));
  if (moment == nullptr) return -ENOMEM;
  // The epoch first: what is allocated in between is in use at least, and not taken off what was allocated.
  moment->epoch = recorder::NextLeakEpoch();
  moment->buckets = buckets;
  moment->mapped = size;
  for (uint32_t id = 1; id <= buckets; ++id) {
    const Bucket* bucket = HeapBuckets().At(id);
    moment->allocations[id - 1] = bucket == nullptr ? 0 : bucket->allocations.load(std::memory_order_relaxed);
  }
  Retire(g_moment.exchange(moment, std::memory_order_seq_cst));
  return 0;
}

void UndoResetOfPeerProfiles() { Retire(g_moment.exchange(nullptr, std::memory_order_seq_cst)); }

int DumpPeerFile(const char* path, PeerFile kind, const TextStyle& style, uint64_t interval) {
  return Run({path, kind, nullptr, {&style, nullptr, interval}});
}

int WritePeerProfile(ByteSink* sink, const TextStyle& style, uint64_t interval) {
  return Run({nullptr, PeerFile::kWhole, sink, {&style, nullptr, interval}});
}

void PeerDumpsAfterForkInChild() { g_readers.store(0, std::memory_order_relaxed); }

}  // namespace heapprof
