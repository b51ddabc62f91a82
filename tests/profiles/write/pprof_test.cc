// SPDX-License-Identifier: Apache-2.0
// The reader that profiles are written for reads them, both forms, with the same result.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "heapprof/heapprof.h"
#include "profiles/write/heap_proto.h"
#include "profiles/write/text_profile.h"
#include "proto/descriptor_sink.h"
#include "tests/profiles/fake_tables.h"
#include "tests/proto/decode.h"

namespace heapprof {

__attribute__((noinline)) void InnerOfTheTest() { asm volatile("nop\nnop\nnop"); }
__attribute__((noinline)) void OuterOfTheTest() { asm volatile("nop\nnop\nnop\nnop"); }

namespace {

constexpr uint64_t kRate = 512 << 10;

class PprofTest : public testing::Test {
 protected:
  PprofTest() {
    char folder[] = "/tmp/heapprof_pprof_XXXXXX";
    EXPECT_NE(mkdtemp(folder), nullptr);
    folder_ = folder;
  }
  ~PprofTest() override { EXPECT_EQ(system(("rm -r " + folder_).c_str()), 0); }

  std::string WriteFile(const char* name, int (*write)(const FakeTables&, ByteSink*)) {
    std::string path = folder_ + "/" + name;
    int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    DescriptorSink sink(fd);
    EXPECT_EQ(write(tables_, &sink), 0);
    close(fd);
    return path;
  }
  std::string Proto() {
    return WriteFile("heap.pb.gz", [](const FakeTables& tables, ByteSink* sink) {
      auto workspace = std::make_unique<HeapProtoWorkspace>();
      return WriteHeapProtoFrom(tables, HeapProfileKind::kHeap, sink, workspace.get());
    });
  }
  std::string Legacy() {
    return WriteFile("heap.txt", [](const FakeTables& tables, ByteSink* sink) {
      auto workspace = std::make_unique<HeapTextWorkspace>();
      return WriteHeapTextFrom(tables, sink, workspace.get(), {TextForm::kPeople, true});
    });
  }
  std::string Pprof(const std::string& arguments) {
    std::string command = "PPROF_TMPDIR=" + folder_ + " HOME=" + folder_ + " timeout 100 " PPROF " " +
                          arguments + " 2>" + folder_ + "/errors";
    FILE* pipe = popen(command.c_str(), "r");
    std::string out;
    std::array<char, 4096> piece;
    for (size_t got; (got = fread(piece.data(), 1, piece.size(), pipe)) > 0;) out.append(piece.data(), got);
    EXPECT_EQ(pclose(pipe), 0) << command << "\n" << out;
    return out;
  }
  // What pprof calls the total of a sample type, in its smallest unit.
  std::string Total(const std::string& file, const char* type, const char* unit) {
    std::string out =
        Pprof(std::string("-top -drop_negative -nodefraction=0 -symbolize=none -sample_index=") + type +
              " -unit=" + unit + " " + file);
    size_t at = out.find(" of ");
    EXPECT_NE(at, std::string::npos) << out;
    return out.substr(at + 4, out.find(" total", at) - at - 4);
  }

  FakeTables tables_;
  std::string folder_;
};

const uint64_t kInner = reinterpret_cast<uint64_t>(&InnerOfTheTest) + 2;
const uint64_t kOuter = reinterpret_cast<uint64_t>(&OuterOfTheTest) + 2;

TEST_F(PprofTest, BothFormsHaveEqualTotals) {
  uint32_t stack = tables_.AddStack({kInner, kOuter});
  // Where the scaled counts are whole numbers, rounding (ours by hash, pprof's down) is no difference.
  tables_.AddBucket(stack, 1 << 30, kRate, 40, 11);
  tables_.AddBucket(tables_.AddStack({kOuter}), 512 << 20, kRate, 7, 0);
  tables_.AddBucket(kOverflowStack, 1 << 28, kRate, 3, 1);
  std::string proto = Proto(), legacy = Legacy();
  EXPECT_EQ(Total(proto, "alloc_objects", "count"), "50");
  EXPECT_EQ(Total(legacy, "alloc_objects", "count"), "50");
  EXPECT_EQ(Total(proto, "inuse_objects", "count"), "38");
  EXPECT_EQ(Total(legacy, "inuse_objects", "count"), "38");
  std::string bytes = std::to_string((uint64_t{29} << 30) + (uint64_t{7} << 29) + (uint64_t{2} << 28)) + "B";
  EXPECT_EQ(Total(proto, "inuse_space", "B"), bytes);
  EXPECT_EQ(Total(legacy, "inuse_space", "B"), bytes);
  EXPECT_EQ(Total(proto, "alloc_space", "B"), Total(legacy, "alloc_space", "B"));
}

TEST_F(PprofTest, SampledCountsAgreeWithinTheirRounding) {
  uint32_t stack = tables_.AddStack({kInner, kOuter});
  for (uint64_t size = 1000; size < 2000; size += 10) tables_.AddBucket(stack, size, kRate, 4, 1);
  std::string proto = Proto(), legacy = Legacy();
  // 100 samples, each rounded down once by either side.
  EXPECT_NEAR(std::stod(Total(proto, "inuse_space", "B")), std::stod(Total(legacy, "inuse_space", "B")), 100);
  EXPECT_NEAR(std::stod(Total(proto, "alloc_objects", "count")),
              std::stod(Total(legacy, "alloc_objects", "count")), 100);
}

TEST_F(PprofTest, NamesKnownFunctionsInBothForms) {
  tables_.AddBucket(tables_.AddStack({kInner, kOuter}), 1 << 30, kRate, 4, 1);
  for (const std::string& file : {Proto(), Legacy()}) {
    std::string out = Pprof("-top -symbolize=local -nodefraction=0 -sample_index=inuse_space " + file);
    EXPECT_NE(out.find("heapprof::InnerOfTheTest"), std::string::npos) << file << out;
    EXPECT_NE(out.find("heapprof::OuterOfTheTest"), std::string::npos) << file << out;
  }
}

// drop_frames: what matches disappears with all nearer the leaf. Names in the profile's own namespace would
// be dropped, so this looks at the raw form.
TEST_F(PprofTest, ReadsEveryFieldOfTheProto) {
  tables_.AddBucket(tables_.AddStack({kInner}), 1024, kRate, 4, 1);
  tables_.AddBucket(kOverflowStack, 1024, 1, 4, 1);
  std::string raw = Pprof("-raw -symbolize=none " + Proto());
  EXPECT_NE(raw.find("PeriodType: space bytes"), std::string::npos) << raw;
  EXPECT_NE(raw.find("Period: 524288"), std::string::npos);
  EXPECT_NE(raw.find("alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]"),
            std::string::npos)
      << raw;
  EXPECT_NE(raw.find("2050    2099200       1537    1574400"), std::string::npos) << raw;
  EXPECT_NE(raw.find("bytes:[1024 bytes]"), std::string::npos) << raw;
  EXPECT_NE(raw.find("[heapprof: metadata limit reached]"), std::string::npos);
  EXPECT_NE(raw.find("heapprof-version: " HEAPPROF_VERSION), std::string::npos) << raw;
}

TEST_F(PprofTest, AnEmptyProfileIsRead) {
  EXPECT_NE(Pprof("-raw -symbolize=none " + Proto()).find("Samples:"), std::string::npos);
  EXPECT_NE(Pprof("-raw -symbolize=none " + Legacy()).find("Samples:"), std::string::npos);
}

}  // namespace
}  // namespace heapprof
