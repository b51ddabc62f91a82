// SPDX-License-Identifier: Apache-2.0
// heapprof: a malloc with a heap profiler in it. The C++ interface (C++11 or later), thin over heapprof.h.
//
//     if (std::error_code error = heapprof::DumpHeap("/tmp/now.heap.pb.gz")) ...
//
// Functions throw nothing, may be called from any thread, and report errors as std::error_code of the generic
// category (compare with std::errc). Those marked [signal-safe] may be called from a signal handler too, and
// need no heap.
#ifndef HEAPPROF_HEAPPROF_HPP_
#define HEAPPROF_HEAPPROF_HPP_

#if __cplusplus < 201103L
#error "heapprof.hpp needs C++11 or later; heapprof.h has the C interface"
#endif

#include <heapprof/heapprof.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <system_error>
#include <utility>

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
  kProto = 0,    // gzip'd profile.proto
  kText = 1,     // text with symbols
  kThreads = 2,  // of "threads" only: text, a paragraph for each thread
};

// Writes the profile `name` ("heap", "allocs", "threadcreate", "threads", ..., or one of the program's) to
// the descriptor `fd`. [signal-safe] Errors: no_such_file_or_directory: no such profile; those of write().
inline std::error_code WriteProfile(const char* name, int fd, Format format = Format::kProto) noexcept {
  return ErrorOf(heapprof_write_profile(name, fd, static_cast<int>(format)));
}

// Sets the mean number of bytes between samples, in every thread at once: 0 = off, 1 = every allocation.
inline std::error_code SetSampleInterval(std::size_t bytes) noexcept {
  return ErrorOf(heapprof_set_sample_interval(bytes));
}

// The mean number of bytes between samples now in force. [signal-safe]
inline std::size_t SampleInterval() noexcept { return heapprof_sample_interval(); }

// Sets the mean time of waiting between samples of "block" and "mutex", in nanoseconds: 0 = off, 1 = every
// wait. Errors: invalid_argument: more than an hour; not_supported: the program is linked with -static.
inline std::error_code SetContentionInterval(std::uint64_t nanoseconds) noexcept {
  return ErrorOf(heapprof_set_contention_interval(nanoseconds));
}

// The interval now in force. [signal-safe]
inline std::uint64_t ContentionInterval() noexcept { return heapprof_contention_interval(); }

// The profile "peak" tells of the time from now on. [signal-safe]
inline void ResetPeak() noexcept { heapprof_reset_peak(); }

// Sets an option of HEAPPROF_OPTIONS while the program runs.
// Errors: no_such_file_or_directory: there is none; operation_not_permitted: it holds from the start to the
// end; invalid_argument: a bad value.
inline std::error_code SetOption(const char* name, const char* value) noexcept {
  return ErrorOf(heapprof_set_option(name, value));
}

// The value in force of an option; "" too if there is no such option.
inline std::string Option(const char* name) {
  std::string value(4096, '\0');
  if (heapprof_option(name, &value[0], value.size()) != 0) value[0] = '\0';
  value.resize(std::strlen(value.c_str()));
  return value;
}

// Answers a request of the program's own server: write(heapprof_http_response), once, which must not throw.
// Errors: no_such_file_or_directory: the target is no page of heapprof's.
template <typename Write>
std::error_code Http(const heapprof_http_request& request, Write write) {
  const auto pass = [](void* to, const heapprof_http_response* it) { (*static_cast<Write*>(to))(*it); };
  return ErrorOf(heapprof_http(&request, pass, &write));
}

// Begins and ends a CPU profile, which is written to `fd` at its end. [signal-safe]
// Errors: device_or_resource_busy: one runs; file_exists: the program uses SIGPROF itself; see heapprof.h.
inline std::error_code StartCpuProfile(int fd, int hz = 100) noexcept {
  return ErrorOf(heapprof_start_cpu_profile(fd, hz));
}
inline std::error_code StopCpuProfile() noexcept { return ErrorOf(heapprof_stop_cpu_profile()); }

