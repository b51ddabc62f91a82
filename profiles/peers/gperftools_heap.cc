// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <sys/syscall.h>

#include <atomic>

#include "base/constinit.h"
#include "base/options.h"
#include "base/system/process_copy.h"
#include "base/system/raw_syscall.h"
#include "base/text.h"
#include "profiles/dump_triggers.h"
#include "profiles/peers/gperftools.h"
#include "profiles/peers/gperftools_settings.h"
#include "profiles/peers/own_stack.h"
#include "profiles/peers/peer_dump.h"
#include "profiles/peers/peers.h"
#include "profiles/triggers.h"
#include "sampling/recorder.h"

namespace heapprof::gperftools {
namespace {

constexpr uint64_t kDefaultAllocationInterval = 1 << 30, kDefaultInUseInterval = 100 << 20;
constexpr uint64_t kSecond = 1'000'000'000;

HeapSettings g_settings = {kDefaultAllocationInterval, kDefaultInUseInterval, 0, 0, ""};
HP_CONSTINIT DumpTriggers g_triggers;
// The prefix of the profiler that is on, one of two by turns: written whole before the pointer.
char g_prefixes[2][kPathCapacity];
std::atomic<const char*> g_prefix{nullptr};  // nullptr: it is not on
std::atomic<uint32_t> g_prefix_turn{0};
std::atomic<uint64_t> g_files{0};
std::atomic<bool> g_ends{false};  // the last file was written

TextStyle Style() {
  TextStyle style;
  style.form = TextForm::kGperftools;
  return style;
}

void MakeName(const char* prefix, uint64_t number, TextWriter* name) {
  constexpr int kDigits = 4;
  name->Str(prefix).Char('.').UDec(number, kDigits).Str(".heap");
}

// Of an earlier run, which would look like files of this one.
void RemoveOldFiles(const char* prefix) {
  for (uint64_t number = 1;; ++number) {
    Text<kPathCapacity> name;
    MakeName(prefix, number, &name);
    if (name.cut() || RawUnlink(name.data()) != 0) return;
  }
}

bool TurnOn(const char* prefix) {
  char* place = g_prefixes[g_prefix_turn.fetch_add(1, std::memory_order_relaxed) % 2];
  TextWriter text(place, kPathCapacity);
  text.Str(prefix);
  const char* off = nullptr;
  // release: the text before the pointer.
  return g_prefix.compare_exchange_strong(off, place, std::memory_order_release);
}

void SetTriggers(const HeapSettings& settings) {
  g_triggers.SetEveryAllocated(settings.allocation_interval);
  g_triggers.SetOnGrowth(settings.inuse_interval);
  g_triggers.SetEvery(settings.time_interval * kSecond);
}

void Dump(const char* prefix, const char* reason) {
  const int saved_errno = errno;
  AdoptIfCopy();
  Text<kPathCapacity> name;
  MakeName(prefix, g_files.fetch_add(1, std::memory_order_relaxed) + 1, &name);
  const int error =
      name.cut() ? -ENAMETOOLONG : DumpPeerFile(name.data(), PeerFile::kWhole, Style(), recorder::Interval());
  Text<kPathCapacity + 256> line;
  if (error != 0) {
    Say(line.Str("cannot write heap profile ").Str(name.data()).Str(": ").Str(ErrnoText(-error)));
  } else if (GetOptions().verbose) {
    Say(line.Str("wrote ").Str(name.data()).Str(" (").Str(reason).Str(")"));
  }
  errno = saved_errno;
}

bool BeginsWith(const char* text, const char* begin) {
  while (*begin != '\0' && *text == *begin) {
    ++text;
    ++begin;
  }
  return *begin == '\0';
}

void TakeSignal(int number) {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    uint64_t mask;
  } by_default = {};
  RawSyscall(SYS_rt_sigaction, number, reinterpret_cast<long>(&by_default), 0, sizeof(by_default.mask));
}

void OnSignal(int, siginfo_t*, void*) {
  CallOnOwnStack([](void*) { DumpHeap("signal"); });
}

__attribute__((destructor(103))) void AtExit() { DumpHeap("Exiting"); }

}  // namespace

void ConfigureHeap(const HeapSettings& settings) {
  g_settings = settings;
  // What it counted was exact. Here that costs a fortieth of what it did there.
  if (settings.prefix[0] == '\0') return;
  DefaultSampleInterval(1);
  RemoveOldFiles(settings.prefix);
  TurnOn(settings.prefix);
}

void InstallHeap() {
  if (!HeapIsOn()) return;
  SetTriggers(g_settings);
  InstallPeerTriggers();
  if (g_settings.signal == 0) return;
  // gperftools' own, where it is linked in, has a handler there, and sees no allocation.
  TakeSignal(g_settings.signal);
  InstallHandler(g_settings.signal, OnSignal);
}

void StartHeap(const char* prefix) {
  if (prefix == nullptr || HeapIsOn()) return;
  AdoptIfCopy();
  ResetPeerProfiles();
  if (!TurnOn(prefix)) return;
  if (recorder::Interval() == 0) recorder::SetInterval(Options().sample_interval);
  SetTriggers(g_settings);
  InstallPeerTriggers();
}

void StopHeap() {
  if (g_prefix.exchange(nullptr, std::memory_order_acq_rel) == nullptr) return;
  SetTriggers({});
  UndoResetOfPeerProfiles();
}

bool HeapIsOn() { return g_prefix.load(std::memory_order_relaxed) != nullptr; }

void DumpHeap(const char* reason) {
  const char* prefix = g_prefix.load(std::memory_order_acquire);
  if (prefix == nullptr) return;
  if (reason == nullptr) reason = "";
  // gperftools itself, where it is linked in, asks for the last one.
  const bool is_last = BeginsWith(reason, "Exiting");
  if (is_last && g_ends.exchange(true, std::memory_order_relaxed)) return;
  Dump(prefix, reason);
}

int WriteHeap(ByteSink* sink) {
  return HeapIsOn() ? WritePeerProfile(sink, Style(), recorder::Interval()) : 0;
}

void LookAtTriggers(size_t size, uint64_t interval) {
  if (g_triggers.IsAnySet() && g_triggers.IsDue(size, interval)) DumpHeap("size or time");
}

void HeapAfterForkInChild() {
  g_triggers.Restart();
  const char* prefix = g_prefix.load(std::memory_order_relaxed);
  if (prefix == nullptr) return;
  Text<kPathCapacity> own;
  own.Str(prefix).Char('_').UDec(static_cast<uint64_t>(RawGetPid()));
  g_prefix.store(nullptr, std::memory_order_relaxed);
  TurnOn(own.data());
  g_files.store(0, std::memory_order_relaxed);
  g_ends.store(false, std::memory_order_relaxed);
}

}  // namespace heapprof::gperftools
