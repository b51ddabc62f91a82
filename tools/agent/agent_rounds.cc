// SPDX-License-Identifier: Apache-2.0
// The rounds of an agent: what is asked of a process, and what is made of the answers.
#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "tools/agent/agent.h"
#include "tools/agent/process/monotonic.h"
#include "tools/base/failure.h"
#include "tools/profile/load.h"
#include "tools/profile/profile_writer.h"

namespace heapprof::tools::agent {
namespace {

constexpr size_t kMaxOptions = 64 << 10, kMaxProfile = 32 << 20;
constexpr uint64_t kMaxInflated = 96 << 20;
// What is remembered of each is 24 bytes.
constexpr size_t kMaxSamples = 1 << 18;
// Of what is remembered of all processes; the state that is left to the next agent holds it, too.
constexpr size_t kMaxBaselines = 192 << 20;
// Of answers that are under way, all together.
constexpr size_t kMaxHeld = 64 << 20;
constexpr size_t kMostQuick = 16, kMostLooks = 2;
constexpr double kAnswerSeconds = 10, kLookSeconds = 5;

// Errors: Failure.
Profile LoadBytes(const std::string& bytes) {
  ProfileSource source(FileBytes{bytes}, kMaxInflated);
  LoadOptions options;
  options.max_bytes = kMaxInflated;
  options.apply_drop_frames = false;  // readers drop them
  return LoadProfile(&source, options);
}

// RFC 1952, fast rather than small: it waits in the spool for a moment.
std::string Gzip(const std::string& plain) {
  constexpr int kGzipWindow = 15 + 16, kMemory = 8;
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Failure("no memory to deflate with");
  std::string bytes(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  deflate(&stream, Z_FINISH);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

}  // namespace

void Agent::BeginRound(Watched* watched) {
  const int64_t now = MonotonicNanos();
  watched->round_began = watched->waits_since = now;
  // The next one is a tenth of an interval sooner or later, so that rounds do not stay in step.
  const double interval = options_.interval * std::uniform_real_distribution<double>(0.9, 1.1)(random_);
  constexpr double kLongestBackoff = 600;
  const double backoff =
      std::min(std::ldexp(interval, std::min(watched->failures, 10)), std::max(kLongestBackoff, interval));
  watched->next_round = now + static_cast<int64_t>(backoff * kNanosASecond);
  // Where nothing is sent, what listens now is all that is wanted.
  if (!watched->endpoint || targets_.empty()) watched->endpoint = FindEndpoint(*watched->process);
  if (targets_.empty()) {
    EndRound(watched, "");
    return;
  }
  if (!watched->endpoint) {
    if (!options_.signals || !options_.heap) {
      EndRound(watched, "it has no server (option http)");
    } else if (looks_running_ >= kMostLooks) {
      watched->next_round = now + kNanosASecond / 10;
    } else {
      ++figures_.signals;
      ++looks_running_;
      watched->look = std::make_unique<SignalLook>(*watched->process, kLookSeconds, kMaxProfile);
      watched->look_deadline = now + static_cast<int64_t>(2 * kLookSeconds * kNanosASecond);
      if (!watched->look->good()) StepLook(watched);
    }
    return;
  }
  // While waits are not recorded it is enough to look each fourth time whether they are by now.
  constexpr size_t kSeldom = 4;
  if ((options_.block || options_.mutex) && (watched->waits_seen || watched->rounds % kSeldom == 0))
    watched->pages.push_back(Page::kOptions);
  if (options_.heap) watched->pages.push_back(Page::kHeap);
  if (options_.cpu) StartCpu(watched);
  if (watched->pages.empty() && !watched->cpu) EndRound(watched, "");
}

void Agent::EndRound(Watched* watched, const std::string& error) {
  watched->pages.clear();
  ++watched->rounds;
  ++figures_.rounds;
  if (error.empty()) {
    watched->failures = 0;
    watched->last_error.clear();
    return;
  }
  ++watched->failures;
  ++figures_.failed_rounds;
  // It may have another server by now, or another network.
  watched->endpoint.reset();
  Complain(watched, error);
}

void Agent::Complain(Watched* watched, const std::string& error) {
  if (error == watched->last_error) return;
  watched->last_error = error;
  Tell("agent: process " + std::to_string(watched->process->pid()) + " (" +
       Printable(LabelOf(watched->labels, "service")) + "): " + Printable(error));
}

bool Agent::Start(Watched* watched, Page page, const std::string& target, double seconds,
                  std::optional<Running>* running) {
  std::string why;
  OwnedFd fd = Connect(*watched->process, *watched->endpoint, &why);
  ++figures_.requests;
  if (!fd.good()) {
    ++figures_.failed_requests;
    if (running == &watched->quick) EndRound(watched, why);
    return false;
  }
  running->emplace();
  Running* begun = &**running;
  begun->page = page;
  begun->exchange =
      std::make_unique<Exchange>(std::move(fd), target, page == Page::kOptions ? kMaxOptions : kMaxProfile);
  const int64_t now = MonotonicNanos();
  begun->not_before = now + static_cast<int64_t>(seconds * kNanosASecond);
  begun->deadline = begun->not_before + static_cast<int64_t>(kAnswerSeconds * kNanosASecond);
  // Mostly the request goes out at once. What fails here is found by who steps.
  begun->ready = begun->exchange->Step() != Exchange::State::kRunning;
  return true;
}

void Agent::StartCpu(Watched* watched) {
  if (watched->cpu) return;
  // Over before the next round begins.
  const double longest = std::floor(options_.interval * 0.8);
  const auto seconds = static_cast<int>(std::max(1.0, std::min(options_.cpu_seconds, longest)));
  Start(watched, Page::kCpu, "/debug/pprof/profile?seconds=" + std::to_string(seconds), seconds,
        &watched->cpu);
}

void Agent::Go(Watched* watched) {
  if (watched->quick || watched->pages.empty() || quick_running_ >= kMostQuick) return;
  const Page page = watched->pages.front();
  watched->pages.pop_front();
  const std::string target =
      page == Page::kOptions ? "/debug/heapprof/options" : std::string("/debug/pprof/") + NameOf(page);
  if (Start(watched, page, target, 0, &watched->quick)) ++quick_running_;
}

// An exchange is over.
void Agent::Finish(Watched* watched, std::optional<Running>* running) {
  const Running done = std::move(**running);
  running->reset();
  const bool is_quick = running == &watched->quick;
  if (is_quick) --quick_running_;
  if (is_quick) watched->waits_since = MonotonicNanos();
  const int status = done.exchange->status();
  std::string error;
  constexpr int kGood = 200, kServerError = 500;
  if (done.exchange->state() != Exchange::State::kDone) {
    error = done.exchange->why().empty() ? "no answer in time" : done.exchange->why();
  } else if (status != kGood && !(done.page == Page::kCpu && status == kServerError)) {
    error = "status " + std::to_string(status);
  }
  if (!error.empty()) {
    ++figures_.failed_requests;
    error = std::string(NameOf(done.page)) + ": " + error;
    is_quick ? EndRound(watched, error) : Complain(watched, error);
    return;
  }
  if (done.page == Page::kOptions) {
    // Once more after they are off: what came last is told, too.
    const bool records = RecordsWaits(done.exchange->TakeBody());
    if (records || watched->waits_seen) {
      if (options_.block) watched->pages.push_back(Page::kBlock);
      if (options_.mutex) watched->pages.push_back(Page::kMutex);
    }
    watched->waits_seen = records;
  } else if (status == kGood) {
    Take(watched, NameOf(done.page), done.exchange->TakeBody());
  }
  if (is_quick && watched->pages.empty()) EndRound(watched, "");
}

void Agent::StepLook(Watched* watched) {
  const bool late = MonotonicNanos() >= watched->look_deadline;
  if (watched->look->good() && !late && !watched->look->Step()) return;
  const std::unique_ptr<SignalLook> look = std::move(watched->look);
  --looks_running_;
  if (!look->good() || late) {
    EndRound(watched, late ? "it does not answer its dump signal" : look->why());
    return;
  }
  Take(watched, "heap", look->TakeProfile());
  EndRound(watched, "");
}

// Of who holds more than there is room for the largest goes.
void Agent::LimitHeld() {
  for (;;) {
    size_t held = 0, most = 0;
    Watched* largest = nullptr;
    std::optional<Running>* its = nullptr;
    for (const auto& [pid, entry] : watched_) {
      for (std::optional<Running>* running : {&entry->quick, &entry->cpu}) {
        const size_t bytes = *running ? (*running)->exchange->bytes_held() : 0;
        held += bytes;
        if (bytes <= most) continue;
        most = bytes;
        largest = entry.get();
        its = running;
      }
    }
    if (held <= kMaxHeld) return;
    Finish(largest, its);
  }
}

void Agent::StepAll() {
  const int64_t now = MonotonicNanos();
  for (const auto& [pid, entry] : watched_) {
    Watched* watched = entry.get();
    for (std::optional<Running>* running : {&watched->quick, &watched->cpu}) {
      if (!*running) continue;
      Exchange* exchange = (*running)->exchange.get();
      const bool over = (*running)->ready && exchange->Step() != Exchange::State::kRunning;
      if (over || now >= (*running)->deadline) Finish(watched, running);
    }
    if (watched->look) StepLook(watched);
    const bool busy = watched->quick || watched->look || !watched->pages.empty();
    const bool wants_more = options_.rounds == 0 || watched->rounds < options_.rounds;
    if (!busy && wants_more && now >= watched->next_round) BeginRound(watched);
  }
  LimitHeld();
  for (Watched* watched : InTurn(watched_)) Go(watched);
}

void Agent::Take(Watched* watched, const char* kind, std::string bytes) try {
  Profile profile = LoadBytes(bytes);
  bytes = std::string();
  if (profile.samples.size() > kMaxSamples) throw Failure("it has too many samples");
  const std::string_view name(kind);
  bool any = !profile.samples.empty();
  const auto nanos = [](double seconds) { return static_cast<int64_t>(seconds * kNanosASecond); };
  KeepTime(RealNanos(), name == "cpu" ? nanos(options_.cpu_seconds + kAnswerSeconds) : 0, &profile);
  if (name != "cpu") any = watched->baselines[kind].Subtract(name, watched->since_nanos, &profile);
  LimitBaselines(kMaxBaselines, watched_);
  // The clock may have been set since the last of this kind.
  int64_t* taken = &watched->taken[kind];
  const int64_t now = MonotonicNanos();
  if (*taken != 0) LimitDuration(now - *taken + nanos(kAnswerSeconds), &profile);
  *taken = now;
  if (!any) {
    ++figures_.empty;
    return;
  }
  names_.Name(*watched->process, &watched->files, &profile);
  Send(*watched, kind, profile);
} catch (const Failure& failure) {
  ++figures_.unreadable;
  Complain(watched, std::string(kind) + ": " + failure.what());
}

void Agent::Send(const Watched& watched, const char* kind, const Profile& profile) {
  send::Item item;
  item.id = send::NewId();
  item.kind = kind;
  for (const auto& [name, value] : watched.labels) item.labels.push_back({name, value});
  item.start_ns = profile.header.time_nanos;
  item.duration_ns = profile.header.duration_nanos;
  item.delta = true;
  item.bytes = Gzip(SerializeProfile(profile));
  ++figures_.profiles;
  figures_.profile_bytes += item.bytes.size();
  for (size_t i = 0; i < targets_.size(); ++i) {
    targets_[i]->Add(item);
  }
}

}  // namespace heapprof::tools::agent