// A CPU profile for as long as the object lives, or until Stop(); it is written to `fd` then.
//
//     heapprof::ScopedCpuProfile profile(fd);
//     if (profile.error()) ...  // it did not begin
class ScopedCpuProfile {
 public:
  explicit ScopedCpuProfile(int fd, int hz = 100) noexcept
      : error_(StartCpuProfile(fd, hz)), runs_(!error_) {}
  ~ScopedCpuProfile() { Stop(); }
  ScopedCpuProfile(const ScopedCpuProfile&) = delete;
  ScopedCpuProfile& operator=(const ScopedCpuProfile&) = delete;

  // Of the beginning, or of the end.
  std::error_code error() const noexcept { return error_; }
  std::error_code Stop() noexcept {
    if (runs_) error_ = StopCpuProfile();
    runs_ = false;
    return error_;
  }

 private:
  std::error_code error_;
  bool runs_;
};

// Begins and ends a wall-clock profile, which is written to `fd` at its end. [signal-safe]
// Errors: device_or_resource_busy: one runs; see heapprof.h.
inline std::error_code StartWallProfile(int fd, int hz = 20) noexcept {
  return ErrorOf(heapprof_start_wall_profile(fd, hz));
}
inline std::error_code StopWallProfile() noexcept { return ErrorOf(heapprof_stop_wall_profile()); }

// A wall-clock profile for as long as the object lives, or until Stop(); it is written to `fd` then.
//
//     heapprof::ScopedWallProfile profile(fd);
//     if (profile.error()) ...  // it did not begin
class ScopedWallProfile {
 public:
  explicit ScopedWallProfile(int fd, int hz = 20) noexcept
      : error_(StartWallProfile(fd, hz)), runs_(!error_) {}
  ~ScopedWallProfile() { Stop(); }
  ScopedWallProfile(const ScopedWallProfile&) = delete;
  ScopedWallProfile& operator=(const ScopedWallProfile&) = delete;

  // Of the beginning, or of the end.
  std::error_code error() const noexcept { return error_; }
  std::error_code Stop() noexcept {
    if (runs_) error_ = StopWallProfile();
    runs_ = false;
    return error_;
  }

 private:
  std::error_code error_;
  bool runs_;
};

// A thread's labels at one moment, to be handed to whoever works for it.
//
//     queue.Push({job, heapprof::Labels()});                 // the thread that asks
//     heapprof::ScopedLabels labels(entry.labels);           // the worker, while it does the job
class Labels {
 public:
  // Those of the calling thread.
  Labels() noexcept : set_(heapprof_labels_capture()) {}
  heapprof_label_set set() const noexcept { return set_; }

 private:
  heapprof_label_set set_;
};

// Labels of the calling thread's samples for as long as the object lives; then the thread has again those
// that it had. Keys outlive the object. A pair that is refused (see heapprof_labels_set) is left out.
//
//     heapprof::ScopedLabels request("request", path);
//     heapprof::ScopedLabels both({{"tenant", "a"}, {"request", "list"}});
class ScopedLabels {
 public:
  enum : std::size_t { kMax = 16 };
  using Pair = std::pair<const char*, const char*>;

  ScopedLabels(const char* key, const char* value) noexcept : ScopedLabels({{key, value}}) {}
  ScopedLabels(std::initializer_list<Pair> pairs) noexcept {
    for (const Pair& pair : pairs) {
      if (count_ == kMax) break;
      before_[count_++] = {pair.first, heapprof_labels_get(pair.first)};
      if (std::error_code error = ErrorOf(heapprof_labels_set(pair.first, pair.second))) {
        error_ = error;
        --count_;
      }
    }
  }
  // The labels of another moment or thread, in place of the thread's own.
  explicit ScopedLabels(const Labels& labels) noexcept : adopted_(true), own_(heapprof_labels_capture()) {
    error_ = ErrorOf(heapprof_labels_adopt(labels.set()));
  }
  ~ScopedLabels() {
    if (adopted_) heapprof_labels_adopt(own_);
    while (count_ > 0) {
      --count_;
      heapprof_labels_set(before_[count_].first, before_[count_].second);
    }
  }
  ScopedLabels(const ScopedLabels&) = delete;
  ScopedLabels& operator=(const ScopedLabels&) = delete;
  // Of the last pair that was refused.
  std::error_code error() const noexcept { return error_; }

