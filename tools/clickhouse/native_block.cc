// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/native_block.h"

namespace heapprof::tools::clickhouse {
namespace {

// LEB128, in front of each text.
void AppendLength(std::string* out, uint64_t length) {
  for (; length >= 0x80; length >>= 7) out->push_back(static_cast<char>(length | 0x80));
  out->push_back(static_cast<char>(length));
}

void AppendText(std::string* out, std::string_view text) {
  AppendLength(out, text.size());
  out->append(text);
}

template <typename T>
void AppendWord(std::string* out, T word) {
  out->append(reinterpret_cast<const char*>(&word), sizeof word);
}

template <typename T>
void AppendAll(std::string* out, const std::vector<uint32_t>& rows) {
  for (const uint32_t row : rows) AppendWord(out, static_cast<T>(row));
}

// In front of a column of LowCardinality: keys and numbers are shared by no other block.
constexpr uint64_t kSharedDictionaries = 1;
// In front of its rows: this block brings its own keys. The low byte is the width of the numbers, as 2^n.
constexpr uint64_t kOwnKeys = 1 << 9, kNewDictionary = 1 << 10;

}  // namespace

uint32_t Texts::NumberOf(std::string_view text) {
  const auto found = numbers_.find(text);
  if (found != numbers_.end()) return found->second;
  const auto number = static_cast<uint32_t>(texts_.size());
  texts_.emplace_back(text);
  numbers_.emplace(texts_.back(), number);
  return number;
}

void Texts::AppendTo(std::string* out) const {
  if (rows_.empty()) return;
  const uint64_t width = texts_.size() <= 0x100 ? 0 : texts_.size() <= 0x10000 ? 1 : 2;
  AppendWord<uint64_t>(out, kOwnKeys | kNewDictionary | width);
  AppendWord<uint64_t>(out, texts_.size());
  for (const std::string& text : texts_) AppendText(out, text);
  AppendWord<uint64_t>(out, rows_.size());
  if (width == 0) AppendAll<uint8_t>(out, rows_);
  if (width == 1) AppendAll<uint16_t>(out, rows_);
  if (width == 2) AppendAll<uint32_t>(out, rows_);
}

NativeBlock::NativeBlock(size_t columns, size_t rows) {
  AppendLength(&bytes_, columns);
  AppendLength(&bytes_, rows);
}

void NativeBlock::Begin(const char* name, const std::string& type) {
  AppendText(&bytes_, name);
  AppendText(&bytes_, type);
}

void NativeBlock::AddTexts(const char* name, const Texts& texts) {
  Begin(name, kTextType);
  AppendWord(&bytes_, kSharedDictionaries);
  texts.AppendTo(&bytes_);
}

void NativeBlock::BeginTuples(const char* name, const std::string& type, size_t texts,
                              const std::vector<uint64_t>& ends) {
  Begin(name, type);
  for (size_t i = 0; i < texts; ++i) AppendWord(&bytes_, kSharedDictionaries);
  AppendWords(ends);
}

}  // namespace heapprof::tools::clickhouse
