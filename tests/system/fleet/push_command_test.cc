// SPDX-License-Identifier: Apache-2.0
// `heapprof push`, as people call it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/profile.h"
#include "tests/system/fleet/stand_in.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class PushTest : public testing::Test {
 protected:
  PushTest() {
    profile_.set_time_nanos(time(nullptr) * int64_t{1'000'000'000});
    Write("a.heap.pb.gz");
  }
  void Write(const std::string& name) { WriteFile(dir_ / name, Gzip(profile_.SerializeAsString())); }
  Result Push(std::vector<std::string> words,
              const std::vector<std::pair<std::string, std::string>>& env = {}) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "push", "--no-symbolize", "--timeout", "20"};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    command.env = env;
    return RunProgram(command);
  }
  std::string File() const { return dir_ / "a.heap.pb.gz"; }

  TempDir dir_;
  pb::Profile profile_ = MakeProfile();
};

TEST_F(PushTest, EachEngineGetsTheProfile) {
  StandIn engine;
  for (const char* scheme : {"pyroscope", "parca", "otlp"}) {
    const Result result =
        Push({scheme + ("://" + engine.host()), "--label", "service=shop", "--label", "version=1.2", File()});
    EXPECT_TRUE(result.ok()) << result.Describe();
    EXPECT_THAT(result.out, HasSubstr("1 profile sent to " + std::string(scheme) + "://"));
    EXPECT_EQ(result.err, "");
    const std::vector<std::string> lines =
        engine.Lines({"\"taken\"", "\"engine\": \"" + std::string(scheme) + "\""});
    ASSERT_EQ(lines.size(), 1);
    EXPECT_EQ(Field(lines[0], "totals"), "[3, 6144, 1, 2048]");
    EXPECT_EQ(Field(lines[0], "time"), std::to_string(profile_.time_nanos()));
    const bool is_otlp = std::string(scheme) == "otlp";
    EXPECT_EQ(Field(lines[0], is_otlp ? "service.name" : "service_name"), "shop");
    EXPECT_EQ(Field(lines[0], is_otlp ? "service.version" : "version"), "1.2");
  }
  EXPECT_THAT(engine.Lines({"\"violation\""}), IsEmpty());
}

TEST_F(PushTest, WhatOnlyGrowsIsSentWithTheLastFileOfAProcess) {
  for (const char* comment : {"pid: 7", "start-time: 2026-01-01T00:00:00Z"})
    profile_.add_comment(Intern(&profile_, comment));
  Write("a.heap.pb.gz");
  profile_.set_time_nanos(profile_.time_nanos() + 1);
  Write("b.heap.pb.gz");
  StandIn engine;
  const Result result = Push({"pyroscope://" + engine.host(), dir_ / "b.heap.pb.gz", File()});
  EXPECT_TRUE(result.ok()) << result.Describe();
  const std::vector<std::string> lines = engine.Lines({"\"taken\""});
  ASSERT_EQ(lines.size(), 2);
  EXPECT_THAT(lines[0], HasSubstr("\"alloc_space\""));
  EXPECT_THAT(lines[1], Not(HasSubstr("\"alloc_space\"")));
  EXPECT_EQ(Field(lines[1], "totals"), "[1, 2048]");
  EXPECT_EQ(Field(lines[0], "pid"), "7");
  EXPECT_EQ(Field(lines[0], "service_name"), "program") << "of the first mapping";
}

TEST_F(PushTest, APipeIsReadOnce) {
  profile_.set_time_nanos(profile_.time_nanos() + 1);
  Write("b.heap.pb.gz");
  Command command;
  command.argv = {"/bin/sh", "-c",
                  "cat " + File() + " | " HEAPPROF_COMMAND " push --no-symbolize dir:" + (dir_ / "out") +
                      " - " + (dir_ / "b.heap.pb.gz")};
  const Result result = RunProgram(command);
  EXPECT_TRUE(result.ok()) << result.Describe();
  EXPECT_EQ(ListDir(dir_ / "out").size(), 2u);
}

TEST_F(PushTest, LoginsAreSentAndNeverShown) {
  StandIn basic({"--user", "me:se cret", "--tenant", "team"});
  const std::string url = "pyroscope://me:se%20cret@" + basic.host();
  EXPECT_TRUE(Push({url, "--tenant", "team", File()}).ok());
  const Result wrong = Push({url, "--tenant", "other", File()});
  EXPECT_EQ(wrong.exit_status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("pyroscope://" + basic.host() + " answers 401: unauthorized"));
  EXPECT_THAT(wrong.err + wrong.out, Not(HasSubstr("cret")));

  StandIn bearer({"--token", "abc"});
  const std::string other = "otlp://" + bearer.host();
  WriteFile(dir_ / "token", "abc\n");
  EXPECT_TRUE(Push({other, "--token-file", dir_ / "token", File()}).ok());
  EXPECT_TRUE(Push({other, "--token-env", "MY_TOKEN", File()}, {{"MY_TOKEN", "abc"}}).ok());
  EXPECT_TRUE(Push({other, "--header", "Authorization=Bearer abc", File()}).ok());
  EXPECT_EQ(Push({other, "--token-env", "MY_TOKEN", File()}).exit_status, 2);
  EXPECT_EQ(Push({other, File()}).exit_status, 2);
}

