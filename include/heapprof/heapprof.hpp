// heapprof: a malloc with a heap profiler in it. The C++17 interface, thin over heapprof.h.
//
//     if (std::error_code error = heapprof::DumpHeap("/tmp/now.heap.pb.gz")) ...
//
// Functions throw nothing, may be called from any thread, and report errors as std::error_code of the generic
// category (compare with std::errc). Those marked [signal-safe] may be called from a signal handler too, and
// need no heap.
#ifndef HEAPPROF_HEAPPROF_HPP_
#define HEAPPROF_HEAPPROF_HPP_

#include <heapprof/heapprof.h>

#include <cstddef>
#include <system_error>

namespace heapprof {

// Inline, so that no function here has the linker's name of one inside the static library.
inline namespace cxx_api {

inline std::error_code ErrorOf(int result) noexcept {
  return result < 0 ? std::error_code(-result, std::generic_category()) : std::error_code();
}

// Writes a heap profile (gzip'd profile.proto) to `path`, which appears complete or not at all. nullptr names
// the file by the option `output`. [signal-safe]
inline std::error_code DumpHeap(const char* path = nullptr) noexcept {
  return ErrorOf(heapprof_dump_heap(path));
}

enum class Format {
  kProto = 0,  // gzip'd profile.proto
  kText = 1,   // text with symbols
};

// Writes the profile `name` ("heap" or "allocs") to the descriptor `fd`. [signal-safe]
// Errors: no_such_file_or_directory: no such profile; those of write().
inline std::error_code WriteProfile(const char* name, int fd, Format format = Format::kProto) noexcept {
  return ErrorOf(heapprof_write_profile(name, fd, static_cast<int>(format)));
}

// Sets the mean number of bytes between samples, in every thread at once: 0 = off, 1 = every allocation.
inline std::error_code SetSampleInterval(std::size_t bytes) noexcept {
  return ErrorOf(heapprof_set_sample_interval(bytes));
}

// The mean number of bytes between samples now in force. [signal-safe]
inline std::size_t SampleInterval() noexcept { return heapprof_sample_interval(); }

// The fields are explained in heapprof.h. (C has a function of the structure's name.)
using Statistics = struct ::heapprof_stats;

// What the profiler did so far; all zero if it cannot say. [signal-safe]
inline Statistics Stats() noexcept {
  Statistics stats = {};
  stats.size = sizeof stats;
  if (::heapprof_stats(&stats) != 0) stats = {};
  return stats;
}

}  // namespace cxx_api
}  // namespace heapprof

#endif  // HEAPPROF_HEAPPROF_HPP_
