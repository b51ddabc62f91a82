// SPDX-License-Identifier: Apache-2.0
#include "http/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/system/raw_syscall.h"
#include "profiles/write/frame_symbols.h"
#include "sampling/counts/named_profiles.h"
#include "sampling/modules/modules.h"

namespace heapprof::http {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";

void BeginPage(const char* type, Answer* answer) {
  answer->Begin(kOk, type);
  answer->AddField("X-Content-Type-Options", "nosniff");
}

// A line of the index.
struct Entry {
  const char* name;
  uint64_t count;
};

const char* DescriptionOf(const char* name) {
  static constexpr struct {
    const char* name;
    const char* text;
  } kTexts[] = {
      {"allocs", "A sampling of all past memory allocations"},
      {"block", "Stack traces that led to waiting for another thread (option contention_interval)"},
      {"cmdline", "The command line of the program"},
      {"growth", "What was gained over the last minute, ten minutes, hour and day"},
      {"heap", "A sampling of memory allocations of live blocks"},
      {"lifetimes", "How long blocks lived (option lifetimes)"},
      {"memory", "Resident memory, whole, by cause and stack"},
      {"mutex", "Stack traces of who unlocked what others waited for (option contention_interval)"},
      {"peak", "What was in use when the bytes in use were highest"},
      {"profile", "CPU profile. The parameter seconds says how long"},
      {"threadcreate", "Stack traces that led to the creation of threads"},
      {"threads", "Stack traces of all current threads"},
      {"wall", "Wall-clock profile, of all threads, running or not. The parameter seconds says how long"}};
  for (const auto& known : kTexts) {
    if (strcmp(known.name, name) == 0) return known.text;
  }
  return "";
}

// A name as a reference has it.
void WriteReference(const char* name, Answer* answer) {
  // What begins with "a:" would be an address of another kind.
  if (strchr(name, ':') != nullptr) answer->Str("./");
  Text<3 * NamedProfile::kMaxNameSize + 1> escaped;
  Escape(name, &escaped);
  answer->Escaped(escaped.data());
}

// The profiles with those that are taken over a time, in the order of their names.
size_t ListEntries(Entry* entries, size_t capacity) {
  static constexpr const char* kOthers[] = {"cmdline", "profile", "wall"};
  constexpr size_t kOtherCount = sizeof(kOthers) / sizeof(kOthers[0]);
  NamedProfile* profiles[kMaxProfiles];
  size_t total = ProcessProfiles().List(profiles, kMaxProfiles);
  if (total > kMaxProfiles) total = kMaxProfiles;
  size_t count = 0, other = 0;
  for (size_t i = 0; i < total || other < kOtherCount;) {
    if (count == capacity) break;
    if (other < kOtherCount && (i == total || strcmp(kOthers[other], profiles[i]->name) < 0)) {
      entries[count++] = {kOthers[other++], 0};
    } else {
      entries[count++] = {profiles[i]->name, ProfileCount(*profiles[i])};
      ++i;
    }
  }
  return count;
}

// The next of the addresses "0xA+0xB"; 0: what stands there is none.
uint64_t NextAddress(const char** at, const char* end) {
  const char* const word = *at;
  while (*at < end && **at != '+') ++*at;
  const char* stop = *at;
  if (*at < end) ++*at;
  uint64_t value = 0;
  const bool hex = stop - word > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
  const uint64_t base = hex ? 16 : 10;
  for (const char* digit = hex ? word + 2 : word; digit < stop; ++digit) {
    const char lower = static_cast<char>(*digit | 0x20);
    uint64_t next;
    if (*digit >= '0' && *digit <= '9') {
      next = static_cast<uint64_t>(*digit - '0');
    } else if (hex && lower >= 'a' && lower <= 'f') {
      next = static_cast<uint64_t>(lower - 'a') + 10;
    } else {
      return 0;
    }
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, next, &value)) return 0;
  }
  return value;
}

// What a look-up of addresses needs.
struct SymbolSpace {
  ModuleTable::Workspace modules;
  char scratch[FrameSymbols::kScratchSize];
  // Addresses follow.
};

