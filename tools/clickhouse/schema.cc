// SPDX-License-Identifier: Apache-2.0
#include "tools/clickhouse/schema.h"

#include <algorithm>
#include <cctype>

#include "tools/base/failure.h"

namespace heapprof::tools::clickhouse {
namespace {

// In these: @D the database, @C " ON CLUSTER name", @L "_local" where a Distributed table has the plain name,
// @R the engine's prefix on a cluster, @S its setting for blocks that come twice on one server.
constexpr char kSamples[] = R"(CREATE TABLE IF NOT EXISTS @D.samples@L@C
(
    time        DateTime64(9, 'UTC') CODEC(Delta, ZSTD),
    duration    Int64 CODEC(ZSTD),                        -- nanoseconds; 0: the profile of a moment
    is_delta    UInt8 CODEC(ZSTD),                        -- 1: its values are of that time alone, and add up over time
    profile     LowCardinality(String) CODEC(ZSTD),       -- heap, allocs, cpu, wall, block, mutex, ...
    type        LowCardinality(String) CODEC(ZSTD),       -- inuse_space, alloc_space, cpu, delay, ...
    unit        LowCardinality(String) CODEC(ZSTD),       -- bytes, nanoseconds, count
    events_type LowCardinality(String) CODEC(ZSTD),       -- what events counts: inuse_objects, samples, ...
    sampling    LowCardinality(String) CODEC(ZSTD),       -- what period is measured in: space/bytes, cpu/nanoseconds
    period      Int64 CODEC(Delta, ZSTD),                 -- the mean between two samples
    service     LowCardinality(String) CODEC(ZSTD),
    instance    LowCardinality(String) CODEC(ZSTD),       -- one process of it
    version     LowCardinality(String) CODEC(ZSTD),
    labels      Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(3)),   -- of the process
    tags        Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(3)),   -- of the sample
    block_bytes UInt64 CODEC(Delta, ZSTD),                -- the size of each block; 0: not known, or no blocks
    stack       UInt64 CODEC(ZSTD),                       -- 0: none
    value       Int64 CODEC(Delta, ZSTD),
    events      Int64 CODEC(Delta, ZSTD),

    -- How sure a value is. The variance of a sum is the sum of the variances.
    missing     Float64 ALIAS multiIf(
                    sampling = 'space/bytes' AND endsWith(type, 'space') AND period > 1 AND block_bytes > 0,
                        exp(-block_bytes / period),
                    sampling != 'wall/nanoseconds' AND sampling = concat(type, '/', unit) AND unit = 'nanoseconds', 1, 0),
    weight      Float64 ALIAS multiIf(missing = 0, 1, block_bytes > 0, block_bytes / (1 - missing), period),
    sampled     Float64 ALIAS if(abs(value) < weight / 2, abs(value) / weight, round(abs(value) / weight)),
    variance    Float64 ALIAS sampled * weight * weight * missing
)
ENGINE = @RMergeTree
PARTITION BY toDate(time)
ORDER BY (service, type, toStartOfHour(time), stack, instance, time)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1@S;
)";

constexpr char kStacks[] = R"(CREATE TABLE IF NOT EXISTS @D.stacks@L@C
(
    stack         UInt64,
    seen          DateTime('UTC'),
    functions     Array(LowCardinality(String)) CODEC(ZSTD),   -- the leaf first, as all of these
    linkage_names Array(LowCardinality(String)) CODEC(ZSTD),
    files         Array(LowCardinality(String)) CODEC(ZSTD),
    start_lines   Array(UInt32) CODEC(ZSTD),
    lines         Array(UInt32) CODEC(ZSTD),
    modules       Array(LowCardinality(String)) CODEC(ZSTD),
    build_ids     Array(LowCardinality(String)) CODEC(ZSTD),
    offsets       Array(UInt64) CODEC(ZSTD),                   -- in the module's file
    inlined       Array(UInt8) CODEC(ZSTD)                     -- 1: into the next
)
ENGINE = @RReplacingMergeTree(seen)
ORDER BY stack
TTL seen + INTERVAL 60 DAY;
)";

