// SPDX-License-Identifier: Apache-2.0
// Who reads what is served: google/pprof, a strict parser of OpenMetrics; and the examples of docs/http.md,
// which serve it by themselves.
#include <gtest/gtest.h>

#include "tests/support/profile.h"
#include "tests/system/http/served.h"

namespace heapprof::test {
namespace {

const std::string kHost = PROGRAMS_DIR "/http_host";

Result RunPprof(const TempDir& dir, const std::vector<std::string>& words) {
  Command command;
  command.argv = {PPROF};
  command.argv.insert(command.argv.end(), words.begin(), words.end());
  // Where it keeps what it fetches; no binary of the same name is looked for elsewhere.
  command.env = {{"PPROF_TMPDIR", dir.path()}, {"HOME", dir.path()}, {"PPROF_BINARY_PATH", dir.path()}};
  return RunProgram(command);
}

TEST(HttpReaders, PprofFetchesTheHeap) {
  Served host({kHost, "work"});
  const TempDir dir;
  const Result result =
      RunPprof(dir, {"-top", "-sample_index=inuse_space", "http://" + host.address() + "/debug/pprof/heap"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.out.find("AllocateKnown"), std::string::npos) << result.out;
}

TEST(HttpReaders, PprofTakesACpuProfile) {
  Served host({kHost, "work"});
  const TempDir dir;
  const Result result =
      RunPprof(dir, {"-top", "-seconds=1", "http://" + host.address() + "/debug/pprof/profile"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.out.find("Burn"), std::string::npos) << result.out;
}

TEST(HttpReaders, PprofAsksTheProcessForNames) {
  Served host({kHost, "work"});
  const TempDir dir;
  // By POST alone: the binary is not looked at.
  const Result result =
      RunPprof(dir, {"-top", "-symbolize=remote", "http://" + host.address() + "/debug/pprof/allocs"});
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_NE(result.out.find("AllocateKnown"), std::string::npos) << result.out;
}

TEST(HttpReaders, PprofShowsWhatIsWrong) {
  Served host({kHost, "work"});
  const TempDir dir;
  const Result result = RunPprof(dir, {"-top", "http://" + host.address() + "/debug/pprof/nope"});
  EXPECT_FALSE(result.ok());
  EXPECT_NE(result.err.find("Unknown profile"), std::string::npos) << result.err;
}

TEST(HttpReaders, AStrictParserTakesTheMetrics) {
  Command command;
  command.argv = {"/usr/bin/python3", "-c", "import prometheus_client.openmetrics.parser"};
  if (!RunProgram(command).ok()) {
    GTEST_SKIP() << "python3-prometheus-client is not installed";
  }
  Served host({kHost, "work"});
  const TempDir dir;
  WriteFile(dir / "metrics", host.Get("/metrics").body);
  command.argv = {"/usr/bin/python3", "-c",
                  "import sys\n"
                  "from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse\n"
                  "names = [family.name for family in parse(open(sys.argv[1]).read())]\n"
                  "print('\\n'.join(names))",
                  dir / "metrics"};
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  // The names are for good.
  EXPECT_EQ(
      result.out,
      "heapprof\nprocess_resident_memory_bytes\nprocess_virtual_memory_bytes\nprocess_swapped_memory_bytes\n"
      "process_cpu_seconds\nprocess_start_time_seconds\nprocess_threads\nheapprof_allocated_bytes\n"
      "heapprof_allocated_objects\nheapprof_inuse_bytes\nheapprof_inuse_objects\nheapprof_peak_inuse_bytes\n"
      "heapprof_resident_bytes\nheapprof_mapped_bytes\nheapprof_sample_interval_bytes\n"
      "heapprof_contention_interval_seconds\nheapprof_samples\nheapprof_lost_samples\nheapprof_truncated_"
      "stacks\n"
      "heapprof_live_samples\nheapprof_buckets\nheapprof_stacks\nheapprof_metadata_bytes\nheapprof_cpu_"
      "samples\n"
      "heapprof_lost_cpu_samples\nheapprof_profiles_written\nheapprof_failed_profiles\n");
}

class OwnServer : public testing::TestWithParam<const char*> {};

TEST_P(OwnServer, AnswersForItsProfiles) {
  if (std::string(EXAMPLES).find(GetParam()) == std::string::npos) {
    GTEST_SKIP() << "the library that the example is of is not installed (scripts/install-deps)";
  }
  Served server({PROGRAMS_DIR "/" + std::string(GetParam())}, "");
  ASSERT_NE(server.address(), "");
  const Reply heap = server.Get("/debug/pprof/heap");
  EXPECT_EQ(heap.status, 200);
  EXPECT_EQ(heap.Field("content-type"), "application/octet-stream");
  EXPECT_EQ(heap.Field("content-disposition"), "attachment; filename=\"heap\"");
  EXPECT_EQ(ParseProfile(heap.body).error(), "");
  EXPECT_EQ(server.Get("/debug/pprof/nope").body, "Unknown profile\n");
  EXPECT_EQ(server.Get("/debug/pprof/allocs?seconds=1").Field("content-disposition"),
            "attachment; filename=\"allocs-delta\"");
  EXPECT_EQ(Ask(server.address(), "POST", "/debug/pprof/symbol", "0x1").body, "num_symbols: 1\n");
  EXPECT_EQ(server.Get("/").body, "the server's own page\n");
  EXPECT_NE(server.Get("/metrics").body.find("# EOF\n"), std::string::npos);
  EXPECT_TRUE(server.Finish().ok());
}

INSTANTIATE_TEST_SUITE_P(Examples, OwnServer, testing::Values("beast_server", "httplib_server"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace heapprof::test
