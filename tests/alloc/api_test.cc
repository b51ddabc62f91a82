// SPDX-License-Identifier: Apache-2.0
// What a program reads and hands on through the interface, in the process itself.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "heapprof/heapprof.hpp"
#include "tests/support/profile.h"

namespace heapprof::test {
namespace {

constexpr int kBlocks = 100;
// Sizes that nothing else in the process asks for.
constexpr size_t kSize = 12347, kOther = 23459;

__attribute__((noinline)) std::vector<void*> Take(size_t size, int count = kBlocks) {
  std::vector<void*> blocks(static_cast<size_t>(count));
  for (void*& block : blocks) block = malloc(size);
  return blocks;
}
void Free(std::vector<void*>* blocks) {
  for (void* block : *blocks) free(block);
  blocks->clear();
}

class Api : public testing::Test {
 protected:
  Api() : before_(SampleInterval()) { SetSampleInterval(1); }
  ~Api() override { SetSampleInterval(before_); }

  // The buckets of one size, as a snapshot has them.
  static std::vector<Bucket> OfSize(size_t size, bool in_use_only = false) {
    std::vector<Bucket> found;
    Snapshot(
        [&](const Bucket& bucket) {
          if (bucket.allocation_size == size && bucket.interval == 1) found.push_back(bucket);
        },
        in_use_only);
    return found;
  }

