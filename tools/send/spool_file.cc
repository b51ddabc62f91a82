// SPDX-License-Identifier: Apache-2.0
#include "tools/send/spool_file.h"

#include <zlib.h>

#include <cstdlib>
#include <sstream>

namespace heapprof::tools::send {
namespace {

constexpr char kMagic[] = "heapprof-spool 1";

// A word without blanks, whatever the text holds; an empty one is "%".
std::string Word(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte != '%' && byte != 0x7f) {
      word += c;
    } else {
      word += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return word.empty() ? "%" : word;
}

std::string Text(const std::string& word) {
  std::string text;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      text += word[i];
    } else if (i + 2 < word.size()) {
      text += static_cast<char>(std::strtol(word.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    }
  }
  return text;
}

unsigned Checksum(std::string_view bytes) {
  return static_cast<unsigned>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<z_size_t>(bytes.size())));
}

struct Head {
  uint64_t size = 0;
  unsigned checksum = 0;
};

// The length of the head with the empty line behind it, 0 if it is none.
size_t ReadHead(std::string_view text, SpooledItem* spooled, Head* head) {
  const size_t end = text.substr(0, kMaxSpoolHead).find("\n\n");
  if (end == std::string_view::npos) return 0;
  std::istringstream lines{std::string(text.substr(0, end + 1))};
  std::string line, name, value, id;
  if (!std::getline(lines, line) || line != kMagic) return 0;
  Item* item = &spooled->item;
  bool whole = false;
  while (lines >> name) {
    if (name == "label") {
      if (!(lines >> name >> value)) return 0;
      item->labels.push_back({Text(name), Text(value)});
    } else if (name == "id" || name == "kind" || name == "note") {
      if (!(lines >> value)) return 0;
      (name == "id" ? item->id : name == "kind" ? item->kind : item->note) = Text(value);
    } else if (name == "time") {
      if (!(lines >> item->start_ns >> item->duration_ns >> item->delta)) return 0;
    } else if (name == "added") {
      if (!(lines >> spooled->added.wall_ns >> spooled->added.boot_ns >> value)) return 0;
      spooled->boot_id = Text(value);
    } else if (name == "bytes") {
      if (!(lines >> head->size >> head->checksum)) return 0;
      whole = true;  // the last line
    } else {
      return 0;
    }
  }
  return whole && !item->id.empty() ? end + 2 : 0;
}

}  // namespace

std::string SpoolText(const SpooledItem& spooled) {
  const Item& item = spooled.item;
  std::ostringstream text;
  text << kMagic << "\nid " << Word(item.id) << "\nkind " << Word(item.kind) << "\nnote " << Word(item.note)
       << "\ntime " << item.start_ns << ' ' << item.duration_ns << ' ' << item.delta << "\nadded "
       << spooled.added.wall_ns << ' ' << spooled.added.boot_ns << ' ' << Word(spooled.boot_id);
  for (const ItemLabel& label : item.labels)
    text << "\nlabel " << Word(label.name) << ' ' << Word(label.value);
  text << "\nbytes " << item.bytes.size() << ' ' << Checksum(item.bytes) << "\n\n" << item.bytes;
  return text.str();
}

bool ReadSpoolHead(std::string_view start, uint64_t size, SpooledItem* spooled) {
  Head head;
  const size_t length = ReadHead(start, spooled, &head);
  return length != 0 && size >= length && head.size == size - length;
}

bool ReadSpoolText(std::string_view text, SpooledItem* spooled) {
  Head head;
  const size_t length = ReadHead(text, spooled, &head);
  if (length == 0 || head.size != text.size() - length || head.checksum != Checksum(text.substr(length))) {
    return false;
  }
  spooled->item.bytes = text.substr(length);
  return true;
}

}  // namespace heapprof::tools::send
