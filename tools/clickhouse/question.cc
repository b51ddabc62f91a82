// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/question.h"

#include <charconv>
#include <cstdio>
#include <ctime>

#include "tools/base/failure.h"

namespace heapprof::tools::clickhouse {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// What one process is. Two that were started one after the other may share an instance's name.
constexpr char kProcess[] = "service, instance, version, labels['pid']";

int64_t UnitSeconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return 604800;
    default:
      return 0;
  }
}

}  // namespace

int64_t ParseMoment(const std::string& text, int64_t now_ns) {
  if (text == "now") return now_ns;
  if (text.size() > 2 && text[0] == '-' && UnitSeconds(text.back()) != 0) {
    int64_t count = 0;
    const char* end = text.data() + text.size() - 1;
    const auto result = std::from_chars(text.data() + 1, end, count);
    constexpr int64_t kMost = 1'000'000'000;  // seconds: no time before 1970 comes out
    if (result.ec == std::errc() && result.ptr == end && count >= 0 &&
        count <= kMost / UnitSeconds(text.back())) {
      return now_ns - count * UnitSeconds(text.back()) * kSecond;
    }
  }
  std::tm moment{};
  for (const char* format :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    moment = {};
    const char* end = strptime(text.c_str(), format, &moment);
    if (end == nullptr) continue;
    const std::string_view rest = text.c_str() + text.size() - end > 0 ? end : "";
    const time_t seconds = timegm(&moment);
    constexpr time_t kMost = INT64_MAX / kSecond;
    if ((rest.empty() || rest == "Z") && seconds >= 0 && seconds < kMost) return seconds * kSecond;
  }
  throw Failure("no moment: " + Printable(text) +
                "; 2026-11-28T12:00:00 (UTC), 2026-11-28, -90m, now are some");
}

Question::Question(const Address& address, int64_t now_ns) {
  constexpr int64_t kHour = 3600 * kSecond;
  int64_t from = now_ns - kHour, to = now_ns;
  std::string kind = "heap", shown;
  const auto starts = [](const std::string& name, const char* with) { return name.rfind(with, 0) == 0; };
  for (const auto& [name, value] : address.parameters) {
    if (name == "from") {
      from = ParseMoment(value, now_ns);
    } else if (name == "to") {
      to = ParseMoment(value, now_ns);
    } else if (name == "profile") {
      kind = value;
    } else if (name == "period") {
      of_samples_ += " AND period = {period:Int64}";
      parameters_.emplace_back("period", value);
    } else if (name == "type") {
      Equal(name, name, value, &of_samples_);
    } else if (name == "service" || name == "instance" || name == "version") {
      Equal(name, name, value, &of_processes_);
    } else if (starts(name, "label.") || starts(name, "tag.")) {
      const std::string number = std::to_string(parameters_.size());
      const std::string column = (name[0] == 'l' ? "labels[{key" : "tags[{key") + number + ":String}]";
      parameters_.emplace_back("key" + number, name.substr(name.find('.') + 1));
      Equal("value" + number, column, value, name[0] == 'l' ? &of_processes_ : &of_samples_);
    } else {
      throw Failure(
          "the address has " + Printable(name) +
          "; known are service, instance, version, profile, type, label.NAME, tag.NAME, from, to, period");
    }
    shown += (shown.empty() ? "" : ", ") + Printable(name) + " " + Printable(value);
  }
  Equal("profile", "profile", kind, &of_processes_);
  if (from >= to) throw Failure("the time of the address ends before it begins");
  times_ =
      "time >= fromUnixTimestamp64Nano({from:Int64}, 'UTC') AND time <= fromUnixTimestamp64Nano({to:Int64}, "
      "'UTC')";
  parameters_.emplace_back("from", std::to_string(from));
  parameters_.emplace_back("to", std::to_string(to));
  text_ = "profile " + Printable(kind) + (shown.empty() ? " of the last hour" : " with " + shown);
}

void Question::Equal(const std::string& name, const std::string& column, const std::string& value,
                     std::string* to) {
  *to += " AND " + column + " = {" + name + ":String}";
  parameters_.emplace_back(name, value);
}

// GLOBAL: once for all shards, where the table is a Distributed one.
Statement Question::Make(const std::string& before, const std::string& after) const {
  const std::string where = " FROM samples WHERE " + times_ + of_processes_;
  const std::string last = std::string("(") + kProcess + ", time) GLOBAL IN (SELECT " + kProcess +
                           ", max(time)" + where + " AND is_delta = 0 GROUP BY " + kProcess + ")";
  return {before + where + of_samples_ + " AND (is_delta = 1 OR " + last + ")" + after, parameters_};
}

Statement Question::Amounts() const {
  return Make(
      "SELECT stack, block_bytes, mapKeys(tags) AS tag_keys, mapValues(tags) AS tag_values, type, unit, "
      "events_type,"
      " sampling, period, sum(value) AS amount, sum(events) AS number,"
      " min(block_bytes > 0 AND abs(value / block_bytes - events) < 1)",
      " GROUP BY stack, block_bytes, tag_keys, tag_values, type, unit, events_type, sampling, period"
      " HAVING amount != 0 OR number != 0 OR stack = 0 FORMAT RowBinary");
}

Statement Question::Stacks() const {
  return Make(
      "SELECT stack, functions, linkage_names, files, start_lines, lines, modules, build_ids, offsets, "
      "inlined"
      " FROM stacks WHERE stack GLOBAL IN (SELECT stack",
      ") LIMIT 1 BY stack FORMAT RowBinary");
}

Statement Question::Extent() const {
  const std::string one = std::string("SELECT DISTINCT ") + kProcess + " AS pid, time, duration";
  return Make(
      "SELECT uniqExact(service, instance, version, pid), count(), toUnixTimestamp64Nano(max(time)), "
      "sum(duration)"
      " FROM (" +
          one,
      ") FORMAT RowBinary");
}

Statement Question::Choices() const {
  return {
      "SELECT arraySlice(arraySort(groupUniqArray(profile)), 1, 20), "
      "arraySlice(arraySort(groupUniqArray(service)), 1, 20)"
      " FROM samples WHERE " +
          times_ + " FORMAT RowBinary",
      parameters_};
}

std::string Question::Text() const { return text_; }

}  // namespace heapprof::tools::clickhouse