// Rows of `stacks` are of the day, so that one is replaced by its like.
constexpr char kInput[] = R"(CREATE TABLE IF NOT EXISTS @D.input@C
(
    time DateTime64(9, 'UTC'), duration Int64, is_delta UInt8,
    profile LowCardinality(String), type LowCardinality(String), unit LowCardinality(String),
    events_type LowCardinality(String), sampling LowCardinality(String), period Int64,
    service LowCardinality(String), instance LowCardinality(String), version LowCardinality(String),
    labels Map(LowCardinality(String), LowCardinality(String)),
    tags Map(LowCardinality(String), LowCardinality(String)),
    block_bytes UInt64, stack UInt64, value Int64, events Int64,
    frames Array(Tuple(
        function LowCardinality(String), linkage_name LowCardinality(String), file LowCardinality(String),
        start_line UInt32, line UInt32, module LowCardinality(String), build_id LowCardinality(String),
        offset UInt64, inlined UInt8))
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS @D.input_samples@C TO @D.samples AS
SELECT time, duration, is_delta, profile, type, unit, events_type, sampling, period, service, instance, version,
       labels, tags, block_bytes, stack, value, events
FROM @D.input;

CREATE MATERIALIZED VIEW IF NOT EXISTS @D.input_stacks@C TO @D.stacks AS
SELECT stack, toDateTime(toStartOfDay(time), 'UTC') AS seen, frames.function AS functions,
       frames.linkage_name AS linkage_names, frames.file AS files, frames.start_line AS start_lines,
       frames.line AS lines, frames.module AS modules, frames.build_id AS build_ids, frames.offset AS offsets,
       frames.inlined AS inlined
FROM @D.input
WHERE notEmpty(frames);
)";

// What each process's last profile of a time says: latest(from = now() - INTERVAL 1 HOUR, to = now()).
constexpr char kLatest[] = R"(
CREATE VIEW IF NOT EXISTS @D.latest@C AS
SELECT *, variance
FROM @D.samples
WHERE time > {from:DateTime('UTC')} AND time <= {to:DateTime('UTC')} AND is_delta = 0
  AND (profile, service, instance, version, labels['pid'], time) GLOBAL IN (
      SELECT profile, service, instance, version, labels['pid'], max(time)
      FROM @D.samples
      WHERE time > {from:DateTime('UTC')} AND time <= {to:DateTime('UTC')} AND is_delta = 0
      GROUP BY profile, service, instance, version, labels['pid']);
)";

constexpr char kDistributed[] = R"(
CREATE TABLE IF NOT EXISTS @D.samples@C AS @D.samples_local
ENGINE = Distributed(@K, @D, samples_local, cityHash64(service, instance));

CREATE TABLE IF NOT EXISTS @D.stacks@C AS @D.stacks_local
ENGINE = Distributed(@K, @D, stacks_local, stack);
)";

std::string Fill(const char* text, const std::string& database, const std::string& cluster) {
  const bool alone = cluster.empty();
  std::string out;
  for (const char* at = text; *at != 0; ++at) {
    if (*at != '@') {
      out += *at;
      continue;
    }
    switch (*++at) {
      case 'D':
        out += database;
        break;
      case 'K':
        out += cluster;
        break;
      case 'C':
        out += alone ? "" : " ON CLUSTER " + cluster;
        break;
      case 'L':
        out += alone ? "" : "_local";
        break;
      case 'R':
        out += alone ? "" : "Replicated";
        break;
      case 'S':
        out += alone ? ", non_replicated_deduplication_window = 10000" : "";
        break;
    }
  }
  return out;
}

}  // namespace

void CheckIdentifier(const char* what, const std::string& name) {
  const bool good =
      !name.empty() && name.size() <= 64 && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
      std::all_of(name.begin(), name.end(),
                  [](unsigned char c) { return c < 0x80 && (std::isalnum(c) != 0 || c == '_'); });
  if (!good) throw Failure(std::string(what) + " " + Printable(name) + ": letters, digits and _ only");
}

std::string SchemaText(const std::string& database, const std::string& cluster) {
  CheckIdentifier("the database", database);
  if (!cluster.empty()) CheckIdentifier("the cluster", cluster);
  std::string text = "CREATE DATABASE IF NOT EXISTS @D@C;\n\n";
  text += std::string(kSamples) + "\n" + kStacks;
  if (!cluster.empty()) text += kDistributed;
  text += std::string("\n") + kInput + kLatest;
  return Fill(text.c_str(), database, cluster);
}

}  // namespace heapprof::tools::clickhouse
