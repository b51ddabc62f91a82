// SPDX-License-Identifier: Apache-2.0
#include "tools/report/info.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string_view>

#include "tools/base/failure.h"
#include "tools/base/human.h"
#include "tools/profile/input_files.h"
#include "tools/profile/legacy_load.h"
#include "tools/reader/inflate.h"
#include "tools/reader/reader.h"

namespace heapprof::tools {
namespace {

// More mappings than a process can well have are counted, not kept.
constexpr size_t kMaxListed = 4096;

class Totals : public ProfileVisitor {
 public:
  void OnSample(const Sample& sample) override {
    ++samples;
    sums.resize(std::max(sums.size(), sample.values.size()));
    for (size_t i = 0; i < sample.values.size(); ++i) sums[i] += sample.values[i];
  }
  void OnMapping(const Mapping& mapping) override {
    ++mapping_count;
    if (mappings.size() < kMaxListed) mappings.push_back(mapping);
  }
  void OnLocation(const Location& location) override {
    ++locations;
    if (!location.lines.empty()) ++symbolized;
  }
  void OnFunction(const Function&) override { ++functions; }

  uint64_t samples = 0, mapping_count = 0, locations = 0, symbolized = 0, functions = 0;
  std::vector<__int128> sums;
  std::vector<Mapping> mappings;
};

std::string Timestamp(int64_t nanos) {
  const time_t seconds = nanos / 1'000'000'000;
  struct tm parts;
  char day[32] = "";
  if (nanos < 0 || gmtime_r(&seconds, &parts) == nullptr ||
      std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
    return std::to_string(nanos) + " ns";
  }
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03d UTC", day, static_cast<int>(nanos / 1'000'000 % 1000));
  return text;
}

std::string WithHuman(__int128 value, std::string_view unit) {
  std::string text = Decimal(value);
  if (unit == "bytes" && (value >= 1024 || value <= -1024)) {
    text += " (" + HumanBytes(static_cast<double>(value)) + ")";
  }
  if (unit == "nanoseconds") {
    char seconds[48];
    std::snprintf(seconds, sizeof seconds, " (%.3f s)", static_cast<double>(value) / 1e9);
    text += seconds;
  }
  return text;
}

void PrintMappings(const ProfileHeader& header, const Totals& totals, size_t limit) {
  if (totals.mappings.empty()) return;
  std::printf("\n%-33s %-10s %-40s %s\n", "mapping", "offset", "build id", "file");
  const size_t shown = limit == 0 ? totals.mappings.size() : std::min(limit, totals.mappings.size());
  for (size_t i = 0; i < shown; ++i) {
    const Mapping& mapping = totals.mappings[i];
    char range[48];
    std::snprintf(range, sizeof range, "%#llx-%#llx", static_cast<unsigned long long>(mapping.memory_start),
                  static_cast<unsigned long long>(mapping.memory_limit));
    const std::string build_id = Printable(header.strings.at(mapping.build_id));
    std::printf("%-33s %-#10llx %-40s %s\n", range, static_cast<unsigned long long>(mapping.file_offset),
                build_id.empty() ? "-" : build_id.c_str(),
                Printable(header.strings.at(mapping.filename)).c_str());
  }
  if (totals.mapping_count > shown) {
    std::printf("... and %llu more\n", static_cast<unsigned long long>(totals.mapping_count - shown));
  }
}

void Print(const std::string& file, const ProfileHeader& header, const Totals& totals, size_t limit) {
  const auto text = [&](int64_t index) { return Printable(header.strings.at(index)); };
  const auto row = [](const char* name, const std::string& value) {
    std::printf("%-13s %s\n", name, value.c_str());
  };
  row("file", Printable(file));
  std::string types;
  for (const ValueType& type : header.sample_types) {
    types += (types.empty() ? "" : ", ") + text(type.type) + "/" + text(type.unit);
  }
  row("sample types", types);
  // pprof takes the last type when none is named.
  row("default type", header.default_sample_type != 0
                          ? text(header.default_sample_type)
                          : text(header.sample_types.back().type) + " (the last)");
  const std::string period_unit = text(header.period_type.unit);
  row("period",
      WithHuman(header.period, period_unit) + " " + text(header.period_type.type) + "/" + period_unit);
  if (header.time_nanos != 0) row("time", Timestamp(header.time_nanos));
  row("duration", header.duration_nanos != 0
                      ? WithHuman(header.duration_nanos, "nanoseconds") + " nanoseconds"
                      : "none: a snapshot");
  if (header.drop_frames != 0) row("drop frames", text(header.drop_frames));
  if (header.keep_frames != 0) row("keep frames", text(header.keep_frames));
  row("samples", std::to_string(totals.samples));
  row("locations", std::to_string(totals.locations) + ", " + std::to_string(totals.symbolized) +
                       " with symbols in the profile");
  row("functions", std::to_string(totals.functions));
  row("mappings", std::to_string(totals.mapping_count));

  std::printf("\n%-20s %s\n", "total", "value");
  for (size_t i = 0; i < header.sample_types.size(); ++i) {
    const ValueType& type = header.sample_types[i];
    const std::string unit = text(type.unit);
    const __int128 sum = i < totals.sums.size() ? totals.sums[i] : 0;
    std::printf("%-20s %s\n", text(type.type).c_str(),
                (Decimal(sum) + " " + unit + WithHuman(sum, unit).substr(Decimal(sum).size())).c_str());
  }
  PrintMappings(header, totals, limit);
  if (!header.comments.empty()) std::printf("\ncomments\n");
  for (const int64_t comment : header.comments) std::printf("  %s\n", text(comment).c_str());
}

}  // namespace

int Info(const InfoRequest& request) {
  int status = kStatusGood;
  bool first = true;
  for (const std::string& file : InputFiles(request.files)) {
    try {
      ProfileSource source(file, request.max_bytes);
      if (IsLegacyHeapProfile(source.Head())) {
        throw Failure(
            "is the text form of a heap profile: heapprof top reads it, heapprof merge -o FILE makes "
            "a profile.proto of it");
      }
      Totals totals;
      const ProfileHeader header = ReadProfile(&source, &totals);
      if (!first) std::printf("\n");
      first = false;
      Print(file, header, totals, request.limit);
    } catch (const Failure& failure) {
      std::fflush(stdout);
      Tell(Printable(file) + ": " + failure.what());
      status = failure.status();
    }
  }
  return status;
}

}  // namespace heapprof::tools
