// SPDX-License-Identifier: Apache-2.0
// The parts of `heapprof agent` that read what others write, and what they make of it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"
#include "tools/agent/baseline.h"
#include "tools/agent/names/naming_worker.h"
#include "tools/agent/process/endpoint.h"
#include "tools/agent/process/exchange.h"
#include "tools/agent/process/process_labels.h"
#include "tools/agent/state_file.h"
#include "tools/agent/watched.h"
#include "tools/profile/interner.h"

namespace heapprof::tools::agent {
namespace {

using test::TempDir;
using testing::HasSubstr;

TEST(MapsLines, WhatIsNoneIsPassedOverAndPathsMayHoldAnything) {
  const auto lines = ParseMaps(
      "7f00-7f10 r-xp 00001000 fe:00 42        /tmp/a b\\012c (deleted)\n"
      "garbage\n"
      "7f20-7f10 r-xp 0 00:00 0 \n"
      "7f20-7f30 rw-p 00000000 00:00 0 \n"
      "7f30-7f40 r--p 0 00:01");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].path, "/tmp/a b\\012c (deleted)");
  EXPECT_EQ(lines[0].inode, 42u);
  EXPECT_EQ(lines[0].offset, 0x1000u);
  EXPECT_TRUE(lines[0].executable);
  EXPECT_EQ(lines[1].path, "");
  EXPECT_EQ(lines[1].inode, 0u);
}

