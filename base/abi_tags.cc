// SPDX-License-Identifier: Apache-2.0
#include "base/abi_tags.h"

#include <string.h>

namespace heapprof {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// An identifier with its length before it: how many characters both have. 0 if there is none, or it is cut.
size_t IdentifierSize(const char* text) {
  size_t length = 0, digits = 0;
  for (; IsDigit(text[digits]) && digits < 5; digits++) {
    length = length * 10 + static_cast<size_t>(text[digits] - '0');
  }
  for (size_t i = 0; i < length; i++) {
    if (text[digits + i] == '\0') return 0;
  }
  return length == 0 ? 0 : digits + length;
}

// Digits that are no length: the number of a substitution (S1_, T1_), or an argument of a template (Li5E).
bool IsNumber(char last, char last_but_one) {
  return last == 'S' || last == 'T' || (last_but_one == 'L' && last >= 'a' && last <= 'z');
}

}  // namespace

bool CopyWithoutAbiTags(const char* mangled, char* to, size_t capacity) {
  bool found = false;
  size_t used = 0;
  char last = '\0', last_but_one = '\0';  // not within identifiers
  for (const char* at = mangled; *at != '\0';) {
    size_t digits = 0;
    while (IsDigit(at[digits])) digits++;
    const size_t identifier = IsNumber(last, last_but_one) ? 0 : IdentifierSize(at);
    const size_t size = identifier != 0 ? identifier : digits != 0 ? digits : 1;
    if (size >= capacity - used) return false;
    memcpy(to + used, at, size);
    used += size;
    last_but_one = last;
    last = identifier != 0 ? '\0' : at[size - 1];
    at += size;
    if (identifier == 0) continue;
    for (size_t tag; *at == 'B' && (tag = IdentifierSize(at + 1)) != 0; at += 1 + tag) found = true;
  }
  to[used] = '\0';
  return found;
}

}  // namespace heapprof
