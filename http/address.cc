// SPDX-License-Identifier: Apache-2.0
#include "http/address.h"

#include <stdint.h>
#include <string.h>

namespace heapprof::http {
namespace {

constexpr char kLocal[] = "unix:";

// Network order, as bytes.
uint16_t ToNetwork(uint32_t port) { return static_cast<uint16_t>((port & 0xff) << 8 | port >> 8); }
uint32_t ToHost(uint16_t port) { return static_cast<uint32_t>((port & 0xff) << 8 | port >> 8); }

// Digits up to `max`, and nothing else in [at, end).
bool ReadNumber(const char* at, const char* end, uint32_t max, uint32_t* number) {
  constexpr int kMostDigits = 5;
  if (at == end || end - at > kMostDigits) return false;
  *number = 0;
  for (; at != end; ++at) {
    if (*at < '0' || *at > '9') return false;
    *number = *number * 10 + static_cast<uint32_t>(*at - '0');
  }
  return *number <= max;
}

bool ReadFour(const char* at, const char* end, in_addr* address) {
  auto* bytes = reinterpret_cast<uint8_t*>(address);
  for (int i = 0; i < 4; ++i) {
    const char* stop = at;
    while (stop != end && *stop != '.') ++stop;
    uint32_t number;
    if (!ReadNumber(at, stop, UINT8_MAX, &number) || (stop == end) != (i == 3)) return false;
    bytes[i] = static_cast<uint8_t>(number);
    at = stop == end ? end : stop + 1;
  }
  return true;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Groups of hex digits between colons, of which one gap may stand for zeros.
bool ReadSix(const char* at, const char* end, in6_addr* address) {
  constexpr int kGroups = 8, kDigits = 4;
  uint16_t groups[kGroups] = {};
  int count = 0, gap = -1;
  if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
    gap = 0;
    at += 2;
  }
  while (at != end) {
    uint32_t group = 0;
    int digits = 0;
    for (; at != end && HexDigit(*at) >= 0; ++at, ++digits) {
      group = group * 16 + static_cast<uint32_t>(HexDigit(*at));
      if (digits == kDigits) return false;
    }
    if (digits == 0 || count == kGroups) return false;
    groups[count++] = static_cast<uint16_t>(group);
    if (at == end) break;
    if (*at++ != ':' || at == end) return false;
    if (*at == ':') {
      if (gap >= 0) return false;
      gap = count;
      ++at;
    }
  }
  if (gap < 0 ? count != kGroups : count == kGroups) return false;
  for (int i = 0; i < kGroups; ++i) {
    const int behind = i - (kGroups - count);  // of the groups behind the gap
    const uint16_t group = gap < 0 || i < gap ? groups[i] : behind >= gap ? groups[behind] : uint16_t{0};
    address->s6_addr[2 * i] = static_cast<uint8_t>(group >> 8);
    address->s6_addr[2 * i + 1] = static_cast<uint8_t>(group);
  }
  return true;
}

bool ParseLocal(const char* path, Address* address) {
  const size_t size = strlen(path);
  address->local.sun_family = AF_UNIX;
  if (size == 0 || size >= sizeof(address->local.sun_path) || strcmp(path, "@") == 0) return false;
  memcpy(address->local.sun_path, path, size + 1);
  const bool is_abstract = path[0] == '@';
  if (is_abstract) address->local.sun_path[0] = '\0';
  // An abstract name ends where the size says, a path with its NUL.
  address->size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1));
  return true;
}

}  // namespace

bool ParseAddress(const char* text, Address* address) {
  memset(address, 0, sizeof(*address));
  if (strncmp(text, kLocal, strlen(kLocal)) == 0) return ParseLocal(text + strlen(kLocal), address);
  const char* const end = text + strlen(text);
  const char* const colon = strrchr(text, ':');
  uint32_t port;
  if (!ReadNumber(colon == nullptr ? text : colon + 1, end, UINT16_MAX, &port)) return false;
  if (*text == '[') {
    address->six.sin6_family = AF_INET6;
    address->six.sin6_port = ToNetwork(port);
    address->size = sizeof(address->six);
    return colon > text + 1 && colon[-1] == ']' && ReadSix(text + 1, colon - 1, &address->six.sin6_addr);
  }
  address->four.sin_family = AF_INET;
  address->four.sin_port = ToNetwork(port);
  address->size = sizeof(address->four);
  constexpr char kLoopback[] = "127.0.0.1";
  if (colon == nullptr) return ReadFour(kLoopback, kLoopback + strlen(kLoopback), &address->four.sin_addr);
  return ReadFour(text, colon, &address->four.sin_addr);
}

void PutAddress(const Address& address, TextWriter* text) {
  if (address.IsLocal()) {
    const auto size = address.size - offsetof(sockaddr_un, sun_path);
    text->Str(kLocal);
    if (address.IsFile()) {
      text->Str(address.local.sun_path);
    } else {
      text->Str("@").Str(address.local.sun_path + 1, size - 1);
    }
    return;
  }
  text->Str("http://");
  if (address.any.sa_family == AF_INET) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&address.four.sin_addr);
    for (int i = 0; i < 4; ++i) text->Str(i == 0 ? "" : ".").UDec(bytes[i]);
    text->Str(":").UDec(ToHost(address.four.sin_port));
    return;
  }
  text->Str("[");
  for (int i = 0; i < 16; i += 2) {
    const uint8_t* bytes = address.six.sin6_addr.s6_addr;
    text->Str(i == 0 ? "" : ":").Hex(static_cast<uint64_t>(bytes[i]) << 8 | bytes[i + 1]);
  }
  text->Str("]:").UDec(ToHost(address.six.sin6_port));
}

}  // namespace heapprof::http
