// SPDX-License-Identifier: Apache-2.0
// Keeps what is written in mapped memory that grows, so that a report is made while the world is stopped, a
// lock is held or memory is short, and told later.
//
// Thread-safety: an object belongs to one writer. Signal-safety: yes. Allocates: mmap only. Zeroed memory is
// an empty sink.
#ifndef HEAPPROF_PROTO_MEMORY_SINK_H_
#define HEAPPROF_PROTO_MEMORY_SINK_H_

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/system/raw_syscall.h"
#include "proto/byte_sink.h"

namespace heapprof {

class MemorySink final : public ByteSink {
 public:
  MemorySink() = default;
  ~MemorySink() { Clear(); }
  MemorySink(const MemorySink&) = delete;
  MemorySink& operator=(const MemorySink&) = delete;

  int Write(const void* data, size_t size) override {
    if (size_ + size > capacity_) {
      constexpr size_t kFirst = 256 << 10;
      size_t wider = capacity_ == 0 ? kFirst : capacity_ * 2;
      while (wider < size_ + size) wider *= 2;
      auto* fresh = static_cast<char*>(RawMap(wider));
      if (fresh == nullptr) return -ENOMEM;
      if (data_ != nullptr) {
        memcpy(fresh, data_, size_);
        RawUnmap(data_, capacity_);
      }
      data_ = fresh;
      capacity_ = wider;
    }
    memcpy(data_ + size_, data, size);
    size_ += size;
    return 0;
  }

  const char* data() const { return data_; }
  char* mutable_data() { return data_; }
  size_t size() const { return size_; }
  // Gives the memory back.
  void Clear() {
    if (data_ != nullptr) RawUnmap(data_, capacity_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

}  // namespace heapprof

#endif  // HEAPPROF_PROTO_MEMORY_SINK_H_
