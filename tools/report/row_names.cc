// SPDX-License-Identifier: Apache-2.0
#include "tools/report/row_names.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tools/base/failure.h"
#include "tools/base/terminal.h"
#include "tools/names/display_name.h"

namespace heapprof::tools {
namespace {

// "a.c:12" of "/src/a.c:12".
std::string ShortPlace(const std::string& place) { return std::string(BaseName(place)); }

}  // namespace

RowNames::RowNames(const FrameTable& frames, NameForm form, const std::vector<uint32_t>& shown)
    : frames_(frames), form_(form) {
  std::map<std::string, std::vector<uint32_t>> by_text;
  for (const uint32_t frame : shown) {
    const auto [found, is_new] = names_.try_emplace(frame);
    if (!is_new) continue;
    Name& name = found->second;
    name.text = Plain(frame);
    if (form == NameForm::kDisplay && IsLambda(name.text) && frames.source(frame) != "" &&
        frames.granularity() != Granularity::kLine) {
      name.place = ShortPlace(frames.PlaceOf(frame));
    }
    if (form == NameForm::kDisplay && frames.granularity() == Granularity::kLine) {
      name.place = ShortPlace(LineOf(frame));
    }
    by_text[name.text + '\n' + name.place].push_back(frame);
  }
  for (const auto& [text, same] : by_text) {
    if (same.size() > 1) TellApart(same);
  }
}

std::string RowNames::Plain(uint32_t frame) const {
  const std::string& name = frames_.name(frame);
  const std::string_view function = frames_.function_name(frame);
  if (function.empty() || form_ == NameForm::kLong) return name;
  if (form_ == NameForm::kMangled) {
    const std::string_view symbol = frames_.system_name(frame);
    if (symbol.empty()) return name;
    return std::string(symbol) +
           (frames_.granularity() == Granularity::kLine ? name.substr(function.size()) : "");
  }
  return IsOfGo(frames_.source(frame)) ? std::string(function) : DisplayName(function);
}

// "/src/a.c:12" of "Work /src/a.c:12", a frame by line; "" if that is not known.
std::string RowNames::LineOf(uint32_t frame) const {
  const std::string& name = frames_.name(frame);
  const size_t used = frames_.function_name(frame).size();
  if (used == 0 || used >= name.size()) return "";
  return name.substr(used + 1);
}

void RowNames::TellApart(const std::vector<uint32_t>& same) {
  const auto differ = [&](const std::function<std::string(uint32_t)>& text) {
    std::set<std::string> texts;
    for (const uint32_t frame : same) texts.insert(text(frame));
    return texts.size() == same.size();
  };
  if (form_ == NameForm::kDisplay && frames_.granularity() != Granularity::kLine) {
    const auto signature = [&](uint32_t frame) {
      const std::string_view function = frames_.function_name(frame);
      return function.empty() ? frames_.name(frame) : DisplaySignature(function);
    };
    if (differ(signature)) {
      for (const uint32_t frame : same) names_[frame].text = signature(frame);
      return;
    }
  }
  if (form_ == NameForm::kDisplay && frames_.granularity() == Granularity::kLine) {
    const auto line = [&](uint32_t frame) { return LineOf(frame); };
    if (differ(line)) {
      for (const uint32_t frame : same) names_[frame].place = line(frame);
      return;
    }
  }
  const auto short_place = [&](uint32_t frame) { return ShortPlace(frames_.PlaceOf(frame)); };
  const auto place = [&](uint32_t frame) { return frames_.PlaceOf(frame); };
  const auto whole = [&](uint32_t frame) { return frames_.name(frame) + ' ' + frames_.PlaceOf(frame); };
  // Frames by name or by line are of no one place.
  const bool has_place = frames_.granularity() == Granularity::kFunction;
  const bool by_short = has_place && differ(short_place), by_place = has_place && differ(place);
  const bool by_name = form_ == NameForm::kDisplay && differ(whole);
  for (const uint32_t frame : same) {
    if (by_short || by_place) {
      names_[frame].place = by_short ? short_place(frame) : place(frame);
    } else if (by_name) {
      names_[frame] = {frames_.name(frame), has_place ? short_place(frame) : ""};
    } else {
      names_[frame].place = has_place ? short_place(frame) : "";
    }
  }
}

std::string RowNames::Of(uint32_t frame, size_t columns) const {
  const auto found = names_.find(frame);
  if (found == names_.end()) return Printable(frames_.name(frame));
  std::string place = Printable(found->second.place);
  if (!place.empty()) place = place[0] == '[' ? " " + place : " (" + place + ")";
  std::string text = Printable(found->second.text);
  if (form_ == NameForm::kDisplay && columns != 0) {
    constexpr size_t kMinName = 12;
    const size_t of_place = ColumnsOf(place);
    text = ShortenName(text, std::max(columns > of_place ? columns - of_place : 0, kMinName));
    const size_t of_name = ColumnsOf(text);
    if (of_name + of_place > columns && columns > of_name) place = ShortenName(place, columns - of_name);
  }
  return text + place;
}

}  // namespace heapprof::tools