TEST_F(PushTest, WhatIsNotDeliveredWaitsInTheSpoolForTheNext) {
  StandIn engine;
  engine.Kill();
  const std::string url = "parca://" + engine.host(), spool = dir_ / "spool";
  const Result lost = Push({url, "--timeout", "0", File()});
  EXPECT_EQ(lost.exit_status, 2);
  EXPECT_THAT(lost.err, HasSubstr("1 profile not sent"));
  const Result kept = Push({url, "--timeout", "0", "--spool", spool, File()});
  EXPECT_EQ(kept.exit_status, 1) << kept.Describe();
  EXPECT_THAT(kept.err, HasSubstr("in " + spool));
  EXPECT_EQ(Push({url, "--timeout", "0", "--spool", spool, File()}).exit_status, 1) << "the same file";
  engine.Start({});
  const Result sent = Push({url, "--spool", spool});
  EXPECT_TRUE(sent.ok()) << sent.Describe();
  EXPECT_THAT(sent.out, HasSubstr("1 profile sent"));
  EXPECT_THAT(ListDir(spool), ElementsAre("lock"));
}

TEST_F(PushTest, HttpsIsAsGoodAsItsCertificate) {
  if (!HaveProgram("openssl")) GTEST_SKIP() << "openssl is not installed";
  Command make;
  make.argv = {"openssl",
               "req",
               "-x509",
               "-newkey",
               "ec",
               "-pkeyopt",
               "ec_paramgen_curve:prime256v1",
               "-nodes",
               "-days",
               "2",
               "-subj",
               "/CN=localhost",
               "-addext",
               "subjectAltName=DNS:localhost",
               "-keyout",
               dir_ / "key",
               "-out",
               dir_ / "cert"};
  ASSERT_TRUE(RunProgram(make).ok());
  WriteFile(dir_ / "both", ReadFile(dir_ / "key") + ReadFile(dir_ / "cert"));
  StandIn engine({"--certificate", dir_ / "both"});
  const std::string url = "otlp+https://" + engine.host();
  const Result trusted = Push({url, "--ca-file", dir_ / "cert", File()});
  EXPECT_TRUE(trusted.ok()) << trusted.Describe();
  const Result unknown = Push({url, "--timeout", "0", File()});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("certificate"));
}

TEST_F(PushTest, WrongUsageIsOneLine) {
  const std::vector<std::vector<std::string>> cases = {{"pyroscope://localhost:1"},
                                                       {"nowhere://x", File()},
                                                       {"otlp://x", File()},
                                                       {"dir:" + (dir_ / "d"), dir_ / "none"},
                                                       {"dir:" + (dir_ / "d"), "--label", "x", File()},
                                                       {"dir:" + (dir_ / "d"), "--header", "x", File()}};
  for (const std::vector<std::string>& words : cases) {
    const Result result = Push(words);
    EXPECT_EQ(result.exit_status, 2) << result.Describe();
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST_F(PushTest, WithoutLibcurlOneLineSaysWhatToInstall) {
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4"}) WriteFile(dir_ / name, "");  // found first
  const Result result = Push({"otlp://localhost:1", File()}, {{"LD_LIBRARY_PATH", dir_.path()}});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(
      result.err,
      "heapprof: libcurl.so.4, which makes the requests, is not installed (Debian's package libcurl4)\n");
  EXPECT_TRUE(Push({"dir:" + (dir_ / "d"), File()}, {{"LD_LIBRARY_PATH", dir_.path()}}).ok());
}

// The command shall start where libcurl is not installed, and no reader of files shall pay for it.
TEST(Command, NeedsNoLibcurlToStart) {
  Command readelf;
  readelf.argv = {"readelf", "-dW", HEAPPROF_COMMAND};
  const Result result = RunProgram(readelf);
  ASSERT_TRUE(result.ok()) << result.Describe();
  EXPECT_THAT(result.out, HasSubstr("libc.so.6"));
  EXPECT_THAT(result.out, Not(HasSubstr("curl")));
}

}  // namespace
}  // namespace heapprof::test
