// SPDX-License-Identifier: Apache-2.0
#include "base/options.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "base/option_text.h"

namespace heapprof {
namespace {

std::vector<std::string> g_complaints;

class OptionsTest : public testing::Test {
 protected:
  void Parse(const char* text) {
    g_complaints.clear();
    ParseOptions(text, "TEST", &options_, [](const char* line) { g_complaints.push_back(line); });
  }
  Options options_;
};

TEST_F(OptionsTest, DefaultsAreTheDocumentedOnes) {
  EXPECT_EQ(options_.sample_interval, 524288u);
  EXPECT_EQ(options_.max_frames, 128u);
  EXPECT_STREQ(options_.output, "heapprof.%p.%n");
  EXPECT_EQ(options_.metadata_limit, 268435456u);
  EXPECT_FALSE(options_.dump_at_exit);
  EXPECT_TRUE(options_.mapping_stacks);
  Parse("mapping_stacks=0");
  EXPECT_FALSE(options_.mapping_stacks);
}

TEST_F(OptionsTest, AnAddressKeepsItsColons) {
  const struct {
    const char* text;
    const char* address;
  } kCases[] = {{"http=6060:verbose=1", "6060"},
                {"http=127.0.0.1:6060:verbose=1", "127.0.0.1:6060"},
                {"http=[::1]:6060,verbose=1", "[::1]:6060"},
                {"http=unix:/run/x.sock:verbose=1", "unix:/run/x.sock"},
                {"http=unix:@name verbose=1", "unix:@name"},
                {"http='unix:/a=b':verbose=1", "unix:/a=b"},
                {"http=6060::verbose=1:", "6060"},
                {"verbose=1:http=127.0.0.1:6060", "127.0.0.1:6060"}};
  for (const auto& wanted : kCases) {
    options_ = Options();
    Parse(wanted.text);
    EXPECT_STREQ(options_.http, wanted.address) << wanted.text;
    EXPECT_TRUE(options_.verbose) << wanted.text;
    EXPECT_TRUE(g_complaints.empty()) << wanted.text;
  }
}

TEST_F(OptionsTest, DurationsHaveUnits) {
  EXPECT_EQ(options_.contention_interval, 0u);
  const struct {
    const char* text;
    uint64_t nanos;
  } kGood[] = {{"0", 0},
               {"7", 7},
               {"7ns", 7},
               {"10us", 10'000},
               {"3ms", 3'000'000},
               {"2s", 2'000'000'000},
               {"1m", 60'000'000'000},
               {"1h", 3'600'000'000'000}};
  for (const auto& good : kGood) {
    Parse((std::string("contention_interval=") + good.text).c_str());
    EXPECT_TRUE(g_complaints.empty()) << good.text;
    EXPECT_EQ(options_.contention_interval, good.nanos) << good.text;
  }
  for (const char* bad :
       {"", "us", "1d", "1 ms", "-1", "1.5ms", "2h", "3601s", "1nss", "18446744073709551616"}) {
    options_.contention_interval = 5;
    Parse((std::string("contention_interval='") + bad + "'").c_str());
    EXPECT_EQ(g_complaints.size(), 1u) << bad;
    EXPECT_EQ(options_.contention_interval, 5u) << bad;
  }
}

std::string TextOf(const char* name, const Options& options) {
  Text<kPathCapacity> text;
  EXPECT_TRUE(PutOption(name, options, &text)) << name;
  return text.data();
}

// What is told of an option can be read again, and is told the same then; of all that can be read.
TEST_F(OptionsTest, EachIsToldAsItIsRead) {
  size_t count = 0;
  for (const char* name; (name = OptionName(count)) != nullptr; ++count) {
    Options read;
    const std::string value = TextOf(name, options_);
    if (value == "-1") continue;  // dump_signal, whose default is set later
    EXPECT_EQ(ReadOption(name, value.c_str(), &read), OptionVerdict::kGood) << name << "=" << value;
    EXPECT_EQ(TextOf(name, read), value) << name;
  }
  Text<64> text;
  EXPECT_FALSE(PutOption("no_such", options_, &text));
  EXPECT_EQ(ReadOption("no_such", "1", &options_), OptionVerdict::kUnknown);
  Parse(
      "sample_interval=96k,max_frames=7,output=a.%n,dump_signal=USR1,dump_every=90m,dump_every_allocated=3g,"
      "dump_on_growth=5,dump_at_memory=80%,keep_dumps=4,thread_dump_signal=12,dump_at_exit=1,cpu_hz=99,"
      "cpu_at_start=1,cpu_signal=10,cpu_clock=event,wall_hz=5,wall_at_start=1,contention_interval=1500us,"
      "mapping_stacks=0,http=6060,metadata_limit=1m,seed=8,children=no,lifetimes=1,verbose=1,leak_check=live,"
      "exitcode=3,suppressions=s,log_path=l");
  EXPECT_TRUE(g_complaints.empty());
  const char* const kValues[] = {"96k", "7",  "a.%n", "10", "90m",   "3g",   "5", "80%",    "4", "12",
                                 "1",   "99", "1",    "10", "event", "5",    "1", "1500us", "0", "6060",
                                 "1m",  "8",  "no",   "1",  "1",     "live", "3", "s",      "l"};
  ASSERT_EQ(count, std::size(kValues));
  for (size_t i = 0; i < count; ++i) EXPECT_EQ(TextOf(OptionName(i), options_), kValues[i]) << OptionName(i);
}

TEST_F(OptionsTest, PairsAreSeparatedByColonCommaOrSpace) {
  Parse("sample_interval=4k:seed=7,verbose=1 dump_at_exit=1\tmax_frames=64");
  EXPECT_TRUE(g_complaints.empty());
  EXPECT_EQ(options_.sample_interval, 4096u);
  EXPECT_EQ(options_.seed, 7u);
  EXPECT_TRUE(options_.verbose);
  EXPECT_TRUE(options_.dump_at_exit);
  EXPECT_EQ(options_.max_frames, 64u);
}

TEST_F(OptionsTest, QuotesKeepSeparators) {
  Parse("output='/tmp/a:b c,d':seed=1");
  EXPECT_TRUE(g_complaints.empty());
  EXPECT_STREQ(options_.output, "/tmp/a:b c,d");
  Parse("output=\"/tmp/it's\"");
  EXPECT_STREQ(options_.output, "/tmp/it's");
  EXPECT_EQ(options_.seed, 1u);
}

TEST_F(OptionsTest, TheRunIsTakenFromTheEnvironment) {
  const auto run_of = [](std::string variable, bool secure) {
    char* environment[] = {variable.data(), nullptr};
    InitOptions(nullptr, environment, secure);
    return GetOptions().run;
  };
  EXPECT_STREQ(run_of("HEAPPROF_RUN=7.ab.c", true), "");
  EXPECT_STREQ(run_of("HEAPPROF_RUN=7 ab", false), "");
  EXPECT_STREQ(run_of("HEAPPROF_RUN=" + std::string(kRunCapacity, '7'), false), "");
  EXPECT_STREQ(run_of("HEAPPROF_RUN=7.ab.c", false), "7.ab.c");
}

TEST_F(OptionsTest, SizesTakeSuffixes) {
  Parse("sample_interval=2M metadata_limit=1g");
  EXPECT_EQ(options_.sample_interval, 2u << 20);
  EXPECT_EQ(options_.metadata_limit, 1u << 30);
  Parse("sample_interval=0");
  EXPECT_EQ(options_.sample_interval, 0u);
  Parse("seed=17179869183g");
  EXPECT_EQ(options_.seed, uint64_t{17179869183} << 30);
}

TEST_F(OptionsTest, EachBadValueIsNamedOnceAndTheOldValueStays) {
  for (const char* bad : {"sample_interval=",
                          "sample_interval=x",
                          "sample_interval=4kk",
                          "sample_interval=-1",
                          "sample_interval=99999999999999999999",
                          "sample_interval=17179869184g",
                          "sample_interval",
                          "max_frames=0",
                          "max_frames=1025",
                          "dump_signal=SIGKILL",
                          "dump_signal=11",
                          "dump_signal=65",
                          "metadata_limit=1k",
                          "verbose=maybe",
                          "children=some",
                          "output=",
                          "cpu_hz=0",
                          "cpu_hz=4001",
                          "cpu_signal=9",
                          "thread_dump_signal=SEGV",
                          "cpu_at_start=2",
                          "cpu_clock=sun",
                          "wall_hz=0",
                          "dump_every=5",
                          "dump_every=999us",
                          "dump_every=5x",
                          "dump_every=s",
                          "dump_every=9000h",
                          "keep_dumps=-1",
                          "dump_on_growth=x",
                          "dump_at_memory=101%",
                          "dump_at_memory=%",
                          "wall_hz=4001",
                          "wall_at_start=2",
                          "lifetimes=2"}) {
    Options before = options_;
    Parse(bad);
    ASSERT_EQ(g_complaints.size(), 1u) << bad;
    std::string key = std::string(bad).substr(0, std::string(bad).find('='));
    EXPECT_NE(g_complaints[0].find("'" + key + "'"), std::string::npos) << g_complaints[0];
    EXPECT_EQ(options_.sample_interval, before.sample_interval) << bad;
    EXPECT_EQ(options_.max_frames, before.max_frames) << bad;
    EXPECT_EQ(options_.dump_signal, before.dump_signal) << bad;
    EXPECT_STREQ(options_.output, before.output) << bad;
  }
}

TEST_F(OptionsTest, AnUnknownKeyIsNamedAndTheRestIsRead) {
  Parse("sample_intervall=3:seed=5");
  ASSERT_EQ(g_complaints.size(), 1u);
  EXPECT_NE(g_complaints[0].find("TEST: unknown option 'sample_intervall'"), std::string::npos);
  EXPECT_EQ(options_.seed, 5u);
}

TEST_F(OptionsTest, SignalsHaveNamesAndNumbers) {
  Parse("dump_signal=SIGUSR1");
  EXPECT_EQ(options_.dump_signal, SIGUSR1);
  Parse("dump_signal=WINCH");
  EXPECT_EQ(options_.dump_signal, SIGWINCH);
  Parse("dump_signal=40");
  EXPECT_EQ(options_.dump_signal, 40);
  Parse("dump_signal=none");
  EXPECT_EQ(options_.dump_signal, 0);
}

TEST_F(OptionsTest, CpuProfilesHaveARateAStartAndASignal) {
  EXPECT_EQ(options_.cpu_hz, 100);
  EXPECT_FALSE(options_.cpu_at_start);
  EXPECT_EQ(options_.cpu_signal, 0);
  Parse("cpu_hz=4k:cpu_hz=4000:cpu_at_start=1:cpu_signal=USR1");
  EXPECT_EQ(g_complaints.size(), 1u);
  EXPECT_EQ(options_.cpu_hz, 4000);
  EXPECT_TRUE(options_.cpu_at_start);
  EXPECT_EQ(options_.cpu_signal, SIGUSR1);
  EXPECT_EQ(options_.cpu_clock, CpuClock::kAuto);
  Parse("cpu_clock=event");
  EXPECT_EQ(options_.cpu_clock, CpuClock::kEvent);
  Parse("cpu_clock=timer");
  EXPECT_EQ(options_.cpu_clock, CpuClock::kTimer);
}

TEST_F(OptionsTest, DumpsComeByThemselvesIfTheyAreAskedFor) {
  EXPECT_EQ(options_.dump_every + options_.dump_every_allocated + options_.dump_on_growth, 0u);
  Parse("dump_every=30s,dump_every_allocated=1g,dump_on_growth=64m,keep_dumps=5");
  EXPECT_EQ(options_.dump_every, 30'000'000'000u);
  EXPECT_EQ(options_.dump_every_allocated, uint64_t{1} << 30);
  EXPECT_EQ(options_.dump_on_growth, uint64_t{64} << 20);
  EXPECT_EQ(options_.keep_dumps, 5u);
  Parse("dump_every=250ms");
  EXPECT_EQ(options_.dump_every, 250'000'000u);
  Parse("dump_every=2h");
  EXPECT_EQ(options_.dump_every, 7'200'000'000'000u);
  Parse("dump_every=0");
  EXPECT_EQ(options_.dump_every, 0u);
  EXPECT_EQ(options_.dump_at_memory + options_.dump_at_memory_percent, 0u);
  Parse("dump_at_memory=80%");
  EXPECT_EQ(options_.dump_at_memory_percent, 80u);
  Parse("dump_at_memory=2g");
  EXPECT_EQ(options_.dump_at_memory, uint64_t{2} << 30);
  EXPECT_EQ(options_.dump_at_memory_percent, 0u);
  EXPECT_TRUE(g_complaints.empty());
}

TEST_F(OptionsTest, ThreadsAreDumpedOnASignalIfOneIsGiven) {
  EXPECT_EQ(options_.thread_dump_signal, 0);
  Parse("thread_dump_signal=SIGUSR1");
  EXPECT_EQ(options_.thread_dump_signal, SIGUSR1);
  Parse("thread_dump_signal=none");
  EXPECT_EQ(options_.thread_dump_signal, 0);
}

TEST_F(OptionsTest, AnOverlongOutputIsRefused) {
  std::string text = "output=" + std::string(kPathCapacity, 'x');
  Parse(text.c_str());
  EXPECT_EQ(g_complaints.size(), 1u);
  EXPECT_STREQ(options_.output, "heapprof.%p.%n");
}

TEST_F(OptionsTest, SanitizersOptionsThatAreNotSharedAreNamedInOneLine) {
  g_complaints.clear();
  ParseSanitizerOptions("verbosity=1 exitcode=9:use_stacks=0,detect_leaks=maybe", &options_,
                        [](const char* line) { g_complaints.push_back(line); });
  EXPECT_EQ(options_.exitcode, 9);
  EXPECT_EQ(g_complaints, std::vector<std::string>{
                              "LSAN_OPTIONS: passed over: verbosity=1, use_stacks=0, detect_leaks=maybe"});
  g_complaints.clear();
  ParseSanitizerOptions("log_path=x:exitcode=7", &options_,
                        [](const char* line) { g_complaints.push_back(line); });
  EXPECT_TRUE(g_complaints.empty());
}

}  // namespace
}  // namespace heapprof