TEST(Reading, WhatHasNoEndHasABound) {
  const OwnedFd zeros(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReadUpTo(zeros.get(), 100'000).size(), 100'000u);
}

TEST(SocketTables, ListenersAreFoundByTheirInode) {
  const std::string local =
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "0000000000000000: 00000003 00000000 00000000 0001 03 77 /run/other\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 78 /run/a b\n"
      "0000000000000000: 00000002 00000000 00010000 0001 01 79 @name\n";
  EXPECT_FALSE(FindLocal(local, 77));  // does not listen
  ASSERT_TRUE(FindLocal(local, 78));
  EXPECT_EQ(FindLocal(local, 78)->Text(), "unix:/run/a b");
  EXPECT_EQ(FindLocal(local, 79)->local, "@name");
  const std::string four =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:17AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 80 1 0\n"
      "   1: 00000000:17AD 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 81 1 0\n"
      "   2: 0100007F:17AE 0100007F:1111 01 00000000:00000000 00:00000000 00000000  1000        0 82 1 0\n"
      "   3: zz:17AE\n";
  EXPECT_EQ(FindPort(four, 80)->Text(), "127.0.0.1:6060");
  EXPECT_EQ(FindPort(four, 81)->Text(), "127.0.0.1:6061");
  EXPECT_FALSE(FindPort(four, 82));
  const std::string six =
      "   0: 00000000000000000000000001000000:17AC 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 "
      "00:00000000 00000000     0        0 83 1 0\n";
  EXPECT_EQ(FindPort(six, 83)->Text(), "[::1]:6060");
}

// What a server answers, and what becomes of it.
Exchange::State AnswerWith(const std::string& answer, Exchange** result, size_t max_body = 1000) {
  static std::unique_ptr<Exchange> exchange;
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  exchange = std::make_unique<Exchange>(OwnedFd(ends[0]), "/x", max_body);
  std::thread server([&] {
    char request[1000];  // which fits into one piece
    EXPECT_GT(recv(ends[1], request, sizeof request, 0), 0);
    for (size_t done = 0; done < answer.size();) {
      const ssize_t put = send(ends[1], answer.data() + done, answer.size() - done, MSG_NOSIGNAL);
      if (put <= 0) break;
      done += static_cast<size_t>(put);
    }
    close(ends[1]);
  });
  while (exchange->Step() == Exchange::State::kRunning) {
  }
  shutdown(exchange->fd(), SHUT_RDWR);
  server.join();
  *result = exchange.get();
  return exchange->state();
}

TEST(Exchanges, TakeWholeAnswersAndNoOthers) {
  using State = Exchange::State;
  Exchange* done;
  EXPECT_EQ(AnswerWith("HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabc", &done), State::kDone);
  EXPECT_EQ(done->status(), 200);
  EXPECT_EQ(done->TakeBody(), "abc");
  EXPECT_EQ(AnswerWith("HTTP/1.0 404 No\r\n\r\nup to the end", &done), State::kDone);
  EXPECT_EQ(done->status(), 404);
  EXPECT_EQ(done->TakeBody(), "up to the end");
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "an answer that is cut off"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "an answer that is cut off"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "an answer that is too large"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\n", "no answer of HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no answer of HTTP"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "no answer of HTTP"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "no answer of HTTP"},
      {"SSH-2.0\r\n\r\n", "no answer of HTTP"},
      {"HTTP/1.1 2x0 OK\r\n\r\n", "no answer of HTTP"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'), "an endless head"},
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(1 << 20, 'x'), "an answer that is too large"}};
  for (const auto& [answer, why] : bad) {
    EXPECT_EQ(AnswerWith(answer, &done), State::kFailed) << answer.substr(0, 80);
    EXPECT_EQ(done->why(), why) << answer.substr(0, 80);
    EXPECT_LT(done->bytes_held(), 100'000u);
  }
}

// A heap profile with one sample for each row: stack of one address, and four values.
Profile HeapOf(int64_t time, const std::vector<std::pair<uint64_t, std::vector<int64_t>>>& rows,
               uint64_t base = 0x1000) {
  Profile profile;
  Interner strings(&profile.header.strings);
  for (const char* type : {"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"})
    profile.header.sample_types.push_back({strings.Intern(type), strings.Intern("bytes")});
  profile.header.time_nanos = time;
  ProfileMapping mapping;
  mapping.start = base;
  mapping.limit = base + 0x1000;
  mapping.filename = strings.Intern("/bin/x");
  profile.mappings.push_back(mapping);
  for (const auto& [place, values] : rows) {
    ProfileLocation location;
    location.address = base + place;
    location.mapping = 0;
    ProfileSample sample;
    sample.first_frame = static_cast<uint32_t>(profile.frames.size());
    sample.frame_count = 1;
    profile.frames.push_back(static_cast<uint32_t>(profile.locations.size()));
    profile.locations.push_back(location);
    profile.samples.push_back(sample);
    profile.values.insert(profile.values.end(), values.begin(), values.end());
  }
  return profile;
}

TEST(Baselines, TellWhatHasGrownAndWhatIsInUseAsItIs) {
  Baseline baseline;
  Profile first = HeapOf(100, {{1, {10, 1000, 1, 100}}, {2, {5, 50, 0, 0}}});
  // What came before is told by nobody; what is in use is.
  ASSERT_TRUE(baseline.Subtract("heap", 0, &first));
  EXPECT_EQ(first.values, (std::vector<int64_t>{0, 0, 1, 100}));
  EXPECT_EQ(first.locations.size(), 1u);
  EXPECT_EQ(first.header.duration_nanos, 0);
  // The same stacks, the module at another place: as after dlclose.
  Profile second = HeapOf(350, {{1, {12, 1200, 2, 200}}, {2, {5, 50, 0, 0}}, {3, {1, 7, 1, 7}}}, 0x7000);
  ASSERT_TRUE(baseline.Subtract("heap", 0, &second));
  EXPECT_EQ(second.values, (std::vector<int64_t>{2, 200, 2, 200, 1, 7, 1, 7}));
  EXPECT_EQ(second.header.duration_nanos, 250);
  EXPECT_EQ(second.header.time_nanos, 100);
  ASSERT_EQ(second.locations.size(), 2u);
  EXPECT_EQ(second.locations[1].address, 0x7003u);
}

TEST(Baselines, AProcessThatHasJustBegunTellsAll) {
  Baseline baseline;
  Profile profile = HeapOf(100, {{1, {10, 1000, 1, 100}}});
  ASSERT_TRUE(baseline.Subtract("heap", 40, &profile));
  EXPECT_EQ(profile.values, (std::vector<int64_t>{10, 1000, 1, 100}));
  EXPECT_EQ(profile.header.duration_nanos, 60);
}

TEST(Baselines, ANewProgramInTheSameProcessTellsAll) {
  Baseline baseline;
  Profile profile = HeapOf(100, {{1, {10, 1000, 1, 100}}});
  baseline.Subtract("heap", 0, &profile);
  profile = HeapOf(200, {{1, {3, 300, 1, 100}}});
  ASSERT_TRUE(baseline.Subtract("heap", 0, &profile));
  EXPECT_EQ(profile.values, (std::vector<int64_t>{3, 300, 1, 100}));
}

TEST(Baselines, OfWaitsAllValuesGrow) {
  Baseline baseline;
  Profile profile = HeapOf(100, {{1, {10, 1000, 0, 0}}});
  profile.header.sample_types.resize(2);
  profile.values.resize(2);
  Profile again = profile;
  EXPECT_FALSE(baseline.Subtract("mutex", 0, &profile));
  again.values[1] = 1500;
  ASSERT_TRUE(baseline.Subtract("mutex", 0, &again));
  EXPECT_EQ(again.values, (std::vector<int64_t>{0, 500}));
}

TEST(Baselines, TimesThatCannotBeAreNow) {
  constexpr int64_t kNow = int64_t{1'700'000'000} * 1'000'000'000, kLongest = 20'000'000'000;
  Profile profile;
  ProfileHeader& header = profile.header;
  header.time_nanos = kNow - kLongest;
  header.duration_nanos = kLongest;
  KeepTime(kNow, kLongest, &profile);
  EXPECT_EQ(header.time_nanos, kNow - kLongest);
  EXPECT_EQ(header.duration_nanos, kLongest);
  for (const int64_t time : {INT64_MIN, int64_t{0}, kNow * 2, INT64_MAX}) {
    for (const int64_t duration : {INT64_MIN, int64_t{5}, INT64_MAX}) {
      header.time_nanos = time;
      header.duration_nanos = duration;
      KeepTime(kNow, kLongest, &profile);
      EXPECT_EQ(header.time_nanos + header.duration_nanos, kNow) << time << " " << duration;
      EXPECT_LE(header.duration_nanos, kLongest);
    }
  }
  header.time_nanos = kNow - 100;
  header.duration_nanos = 100;
  LimitDuration(30, &profile);
  EXPECT_EQ(header.duration_nanos, 30);
  EXPECT_EQ(header.time_nanos, kNow - 30);
}

TEST(Baselines, OfAllProcessesHaveABoundAndNothingIsToldTwice) {
  std::map<pid_t, std::unique_ptr<Watched>> all;
  const auto subtract = [&](pid_t pid, int64_t time) {
    std::vector<std::pair<uint64_t, std::vector<int64_t>>> rows;
    for (uint64_t i = 0; i < static_cast<uint64_t>(pid) * 100; ++i) rows.push_back({i, {1, 10, 1, 10}});
    Profile profile = HeapOf(time, rows);
    all[pid]->baselines["heap"].Subtract("heap", all[pid]->since_nanos, &profile);
    return profile;
  };
  for (const pid_t pid : {1, 3, 2}) {
    all[pid] = std::make_unique<Watched>();
    all[pid]->since_nanos = 40;
    subtract(pid, 50);
  }
  LimitBaselines(100 * 24 * 4, all);
  EXPECT_EQ(all[3]->baselines["heap"].bytes(), 0u);
  EXPECT_GT(all[2]->baselines["heap"].bytes(), 0u);
  for (const pid_t pid : {2, 3}) {
    const Profile again = subtract(pid, 60);
    ASSERT_FALSE(again.samples.empty());
    EXPECT_EQ(again.values_of(0)[1], 0) << pid;
    EXPECT_EQ(again.values_of(0)[3], 10) << pid;
  }
}

TEST(Turns, AreOfWhoHasWaitedLongest) {
  std::map<pid_t, std::unique_ptr<Watched>> all;
  for (const pid_t pid : {1, 2, 3, 4}) {
    all[pid] = std::make_unique<Watched>();
    all[pid]->waits_since = 10 - pid;
    if (pid != 3) all[pid]->pages.push_back(Page::kHeap);
  }
  all[4]->quick.emplace();
  EXPECT_THAT(InTurn(all), testing::ElementsAre(all[2].get(), all[1].get()));
}

TEST(Baselines, AreKeptOverARestart) {
  const TempDir dir;
  AgentState state;
  state.stopped_nanos = 7;
  Profile profile = HeapOf(100, {{1, {10, 1000, 1, 100}}});
  state.processes[{12, 34, 56}]["heap"].Subtract("heap", 0, &profile);
  WriteState(dir / "state", "boot", state);
  EXPECT_EQ(TakeState(dir / "state", "another").stopped_nanos, 0);
  WriteState(dir / "state", "boot", state);
  AgentState read = TakeState(dir / "state", "boot");
  EXPECT_EQ(access((dir / "state").c_str(), F_OK), -1);  // once
  EXPECT_EQ(read.stopped_nanos, 7);
  profile = HeapOf(300, {{1, {11, 1100, 1, 100}}});
  Baseline baseline = read.processes[{12, 34, 56}]["heap"];
  ASSERT_TRUE(baseline.Subtract("heap", 0, &profile));
  EXPECT_EQ(profile.values, (std::vector<int64_t>{1, 100, 1, 100}));
  // A file that is not whole is none.
  WriteState(dir / "state", "boot", state);
  const std::string bytes = test::ReadFile(dir / "state");
  for (const size_t size : {bytes.size() - 1, bytes.size() / 2, size_t{20}, size_t{0}}) {
    test::WriteFile(dir / "state", bytes.substr(0, size));
    EXPECT_EQ(TakeState(dir / "state", "boot").stopped_nanos, 0) << size;
  }
}

TEST(ProcessLabels, ComeFromTheCgroup) {
  const std::string id(64, 'a');
  const auto labels_of = [](const std::string& cgroup) {
    Labels labels;
    AddCgroupLabels(cgroup, &labels);
    return labels;
  };
  Labels labels = labels_of("0::/system.slice/shop@1.service\n");
  EXPECT_EQ(LabelOf(labels, "systemd_unit"), "shop@1.service");
  labels = labels_of("0::/system.slice/docker-" + id + ".scope\n");
  EXPECT_EQ(LabelOf(labels, "container"), id);
  EXPECT_EQ(LabelOf(labels, "systemd_unit"), "");
  labels = labels_of(
      "0::/kubepods.slice/kubepods-burstable.slice/"
      "kubepods-burstable-pod0a1b2c3d_0a1b_0a1b_0a1b_0a1b2c3d4e5f.slice/cri-containerd-" +
      id + ".scope\n");
  EXPECT_EQ(LabelOf(labels, "pod_uid"), "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f");
  EXPECT_EQ(LabelOf(labels, "container"), id);
  labels = labels_of("12:memory:/kubepods/besteffort/pod0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f/" + id + "\n");
  EXPECT_EQ(LabelOf(labels, "pod_uid"), "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f");
  EXPECT_EQ(LabelOf(labels, "container"), id);
  EXPECT_TRUE(labels_of("0::/\n").empty());
  EXPECT_TRUE(labels_of("no such line").empty());
}

TEST(ProcessLabels, ComeFromOpenTelemetry) {
  Labels labels;
  AddResourceAttributes("service.name=sh%6Fp, service.version=1.2 ,k8s.pod.name=p-1,nothing,team=x", &labels);
  EXPECT_EQ(LabelOf(labels, "service"), "shop");
  EXPECT_EQ(LabelOf(labels, "version"), "1.2");
  EXPECT_EQ(LabelOf(labels, "pod"), "p-1");
  EXPECT_EQ(labels.size(), 3u);
  // ProcessContext {Resource {KeyValue {"service.name", AnyValue {"web"}}}}
  const std::string value = "\x0a\x03web", key = "\x0a\x0cservice.name";
  const std::string pair = key + "\x12" + static_cast<char>(value.size()) + value;
  const std::string resource = "\x0a" + std::string(1, static_cast<char>(pair.size())) + pair;
  const std::string context = "\x0a" + std::string(1, static_cast<char>(resource.size())) + resource;
  AddProcessContext(context, &labels);
  EXPECT_EQ(LabelOf(labels, "service"), "web");
  for (size_t size = 0; size < context.size(); ++size) {
    Labels torn;
    AddProcessContext(context.substr(0, size), &torn);
    EXPECT_EQ(LabelOf(torn, "service"), "") << size;
  }
}

TEST(ProcessLabels, ValuesAreCutAndCleaned) {
  Labels labels;
  SetLabel(&labels, "service", "a\nb\xff" + std::string(5000, 'x'));
  const std::string value(LabelOf(labels, "service"));
  EXPECT_EQ(value.substr(0, 6), "a_b\xef\xbf\xbd");
  EXPECT_LT(value.size(), 300u);
  EXPECT_EQ(HeldProcess::Variable(std::string_view("A=1\0AB=2\0B=3\0", 13), "AB"), "2");
  EXPECT_EQ(HeldProcess::Variable("A=1", "C"), "");
}

TEST(NamingWorkers, WhatIsTornHasNoNames) {
  std::string bytes;
  PackFrames(16, true, {{"f", "a.c", 3, 1, "f()"}, {"g", "a.c", 9, 7, ""}}, &bytes);
  const size_t first = bytes.size();
  PackFrames(32, false, {}, &bytes);
  bytes += 'E';
  for (size_t size = 0; size <= bytes.size(); ++size) {
    FoundNames found;
    UnpackFrames(std::string_view(bytes).substr(0, size), &found);
    EXPECT_EQ(found.names.count(16), size >= first ? 1u : 0u);
    EXPECT_EQ(found.finished, size == bytes.size());
  }
  FoundNames found;
  UnpackFrames(bytes, &found);
  ASSERT_EQ(found.names[16].size(), 2u);
  EXPECT_EQ(found.names[16][0].name, "f()");
  EXPECT_EQ(found.names[16][1].start_line, 7);
  EXPECT_EQ(found.whole.count(32), 0u);
}

TEST(NamingWorkers, WhatIsNoElfFileHasNoNames) {
  const TempDir dir;
  test::WriteFile(dir / "x",
                  "\x7f"
                  "ELF" +
                      std::string(1000, '\xff'));
  const OwnedFd fd(open((dir / "x").c_str(), O_RDONLY | O_CLOEXEC));
  NamingRequest request;
  request.file = fd.get();
  request.offsets = {0, 100};
  const FoundNames found = NameInWorker(request);
  EXPECT_TRUE(found.finished);
  EXPECT_TRUE(found.names.at(100).empty());
}

TEST(OptionsPage, SaysWhetherWaitsAreRecorded) {
  EXPECT_FALSE(RecordsWaits("sample_interval=512k\ncontention_interval=0\n"));
  EXPECT_TRUE(RecordsWaits("sample_interval=512k\ncontention_interval=10us\nseed=0\n"));
  EXPECT_FALSE(RecordsWaits("no\ncontention_interval_x=1\n"));
  EXPECT_FALSE(RecordsWaits(""));
}

}  // namespace
}  // namespace heapprof::tools::agent