void WriteNames(const uint64_t* addresses, uint32_t count, SymbolSpace* space, Answer* answer) {
  ModuleTable modules(&space->modules);
  modules.Read();
  FrameSymbols symbols;
  auto return_address = [&](uint32_t i) { return addresses[i - 1] + 1; };
  if (symbols.Resolve(modules, return_address, count, space->scratch) != 0) {
    answer->Str("reading request: ").Str(ErrnoText(ENOMEM)).Str("\n");
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const FrameSymbols::Frame* frame = symbols.Find(addresses[i] + 1);
    if (frame == nullptr || *symbols.Name(*frame) == '\0') continue;
    answer->Hex(addresses[i]).Str(" ").Str(symbols.Name(*frame)).Str("\n");
  }
}

}  // namespace

void WriteIndex(Answer* answer) {
  BeginPage("text/html; charset=utf-8", answer);
  constexpr size_t kMore = 8;
  Entry entries[kMaxProfiles + kMore];
  const size_t count = ListEntries(entries, kMaxProfiles + kMore);
  answer->Str(
      "<!doctype html>\n<html>\n<head>\n<title>/debug/pprof/</title>\n<style>\n.profile-name { display: "
      "inline-block; width: 8rem; }\n</style>\n</head>\n<body>\n/debug/pprof/\n<p>Types of profiles "
      "available:</p>\n<table>\n<thead><td>Count</td><td>Profile</td></thead>\n");
  for (size_t i = 0; i < count; ++i) {
    answer->Str("<tr><td>").UDec(entries[i].count).Str("</td><td><a href='");
    WriteReference(entries[i].name, answer);
    answer->Str("?debug=1'>").Escaped(entries[i].name).Str("</a></td></tr>\n");
  }
  answer->Str(
      "</table>\n<a href=\"threads?debug=2\">full dump of all threads' stacks</a>\n<br>\n<a "
      "href=\"/metrics\">metrics</a>\n<br>\n<a href=\"/debug/heapprof/options\">options</a>\n"
      "<p>Descriptions:</p>\n<ul>\n");
  for (size_t i = 0; i < count; ++i) {
    answer->Str("<li><div class=profile-name>").Escaped(entries[i].name).Str(":</div> ");
    answer->Escaped(DescriptionOf(entries[i].name)).Str("</li>\n");
  }
  answer->Str("</ul>\n</body>\n</html>\n");
}

void WriteCommandLine(Answer* answer) {
  BeginPage(kPlainText, answer);
  const int fd = RawOpen("/proc/thread-self/../../cmdline", O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  constexpr size_t kPiece = 1024;
  char piece[kPiece];
  // The NUL behind the last argument is left out.
  bool held = false;
  for (ssize_t got; (got = RawRead(fd, piece, sizeof(piece))) > 0;) {
    if (held) answer->Str("\0", 1);
    held = piece[got - 1] == '\0';
    answer->Str(piece, static_cast<size_t>(got) - (held ? 1 : 0));
  }
  RawClose(fd);
}

void WriteSymbols(const Request& request, Answer* answer) {
  BeginPage(kPlainText, answer);
  answer->Str("num_symbols: 1\n");
  const Piece words = request.IsPost() ? request.body : request.query;
  const char* const end = words.data + words.size;
  size_t capacity = 1;
  for (const char* at = words.data; at != end; ++at) capacity += *at == '+' ? 1 : 0;
  const size_t bytes = sizeof(SymbolSpace) + capacity * sizeof(uint64_t);
  auto* space = static_cast<SymbolSpace*>(RawMap(bytes));
  if (space == nullptr) return answer->Fail(kServerError, ErrnoText(ENOMEM));
  auto* addresses = reinterpret_cast<uint64_t*>(space + 1);
  uint32_t count = 0;
  for (const char* at = words.data; at < end;) {
    const uint64_t address = NextAddress(&at, end);
    if (address != 0 && address != UINT64_MAX) addresses[count++] = address;
  }
  if (count > 0) WriteNames(addresses, count, space, answer);
  RawUnmap(space, bytes);
}

}  // namespace heapprof::http
