// SPDX-License-Identifier: Apache-2.0
// Profiles on their way to engines that fail, by senders that are killed, under a clock that jumps: each
// arrives once, or is in the spool.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "tests/system/fleet/stand_in.h"
#include "tests/tools/made_profile.h"
#include "tools/net/http_client.h"
#include "tools/send/sender.h"
#include "tools/send/spool_file.h"

namespace heapprof::test {
namespace {

using tools::send::Item;
using tools::send::kSecond;
using tools::send::Moment;
using tools::send::Sender;
using tools::send::Spool;
using tools::send::SpoolState;

constexpr const char* kEngines[] = {"pyroscope", "parca", "otlp"};
// The ones with more samples than Pyroscope takes: many sizes of few stacks, and many stacks.
constexpr int kManySizes = 7, kManyStacks = 8, kSamples = 16'500;

void AddSamples(int number, pb::Profile* profile) {
  for (int i = 0; i < kSamples; ++i) {
    pb::Sample* sample = profile->add_sample();
    sample->add_location_id(1);
    for (int bit = 0; number == kManyStacks && bit < 15; ++bit) sample->add_location_id(1 + (i >> bit & 1));
    for (int value : {1, 100, 1, 100}) sample->add_value(value);
    pb::Label* label = sample->add_label();
    label->set_key(Intern(profile, "bytes"));
    label->set_num(i);
  }
}

// A profile that says which it is, with names that engines rename or refuse.
Item MakeItem(const std::string& engine, int number, const Moment& now) {
  pb::Profile profile = MakeProfile();
  profile.add_comment(Intern(&profile, "push: " + std::to_string(number)));
  if (number % 3 == 0) {
    profile.mutable_string_table(static_cast<int>(profile.sample_type(0).type()))
        ->assign("alloc-objects of: it");
    pb::Label* label = profile.mutable_sample(0)->add_label();
    label->set_key(Intern(&profile, number % 2 == 0 ? "__name__" : "request path"));
    label->set_str(Intern(&profile, "/a,b}"));
  }
  if (engine == "pyroscope" && (number == kManySizes || number == kManyStacks)) AddSamples(number, &profile);
  std::string bytes = profile.SerializeAsString();
  if (number % 5 == 0) bytes += std::string("\x32\x03\xff\xfe\x80", 5);  // a string that is no UTF-8
  char id[33];
  std::snprintf(id, sizeof id, "%032x", static_cast<unsigned>(number));
  Item item;
  item.id = id;
  item.kind = "heap";
  item.labels = {{"service", "the shop {1}"},
                 {"pid", std::to_string(number)},
                 {"odd key", "x,y}\xff"},
                 {"__name__", "z"}};
  item.start_ns = now.wall_ns;
  item.duration_ns = kSecond;
  item.delta = number % 2 == 0;
  item.bytes = number % 4 == 0 ? bytes : Gzip(bytes);
  return item;
}

// The pieces that a profile becomes.
std::set<std::string> PiecesOf(const std::string& engine, int number) {
  char id[33];
  std::snprintf(id, sizeof id, "%032x", static_cast<unsigned>(number));
  if (engine == "pyroscope" && number == kManyStacks) return {std::string(id) + "-1", std::string(id) + "-2"};
  if (engine == "parca" && number % 2 == 0) return {id, std::string(id) + "-d"};
  return {id};
}

// The piece that a line of the engine's log tells of.
std::string PieceOf(const std::string& line) {
  const size_t at = line.find("push: ");
  char id[33];
  std::snprintf(id, sizeof id, "%032x", static_cast<unsigned>(atoi(line.c_str() + at + 6)));
  const std::string part = Field(line, "part");
  if (!part.empty()) return std::string(id) + "-" + part;
  const bool is_rest = Field(line, "engine") == "parca" && line.find("\"inuse_") == std::string::npos;
  return std::string(id) + (is_rest ? "-d" : "");
}

struct Round {
  std::string engine;
  int first, count;
  int64_t clock_set_by_ns = 0;
  bool drain = false;  // it goes on until nothing waits that may be sent
};

class ExactlyOnceTest : public testing::Test {
 protected:
  std::string Folder(const std::string& engine) const { return dir_ / ("spool." + engine); }
  std::string AddedFile(const std::string& engine) const { return dir_ / ("added." + engine); }

  size_t Added() const {
    size_t lines = 0;
    for (const char* engine : kEngines) {
      const std::string text = ReadFile(AddedFile(engine));
      lines += static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    }
    return lines;
  }