 private:
  size_t before_;
};

struct WrittenProfile : AnyProfile {
  explicit WrittenProfile(const std::string& bytes) { Parse(bytes); }
  // Sums of the values at `index` over samples of that block size.
  int64_t OfSize(size_t size, int index) const {
    int64_t sum = 0;
    for (const pb::Sample& sample : proto_.sample()) {
      for (const pb::Label& label : sample.label()) {
        if (Text(label.key()) == "bytes" && label.num() == static_cast<int64_t>(size))
          sum += sample.value(index);
      }
    }
    return sum;
  }
};

// What `write` writes to a file in memory.
template <typename Write>
std::string Written(Write write) {
  const int fd = memfd_create("profile", MFD_CLOEXEC);
  write(fd);
  std::string bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(fd);
  return bytes;
}

TEST_F(Api, VersionIsTheHeadersOwn) { EXPECT_STREQ(heapprof_version(), HEAPPROF_VERSION); }

TEST_F(Api, ASnapshotHasStackNumbersAndLabelsOfEachBucket) {
  ScopedLabels labels("snapshot", "yes");
  std::vector<void*> blocks = Take(kSize);
  for (int i = 0; i < 30; ++i) {
    free(blocks.back());
    blocks.pop_back();
  }
  std::vector<Bucket> buckets = OfSize(kSize);
  ASSERT_EQ(buckets.size(), 1u);
  const Bucket& bucket = buckets[0];
  EXPECT_EQ(bucket.size, sizeof(Bucket));
  EXPECT_GT(bucket.depth, 2u);
  EXPECT_EQ(bucket.truncated, 0);
  EXPECT_EQ(bucket.sampled_allocations, 100u);
  EXPECT_EQ(bucket.sampled_frees, 30u);
  EXPECT_EQ(bucket.alloc_objects, 100);
  EXPECT_EQ(bucket.alloc_bytes, 100 * static_cast<int64_t>(kSize));
  EXPECT_EQ(bucket.inuse_objects, 70);
  EXPECT_EQ(bucket.inuse_bytes, 70 * static_cast<int64_t>(kSize));
  EXPECT_EQ(bucket.labels, heapprof_labels_capture());
  EXPECT_EQ(OfSize(kSize, true).size(), 1u);
  Free(&blocks);
  EXPECT_EQ(OfSize(kSize).size(), 1u);
  EXPECT_EQ(OfSize(kSize, true).size(), 0u);
}

TEST_F(Api, TheStackOfABucketBeginsAtTheCallerOfMalloc) {
  constexpr size_t kHere = 34567;
  std::vector<void*> blocks = Take(kHere, 1);
  uintptr_t leaf = 0;
  Snapshot([&leaf](const Bucket& bucket) {
    if (bucket.allocation_size == kHere) leaf = bucket.stack[0];
  });
  const auto take = reinterpret_cast<uintptr_t>(&Take);
  EXPECT_GT(leaf, take);
  EXPECT_LT(leaf, take + 1024);
  Free(&blocks);
}

TEST_F(Api, AVisitEndsWithTheFirstResultThatIsNotZero) {
  std::vector<void*> one = Take(kSize + 3, 1), two = Take(kSize + 4, 1);
  int visits = 0;
  auto visit = [](void* argument, const Bucket*) { return ++*static_cast<int*>(argument) == 2 ? 77 : 0; };
  EXPECT_EQ(heapprof_snapshot(visit, &visits, 0), 77);
  EXPECT_EQ(visits, 2);
  EXPECT_EQ(heapprof_snapshot(nullptr, nullptr, 0), -EINVAL);
  EXPECT_EQ(heapprof_snapshot(visit, &visits, 1u << 31), -EINVAL);
  Free(&one);
  Free(&two);
}

TEST_F(Api, ASnapshotsEstimatesAreThoseOfTheProfile) {
  SetSampleInterval(4096);
  constexpr size_t kSampled = 1237;
  std::vector<void*> blocks = Take(kSampled, 20'000);
  int64_t objects = 0, bytes = 0;
  Snapshot([&](const Bucket& bucket) {
    if (bucket.allocation_size != kSampled) return;
    objects += bucket.inuse_objects;
    bytes += bucket.inuse_bytes;
  });
  WrittenProfile profile(Written([](int fd) { EXPECT_FALSE(WriteProfile("heap", fd)); }));
  EXPECT_EQ(objects, profile.OfSize(kSampled, 2));
  EXPECT_EQ(bytes, profile.OfSize(kSampled, 3));
  EXPECT_NEAR(static_cast<double>(objects), 20'000, 2'000);  // 14 standard deviations
  Free(&blocks);
}

TEST_F(Api, AnIntervalHasWhatWasAllocatedInItAndNothingElse) {
  std::vector<void*> before = Take(kOther, 10);
  AllocationInterval interval;
  std::vector<void*> within = Take(kOther, 7);  // the same stack or another, the same size
  std::vector<void*> fresh = Take(kOther + 1, 5);
  Free(&before);
  Free(&fresh);
  const std::string bytes = Written([&](int fd) { EXPECT_FALSE(interval.WriteTo(fd)); });
  WrittenProfile profile(bytes);
  ASSERT_EQ(profile.error(), "");
  ASSERT_EQ(profile.proto().sample_type_size(), 2);
  EXPECT_EQ(profile.Text(profile.proto().sample_type(0).type()), "alloc_objects");
  EXPECT_EQ(profile.Text(profile.proto().sample_type(1).type()), "alloc_space");
  EXPECT_EQ(profile.Text(profile.proto().default_sample_type()), "alloc_space");
  EXPECT_GT(profile.proto().duration_nanos(), 0);
  EXPECT_EQ(profile.OfSize(kOther, 0), 7);
  EXPECT_EQ(profile.OfSize(kOther, 1), 7 * static_cast<int64_t>(kOther));
  EXPECT_EQ(profile.OfSize(kOther + 1, 0), 5);
  EXPECT_EQ(interval.WriteTo(1), std::errc::invalid_argument);
  Free(&within);
}

TEST_F(Api, IntervalsOverlapAndMayBeDropped) {
  AllocationInterval outer;
  std::vector<void*> one = Take(kOther + 2, 3);
  AllocationInterval inner, dropped;
  std::vector<void*> two = Take(kOther + 2, 4);
  WrittenProfile inside(Written([&](int fd) { EXPECT_FALSE(inner.WriteTo(fd)); }));
  WrittenProfile outside(Written([&](int fd) { EXPECT_FALSE(outer.WriteTo(fd)); }));
  EXPECT_EQ(inside.OfSize(kOther + 2, 0), 4);
  EXPECT_EQ(outside.OfSize(kOther + 2, 0), 7);
  const uint64_t mapped = Stats().metadata_bytes;
  for (int i = 0; i < 1000; ++i) AllocationInterval passing;
  EXPECT_EQ(Stats().metadata_bytes, mapped);
  heapprof_interval* failing = heapprof_interval_begin();
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  EXPECT_EQ(heapprof_interval_end(failing, full), -ENOSPC);
  close(full);
  EXPECT_EQ(heapprof_interval_end(nullptr, 1), -EINVAL);
  Free(&one);
  Free(&two);
}

heapprof_http_request Request(const char* method, const char* target) {
  return {sizeof(heapprof_http_request), method, target, nullptr, 0, nullptr, nullptr};
}

TEST_F(Api, ARequestOfTheProgramsOwnServerIsAnswered) {
  std::vector<void*> blocks = Take(kSize);
  heapprof_http_request request = Request("GET", "/debug/pprof/heap?x=y");
  int calls = 0;
  std::string body;
  ASSERT_FALSE(Http(request, [&](const heapprof_http_response& response) {
    ++calls;
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.size, sizeof(response));
    ASSERT_GE(response.header_count, 2u);
    EXPECT_STREQ(response.headers[0].name, "Content-Type");
    EXPECT_STREQ(response.headers[0].value, "application/octet-stream");
    // No lock is held: the caller may allocate.
    body.assign(static_cast<const char*>(response.body), response.body_size);
  }));
  EXPECT_EQ(calls, 1);
  const WrittenProfile profile(body);
  EXPECT_EQ(profile.error(), "");
  EXPECT_EQ(profile.OfSize(kSize, 3), static_cast<int64_t>(kBlocks * kSize));
  Free(&blocks);

  // The text has the allocator's statistics, as the caller is no handler.
  request.target = "/debug/pprof/heap?debug=1";
  ASSERT_FALSE(Http(request, [&](const heapprof_http_response& response) {
    body.assign(static_cast<const char*>(response.body), response.body_size);
  }));
  EXPECT_NE(body.find("jemalloc statistics"), std::string::npos);

  // The difference of a second, in the caller's thread.
  request.target = "/debug/pprof/allocs?seconds=1";
  ASSERT_FALSE(Http(request, [&](const heapprof_http_response& response) {
    body.assign(static_cast<const char*>(response.body), response.body_size);
  }));
  EXPECT_EQ(TypedProfile(body).error(), "");
  EXPECT_GE(TypedProfile(body).proto().duration_nanos(), 1'000'000'000);

  request = Request("POST", "/debug/heapprof/options");
  request.body = "keep_dumps=7";
  request.body_size = strlen("keep_dumps=7");
  request.content_type = "application/x-www-form-urlencoded";
  ASSERT_FALSE(
      Http(request, [&](const heapprof_http_response& response) { EXPECT_EQ(response.status, 200); }));
  char value[8];
  EXPECT_EQ(heapprof_option("keep_dumps", value, sizeof(value)), 0);
  EXPECT_STREQ(value, "7");
  heapprof_set_option("keep_dumps", "0");
}

TEST_F(Api, OtherRequestsAreLeftToTheProgram) {
  const auto never = [](const heapprof_http_response&) { ADD_FAILURE(); };
  EXPECT_EQ(Http(Request("GET", "/"), never), std::errc::no_such_file_or_directory);
  EXPECT_EQ(Http(Request("GET", "heap"), never), std::errc::invalid_argument);
  EXPECT_EQ(Http(Request(nullptr, "/metrics"), never), std::errc::invalid_argument);
  EXPECT_EQ(heapprof_http(nullptr, nullptr, nullptr), -EINVAL);
  const heapprof_http_request request = Request("GET", "/debug/pprof/nope");
  int status = 0;
  EXPECT_FALSE(Http(request, [&](const heapprof_http_response& response) { status = response.status; }));
  EXPECT_EQ(status, 404) << "that is one of the library's";
}

TEST_F(Api, LabelsAreHandedFromThreadToThread) {
  heapprof_label_set handed = 0;
  {
    ScopedLabels request({{"request", "list"}, {"tenant", "a"}});
    handed = Labels().set();
  }
  ASSERT_NE(handed, 0u);
  std::thread worker([handed] {
    ScopedLabels own("worker", "1");
    {
      ASSERT_EQ(heapprof_labels_adopt(handed), 0);
      EXPECT_STREQ(heapprof_labels_get("request"), "list");
      EXPECT_STREQ(heapprof_labels_get("tenant"), "a");
      EXPECT_EQ(heapprof_labels_get("worker"), nullptr);
      EXPECT_EQ(heapprof_labels_adopt(0), 0);
      EXPECT_EQ(heapprof_labels_get("request"), nullptr);
    }
  });
  worker.join();
  EXPECT_EQ(heapprof_labels_adopt(handed + 60'000), -EINVAL);
  EXPECT_EQ(heapprof_labels_adopt(UINT32_MAX), -EINVAL);
}

TEST_F(Api, OptionsThatMayChangeAreSetWhileItRuns) {
  const struct {
    const char *name, *value, *told;
  } kGood[] = {{"sample_interval", "4096", "4k"},  {"contention_interval", "1000000", "1ms"},
               {"contention_interval", "0", "0"},  {"dump_every", "3600s", "1h"},
               {"dump_every", "0", "0"},           {"dump_every_allocated", "1024m", "1g"},
               {"dump_every_allocated", "0", "0"}, {"dump_on_growth", "1025", "1025"},
               {"dump_on_growth", "0", "0"},       {"dump_at_memory", "100%", "100%"},
               {"dump_at_memory", "64g", "64g"},   {"dump_at_memory", "0", "0"},
               {"keep_dumps", "3", "3"},           {"keep_dumps", "0", "0"}};
  for (const auto& good : kGood) {
    EXPECT_FALSE(SetOption(good.name, good.value)) << good.name;
    EXPECT_EQ(Option(good.name), good.told) << good.name;
  }
  EXPECT_EQ(SampleInterval(), 4096u);
  EXPECT_EQ(SetOption("keep_dump", "3"), std::errc::no_such_file_or_directory);
  EXPECT_EQ(SetOption("", ""), std::errc::no_such_file_or_directory);
  EXPECT_EQ(SetOption("max_frames", "3"), std::errc::operation_not_permitted);
  EXPECT_EQ(SetOption("output", ""), std::errc::operation_not_permitted);
  EXPECT_EQ(SetOption("keep_dumps", "-3"), std::errc::invalid_argument);
  EXPECT_EQ(SetOption("dump_every", "5"), std::errc::invalid_argument);
  EXPECT_EQ(SetOption("dump_every", nullptr), std::errc::invalid_argument);
  EXPECT_EQ(SetOption("contention_interval", "2h"), std::errc::invalid_argument);
  EXPECT_EQ(Option("keep_dumps"), "0");
}

TEST_F(Api, EachOptionIsTold) {
  EXPECT_EQ(Option("max_frames"), "128");
  EXPECT_EQ(Option("no_such"), "");
  char value[4];
  EXPECT_EQ(heapprof_option("max_frames", value, sizeof value), 0);
  EXPECT_STREQ(value, "128");
  EXPECT_EQ(heapprof_option("max_frames", value, 3), -ERANGE);
  EXPECT_STREQ(value, "12");
  EXPECT_EQ(heapprof_option("max_frames", value, 0), -EINVAL);
  EXPECT_EQ(heapprof_option("max_frames", nullptr, 1), -EINVAL);
  EXPECT_EQ(heapprof_option(nullptr, value, sizeof value), -EINVAL);
  EXPECT_EQ(heapprof_option("no_such", value, sizeof value), -ENOENT);
  size_t count = 0;
  for (; heapprof_option_name(count) != nullptr; ++count) {
    std::string text(4096, '\0');
    EXPECT_EQ(heapprof_option(heapprof_option_name(count), &text[0], text.size()), 0);
  }
  EXPECT_GT(count, 20u);
  EXPECT_STREQ(heapprof_option_name(0), "sample_interval");
}

TEST_F(Api, ScopedLabelsOfAnotherThreadGiveTheOwnOnesBack) {
  ScopedLabels own("own", "yes");
  const heapprof_label_set mine = heapprof_labels_capture();
  heapprof_label_set theirs = 0;
  std::thread([&theirs] {
    ScopedLabels labels("request", "get");
    theirs = heapprof_labels_capture();
  }).join();
  ASSERT_EQ(heapprof_labels_adopt(theirs), 0);
  const Labels captured;
  ASSERT_EQ(heapprof_labels_adopt(mine), 0);
  {
    ScopedLabels job(captured);
    EXPECT_FALSE(job.error());
    EXPECT_STREQ(heapprof_labels_get("request"), "get");
  }
  EXPECT_EQ(heapprof_labels_get("request"), nullptr);
  EXPECT_STREQ(heapprof_labels_get("own"), "yes");
}

TEST_F(Api, ScopedCpuProfileIsWrittenAtItsEndAndOnce) {
  const std::string bytes = Written([](int fd) {
    ScopedCpuProfile profile(fd);
    EXPECT_FALSE(profile.error());
    ScopedCpuProfile second(fd);
    EXPECT_EQ(second.error(), std::errc::device_or_resource_busy);
  });
  WrittenProfile profile(bytes);
  EXPECT_EQ(profile.error(), "");
  ScopedCpuProfile refused(1, 5000);
  EXPECT_EQ(refused.error(), std::errc::invalid_argument);
  EXPECT_EQ(refused.Stop(), std::errc::invalid_argument);
  EXPECT_EQ(StopCpuProfile(), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace heapprof::test
