// SPDX-License-Identifier: Apache-2.0
#include "profiles/peers/cpu_words.h"

#include <string.h>

#include <initializer_list>

#include "profiles/write/text_profile.h"
#include "proto/text_stream.h"

namespace heapprof {
namespace {

void WriteWords(std::initializer_list<uint64_t> words, TextStream* out) {
  for (uint64_t word : words) {
    char bytes[sizeof(word)];
    memcpy(bytes, &word, sizeof(word));
    out->Str(bytes, sizeof(bytes));
  }
}

}  // namespace

int WriteCpuWords(const cpu::CpuProfile& profile, ByteSink* sink, char* buffer) {
  constexpr int64_t kMicrosecond = 1000;
  constexpr uint64_t kVersion = 0, kHeaderWords = 3, kNoCode = 1;
  TextStream out(sink, buffer);
  WriteWords({0, kHeaderWords, kVersion, static_cast<uint64_t>(profile.period / kMicrosecond), 0}, &out);
  const StackCounts& stacks = *profile.stacks;
  uint64_t without_stack = profile.lost + profile.outside;
  for (uint32_t id = 1; id <= stacks.count() && out.error() == 0; ++id) {
    const CountedStack& entry = stacks.at(id);
    const uint64_t count = ValueOf(entry);
    if (entry.depth == 0) without_stack += count;
    if (count == 0 || entry.depth == 0) continue;
    WriteWords({count, entry.depth}, &out);
    const uint32_t* locations = stacks.LocationsOf(entry);
    for (uint32_t i = 0; i < entry.depth; ++i) {
      WriteWords({stacks.AddressOf(locations[i]) + (i == 0 ? 0 : 1)}, &out);
    }
  }
  if (without_stack != 0) WriteWords({without_stack, 1, kNoCode}, &out);
  WriteWords({0, 1, 0}, &out);
  WriteMappings(&out);
  return out.Flush();
}

}  // namespace heapprof