 private:
  Pair before_[kMax];
  std::size_t count_ = 0;
  std::error_code error_;
  bool adopted_ = false;
  heapprof_label_set own_ = 0;
};

// A named profile, which shows the objects that are there now by the stacks that made them. A plain handle.
//
//     static heapprof::Profile open_files("app.files");
//     File::File() { open_files.Add(this); }
//     File::~File() { open_files.Remove(this); }
class Profile {
 public:
  // The profile of that name, made if there is none. An object without a profile (see operator bool: a bad
  // name, no memory) takes everything and does nothing.
  explicit Profile(const char* name) noexcept : profile_(heapprof_profile_lookup(name)) {
    if (profile_ == nullptr) profile_ = heapprof_profile_new(name);
    if (profile_ == nullptr) profile_ = heapprof_profile_lookup(name);  // another thread was faster
  }
  explicit Profile(heapprof_profile* profile) noexcept : profile_(profile) {}

  // All profiles, in the order of their names, at most `capacity`; returns how many there are.
  static std::size_t List(heapprof_profile** out, std::size_t capacity) noexcept {
    return heapprof_profile_list(out, capacity);
  }

  explicit operator bool() const noexcept { return profile_ != nullptr; }
  const char* name() const noexcept { return heapprof_profile_name(profile_); }
  std::size_t count() const noexcept { return heapprof_profile_count(profile_); }
  // The stack begins with the function that calls Add, less `skip` frames. Errors: file_exists: the key is in
  // the profile.
  __attribute__((always_inline)) std::error_code Add(const void* key, int skip = 0) noexcept {
    return ErrorOf(heapprof_profile_add(profile_, key, skip));
  }
  // With a value: `count` things, usually one, of `amount` in all. The first key fixes the unit ("bytes").
  // Errors: file_exists; invalid_argument: a negative value, another unit.
  //
  //     pool.AddValue(block, 1, size, "bytes");
  __attribute__((always_inline)) std::error_code AddValue(const void* key, std::int64_t count,
                                                          std::int64_t amount, const char* unit,
                                                          int skip = 0) noexcept {
    return ErrorOf(heapprof_profile_add_value(profile_, key, skip, count, amount, unit));
  }
  std::error_code Remove(const void* key) noexcept { return ErrorOf(heapprof_profile_remove(profile_, key)); }
  std::error_code Write(int fd, Format format = Format::kProto) const noexcept {
    return WriteProfile(name(), fd, format);
  }

 private:
  heapprof_profile* profile_;
};

// The fields are explained in heapprof.h. (C has a function of the structure's name; of a `using` gcc 10
// warns.)
typedef struct ::heapprof_stats Statistics;

// What the profiler did so far; all zero if it cannot say. [signal-safe]
inline Statistics Stats() noexcept {
  Statistics stats = {};
  stats.size = sizeof stats;
  if (::heapprof_stats(&stats) != 0) stats = {};
  return stats;
}

// The fields are explained in heapprof.h.
typedef struct ::heapprof_bucket Bucket;

// Calls visit(const Bucket&) for each bucket of the heap profile as it is now.
template <typename Visit>
void Snapshot(Visit visit, bool in_use_only = false) {
  heapprof_snapshot(
      [](void* argument, const Bucket* bucket) {
        (*static_cast<Visit*>(argument))(*bucket);
        return 0;
      },
      &visit, in_use_only ? HEAPPROF_SNAPSHOT_IN_USE : 0);
}

// What is allocated from the object's making until WriteTo().
class AllocationInterval {
 public:
  AllocationInterval() noexcept : interval_(heapprof_interval_begin()) {}
  ~AllocationInterval() {
    if (interval_ != nullptr) heapprof_interval_end(interval_, -1);
  }
  AllocationInterval(const AllocationInterval&) = delete;
  AllocationInterval& operator=(const AllocationInterval&) = delete;

