// SPDX-License-Identifier: Apache-2.0
// One request, from its path to its answer: the routes of Go's net/http/pprof, /metrics and the options.
//
//   Exchange exchange(Caller::kOwnThread);
//   int64_t wait = exchange.Begin(request);       // the profile of the time that now begins ...
//   if (wait > 0) { ...; exchange.Finish(); }     // ... or exchange.Abandon(), when nobody wants it any more
//   exchange.answer() ...
//
// Whoever serves several clients does other things meanwhile: nothing here waits. The answer to HEAD has the
// body, too; who sends it leaves that out.
//
// Thread-safety: an object belongs to one thread; several threads may have theirs. Signal-safety: no.
// Allocates: mmap only.
#ifndef HEAPPROF_HTTP_EXCHANGE_H_
#define HEAPPROF_HTTP_EXCHANGE_H_

#include <stdint.h>

#include "http/answer.h"
#include "http/request.h"
#include "profiles/moments/profile_moment.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/unwind/caller_frame.h"

namespace heapprof::http {

// Who answers: a thread of the program's, which called at `frame`, or the library's own, which calls no
// allocator and has descriptors of its own.
enum class CallerKind : uint8_t { kProgram, kOwnThread };
struct Caller {
  CallerKind kind = CallerKind::kProgram;
  CallerFrame frame = {};
};

class Exchange {
 public:
  constexpr Exchange() = default;
  explicit Exchange(const Caller& caller) : caller_(caller) {}
  ~Exchange() { Abandon(); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Nanoseconds after which the answer may be finished; 0: it is. `request` is not kept.
  int64_t Begin(const Request& request);
  void Finish();
  void Abandon();
  // Whether there was such a page.
  bool found() const { return found_; }

  const Answer& answer() const { return answer_; }
  Answer* mutable_answer() { return &answer_; }

 private:
  enum class Pending : uint8_t { kNothing, kCpu, kWall, kDifference };

  int64_t Route(const Request& request);
  void Redirect(const Request& request, const char* path);
  int64_t BeginProfile(const Request& request, const char* name);
  int64_t BeginDifference(const Request& request, const NamedProfile& profile, const char* name,
                          const char* seconds);
  int64_t BeginClock(const Request& request, Pending clock);
  void WriteNow(const NamedProfile& profile, const char* name, int debug);
  void WriteDelta(const Request& request, const NamedProfile& profile);
  void BeginBinary(const char* name, const char* suffix);
  void FinishBody(int error);

  Caller caller_;
  Answer answer_;
  bool found_ = true;
  Pending pending_ = Pending::kNothing;
  const NamedProfile* profile_ = nullptr;
  char name_[NamedProfile::kMaxNameSize + 1] = {};
  char location_[2048] = {};
  ProfileMoment before_;
};

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_EXCHANGE_H_
