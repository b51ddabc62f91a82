// SPDX-License-Identifier: Apache-2.0
// JSON of the page's data, written from front to back.
//
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_FLAME_JSON_WRITER_H_
#define HEAPPROF_TOOLS_FLAME_JSON_WRITER_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/base/failure.h"
#include "tools/base/human.h"

namespace heapprof::tools {

class JsonWriter {
 public:
  // Text from the profile, in quotes. Control characters and broken bytes are shown as \xNN.
  void Text(std::string_view text) {
    Separate();
    text_ += JsonString(Printable(text.substr(0, kMaxText)) + (text.size() > kMaxText ? "..." : ""));
  }
  void Number(double value) {
    Separate();
    text_ += JsonNumber(value);
  }
  // A key of ours, which needs no escapes.
  void Key(const char* key) {
    Separate();
    text_ += '"';
    text_ += key;
    text_ += "\":";
    is_first_ = true;
  }
  void Open(char bracket) {
    Separate();
    text_ += bracket;
    is_first_ = true;
  }
  void Close(char bracket) {
    text_ += bracket;
    is_first_ = false;
  }
  void TextAt(const char* key, std::string_view text) {
    Key(key);
    Text(text);
  }
  void NumberAt(const char* key, double value) {
    Key(key);
    Number(value);
  }
  void Texts(const char* key, const std::vector<std::string>& texts) {
    Key(key);
    Open('[');
    for (const std::string& text : texts) Text(text);
    Close(']');
  }
  // The value of a key that was written as Text.
  void ValueOfText(std::string_view text) {
    text_ += ':';
    is_first_ = true;
    Text(text);
  }
  const std::string& text() const { return text_; }

 private:
  static constexpr size_t kMaxText = 4000;  // longer texts are cut: a page is for people

  void Separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }

  std::string text_;
  bool is_first_ = true;
};

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_FLAME_JSON_WRITER_H_