  // In a process of its own.
  void Send(const Round& round) {
    tools::send::Clock clock;
    const tools::send::Clock real = tools::send::SystemClock();
    clock.boot_id = "boot";
    clock.now = [&] {
      Moment now = real.now();
      now.wall_ns += round.clock_set_by_ns;
      return now;
    };
    tools::send::SenderOptions options;
    options.first_wait_seconds = 0.001;
    options.longest_wait_seconds = 0.01;
    Sender sender(tools::send::MakeTarget(round.engine + "://" + stand_in_.host()),
                  std::make_unique<Spool>(Folder(round.engine), tools::send::SpoolLimits(), clock), options,
                  clock);
    std::ofstream added(AddedFile(round.engine), std::ios::app);
    for (int i = round.first; i < round.first + round.count; ++i) {
      sender.Add(MakeItem(round.engine, i, clock.now()));
      added << i << std::endl;
      sender.Work(0);
    }
    for (double wait; round.drain && (wait = sender.Work(1)) >= 0;)
      usleep(static_cast<useconds_t>(wait * 1e6));
  }

  // Kills it after so long, if it has not ended.
  void Run(const Round& round, int kill_after_us) {
    const pid_t child = fork();
    if (child == 0) {
      Send(round);
      _exit(testing::Test::HasFailure() ? 1 : 0);
    }
    if (kill_after_us > 0) {
      usleep(static_cast<useconds_t>(kill_after_us));  // what it is doing then is what this is about
      kill(child, SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (kill_after_us == 0) {
      ASSERT_EQ(status, 0);
    }
  }

  std::map<std::string, std::string> Spooled(const std::string& engine) const {
    std::map<std::string, std::string> states;
    for (const std::string& name : ListDir(Folder(engine))) {
      if (name == "lock") continue;
      tools::send::SpooledItem spooled;
      EXPECT_TRUE(ReadSpoolText(ReadFile(Folder(engine) + "/" + name), &spooled)) << name;
      states[spooled.item.id] = name.substr(name.rfind('.') + 1);
    }
    return states;
  }

  void Check(const std::string& engine) {
    std::map<std::string, int> taken;
    for (const std::string& line : stand_in_.Lines({"\"taken\"", "\"engine\": \"" + engine + "\""}))
      ++taken[PieceOf(line)];
    for (const auto& [piece, count] : taken) EXPECT_EQ(count, 1) << engine << " took " << piece << " twice";
    const std::map<std::string, std::string> spooled = Spooled(engine);
    std::ifstream added(AddedFile(engine));
    size_t profiles = 0;
    for (int number; added >> number; ++profiles) {
      for (const std::string& piece : PiecesOf(engine, number)) {
        EXPECT_TRUE(taken.count(piece) != 0 || spooled.count(piece) != 0) << engine << " lost " << piece;
      }
    }
    size_t uncertain = 0;
    for (const auto& [piece, state] : spooled) {
      EXPECT_TRUE(state == "uncertain" || state == "refused") << piece << " is " << state;
      uncertain += state == "uncertain";
    }
    // One in forty meets a failure that says so. What is too old, or of a time to come, would be many more.
    EXPECT_LE(spooled.size() - uncertain, profiles / 10 + 3);
    EXPECT_GT(taken.size(), profiles * 8 / 10);
    std::printf("%s: %zu profiles, %zu pieces taken, %zu in the spool, of which %zu uncertain\n",
                engine.c_str(), profiles, taken.size(), spooled.size(), uncertain);
  }

  TempDir dir_;
  StandIn stand_in_{{"--failures", "15"}};
};

TEST_F(ExactlyOnceTest, ArrivesOrIsInTheSpool) {
  tools::net::HttpClient().Do({});  // libcurl is loaded once, and not in each process
  constexpr int kOfARound = 25;
  const size_t wanted = static_cast<size_t>(SoakFactor()) * 100;
  std::minstd_rand random(7);
  int rounds = 0;
  for (; rounds % 4 != 0 || rounds == 0 || Added() < wanted; ++rounds) {
    const int i = rounds;
    // While the clock is two hours wrong the engines are away: what waits is of the right time afterwards.
    const bool away = i % 4 == 2;
    if (away) stand_in_.Kill();
    for (const char* engine : kEngines) {
      Round round{engine, i * kOfARound, kOfARound};
      round.clock_set_by_ns = away ? -7200 * kSecond : i % 4 == 1 ? 300 * kSecond : 0;
      Run(round, i % 3 == 0 ? 0 : 10'000 + static_cast<int>(random() % 60'000));
    }
    if (away) stand_in_.Start({"--failures", "15", "--seed", std::to_string(i)});
  }
  stand_in_.Kill();
  stand_in_.Start({});
  for (const char* engine : kEngines) {
    Run({engine, rounds * kOfARound, 1, 0, true}, 0);
    Check(engine);
  }
  for (const std::string& line : stand_in_.Lines({"\"violation\""})) ADD_FAILURE() << line;
}

}  // namespace
}  // namespace heapprof::test