  // A profile of what was allocated since. Once. Errors: invalid_argument: there was no memory at the begin,
  // or it was written; those of the write.
  std::error_code WriteTo(int fd) noexcept {
    heapprof_interval* const interval = interval_;
    interval_ = nullptr;
    return ErrorOf(heapprof_interval_end(interval, fd));
  }

 private:
  heapprof_interval* interval_;
};

// The fields are explained in heapprof.h.
typedef struct ::heapprof_leaks Leaks;

// Why there was no leak check, for people.
inline std::string WhyUnchecked(std::error_code error) {
  if (error.value() != ENODATA) return "not checked for leaks: " + error.message();
  return "not checked for leaks: not every allocation is recorded; set HEAPPROF_OPTIONS=sample_interval=1";
}

// What was allocated since the object was made, or since Restart(), by any thread, and
//   Check()    is leaked: nothing in the program points to it any more
//   Alive()    is still allocated, leaked or not
// Both stop all other threads for a moment, and need every allocation recorded (option leak_check or
// sample_interval=1, from the start of the program). If they cannot tell, all numbers that they return are
// UINT64_MAX, and report() and error() say why: a check that was not made is no clean one.
//
//     heapprof::LeakScope scope;
//     for (int i = 0; i < 1000; ++i) server.Serve(request);
//     ASSERT_EQ(scope.Check().leaked_blocks, 0u) << scope.report();
class LeakScope {
 public:
  LeakScope() noexcept : since_(heapprof_leak_mark()) {}
  LeakScope(const LeakScope&) = delete;
  LeakScope& operator=(const LeakScope&) = delete;

  void Restart() noexcept { since_ = heapprof_leak_mark(); }

  // leaked_blocks and leaked_bytes.
  Leaks Check() { return Run(0); }
  // alive_blocks and alive_bytes, too.
  Leaks Alive() { return Run(HEAPPROF_LEAKS_ALIVE); }

  // The stacks of what the last call found, "" if it found nothing, or why it could not tell.
  const std::string& report() const noexcept { return report_; }
  // Of the last call. no_message_available: not every allocation was recorded.
  std::error_code error() const noexcept { return error_; }

 private:
  Leaks Run(unsigned flags) {
    Leaks leaks = {};
    leaks.size = sizeof leaks;
    std::string().swap(report_);  // the text of the last call is no part of what is counted now
    error_ = ErrorOf(heapprof_check_leaks(since_, flags, &leaks, Append, &report_));
    if (error_) {
      const std::string why = WhyUnchecked(error_);
      Append(&report_, why.data(), why.size());
      leaks.leaked_blocks = leaks.leaked_bytes = leaks.alive_blocks = leaks.alive_bytes = UINT64_MAX;
    }
    return leaks;
  }
  static void Append(void* report, const char* text, std::size_t size) {
    heapprof_leaks_disable();
    static_cast<std::string*>(report)->append(text, size);
    heapprof_leaks_enable();
  }

  std::uint64_t since_;
  std::string report_;
  std::error_code error_;
};

// For soak loops: calls step() `rounds` times after as many to warm up, and returns by how many bytes what is
// allocated has grown over the second half: 0 if it has not. Caches that fill up in the first half are no
// growth. UINT64_MAX if nobody can tell, since not every allocation was recorded; `error` says why.
template <typename Step>
std::uint64_t GrowthOver(int rounds, Step step, std::error_code* error = nullptr) {
  std::error_code failed;
  const auto alive = [&failed]() -> std::uint64_t {
    Leaks leaks = {};
    leaks.size = sizeof leaks;
    const int result = heapprof_check_leaks(0, HEAPPROF_LEAKS_ALIVE, &leaks, nullptr, nullptr);
    if (result < 0) failed = ErrorOf(result);
    return leaks.alive_bytes;
  };
  for (int i = 0; i < rounds; ++i) step();
  const std::uint64_t before = alive();
  for (int i = 0; i < rounds; ++i) step();
  const std::uint64_t after = alive();
  if (error != nullptr) *error = failed;
  if (failed) return UINT64_MAX;
  return after > before ? after - before : 0;
}

}  // namespace cxx_api
}  // namespace heapprof

#endif  // HEAPPROF_HEAPPROF_HPP_
