// SPDX-License-Identifier: Apache-2.0
#include "proto/profile_builder.h"

#include <errno.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "proto/fields.h"
#include "tests/proto/decode.h"

namespace heapprof {
namespace {

class ProfileBuilderTest : public testing::Test {
 protected:
  pb::Profile Decode() {
    EXPECT_EQ(builder_.Finish(), 0);
    return Parsed<pb::Profile>(sink_.data);
  }

  StringSink sink_;
  std::unique_ptr<ProfileBuilder::Workspace> workspace_ = std::make_unique<ProfileBuilder::Workspace>();
  static const char* LabelText(uint32_t number) { return kLabelTexts[number - 1]; }
  static constexpr const char* kLabelTexts[] = {"user", "unused", "me", "\xff"};
  ProfileBuilder builder_{&sink_, workspace_.get(), {4, LabelText}};
};

TEST_F(ProfileBuilderTest, HeaderFields) {
  builder_.AddSampleType("inuse_space", "bytes");
  builder_.AddSampleType("alloc_space", "bytes");
  builder_.SetPeriod("space", "bytes", 4096);
  builder_.SetDefaultSampleType("alloc_space");
  builder_.SetDropFrames("malloc|free");
  builder_.SetKeepFrames("main");
  builder_.SetTimeNanos(1234567890123456789);
  builder_.SetDurationNanos(5);
  char comment[] = "first";
  builder_.AddComment(comment, 5);
  comment[0] = 'X';
  builder_.AddComment("second", 6);
  pb::Profile p = Decode();
  ASSERT_EQ(p.sample_type_size(), 2);
  EXPECT_EQ(Text(p, p.sample_type(0).type()), "inuse_space");
  EXPECT_EQ(Text(p, p.sample_type(0).unit()), "bytes");
  EXPECT_EQ(Text(p, p.sample_type(1).type()), "alloc_space");
  EXPECT_EQ(Text(p, p.period_type().type()), "space");
  EXPECT_EQ(p.period(), 4096);
  EXPECT_EQ(Text(p, p.default_sample_type()), "alloc_space");
  EXPECT_EQ(Text(p, p.drop_frames()), "malloc|free");
  EXPECT_EQ(Text(p, p.keep_frames()), "main");
  EXPECT_EQ(p.time_nanos(), 1234567890123456789);
  EXPECT_EQ(p.duration_nanos(), 5);
  ASSERT_EQ(p.comment_size(), 2);
  EXPECT_EQ(Text(p, p.comment(0)), "first");
  EXPECT_EQ(Text(p, p.comment(1)), "second");
  EXPECT_EQ(Text(p, 0), "");
}

TEST_F(ProfileBuilderTest, MappingLocationFunction) {
  builder_.AddMapping({3, 0x1000, 0x2000, 0x40, "/bin/x", "abcd", true});
  builder_.AddFunction({8, "f(int)", "_Z1fi", "f.cc", 12});
  const ProfileBuilder::LineInfo lines[] = {{8, 13}, {9, 0}};
  builder_.AddLocation({5, 3, 0x1234, lines, 2});
  builder_.AddLocation({6, 0, 0x99});
  pb::Profile p = Decode();
  ASSERT_EQ(p.mapping_size(), 1);
  const pb::Mapping& mapping = p.mapping(0);
  EXPECT_EQ(mapping.id(), 3u);
  EXPECT_EQ(mapping.memory_start(), 0x1000u);
  EXPECT_EQ(mapping.memory_limit(), 0x2000u);
  EXPECT_EQ(mapping.file_offset(), 0x40u);
  EXPECT_EQ(Text(p, mapping.filename()), "/bin/x");
  EXPECT_EQ(Text(p, mapping.build_id()), "abcd");
  EXPECT_TRUE(mapping.has_functions());
  EXPECT_FALSE(mapping.has_line_numbers());
  ASSERT_EQ(p.function_size(), 1);
  EXPECT_EQ(p.function(0).id(), 8u);
  EXPECT_EQ(Text(p, p.function(0).name()), "f(int)");
  EXPECT_EQ(Text(p, p.function(0).system_name()), "_Z1fi");
  EXPECT_EQ(Text(p, p.function(0).filename()), "f.cc");
  EXPECT_EQ(p.function(0).start_line(), 12);
  ASSERT_EQ(p.location_size(), 2);
  EXPECT_EQ(p.location(0).id(), 5u);
  EXPECT_EQ(p.location(0).mapping_id(), 3u);
  EXPECT_EQ(p.location(0).address(), 0x1234u);
  ASSERT_EQ(p.location(0).line_size(), 2);
  EXPECT_EQ(p.location(0).line(0).function_id(), 8u);
  EXPECT_EQ(p.location(0).line(0).line(), 13);
  EXPECT_EQ(p.location(0).line(1).function_id(), 9u);
  EXPECT_EQ(p.location(1).mapping_id(), 0u);
}

TEST_F(ProfileBuilderTest, SamplesOfEachDepth) {
  const uint32_t ids[] = {1, 2, 300, 4};
  for (uint32_t depth = 0; depth <= 4; depth++) {
    for (uint64_t last : {0, 9}) {
      builder_.StartSample();
      builder_.SampleLocations(ids, depth, 10, last);
      const int64_t values[] = {depth, -1, static_cast<int64_t>(last)};
      builder_.SampleValues(values, 3);
      builder_.SampleLabel("bytes", 4096, "bytes");
      builder_.SampleLabel(1, 3);
      builder_.EndSample();
    }
  }
  pb::Profile p = Decode();
  ASSERT_EQ(p.sample_size(), 10);
  for (int i = 0; i < 10; i++) {
    const pb::Sample& sample = p.sample(i);
    std::vector<uint64_t> expected;
    for (int j = 0; j < i / 2; j++) expected.push_back(ids[j] + 10);
    if (i % 2 == 1) expected.push_back(9);
    EXPECT_EQ(std::vector<uint64_t>(sample.location_id().begin(), sample.location_id().end()), expected);
    ASSERT_EQ(sample.value_size(), 3);
    EXPECT_EQ(sample.value(0), i / 2);
    EXPECT_EQ(sample.value(1), -1);
    ASSERT_EQ(sample.label_size(), 2);
    EXPECT_EQ(Text(p, sample.label(0).key()), "bytes");
    EXPECT_EQ(sample.label(0).num(), 4096);
    EXPECT_EQ(Text(p, sample.label(0).num_unit()), "bytes");
    EXPECT_EQ(sample.label(0).str(), 0);
    EXPECT_EQ(Text(p, sample.label(1).key()), "user");
    EXPECT_EQ(Text(p, sample.label(1).str()), "me");
  }
}

TEST_F(ProfileBuilderTest, SeveralLocationsComeLast) {
  const uint32_t ids[] = {1, 2, 300};
  const uint64_t last[] = {20, 21, 22, 23, 24, 25, 26, 27, 28};
  for (size_t depth = 0; depth <= 3; depth++) {
    for (size_t count = 0; count <= std::size(last); count++) {
      builder_.StartSample();
      builder_.SampleLocations(ids, depth, 10, last, count);
      builder_.EndSample();
    }
  }
  pb::Profile p = Decode();
  auto sample = p.sample().begin();
  for (size_t depth = 0; depth <= 3; depth++) {
    for (size_t count = 0; count <= std::size(last); count++, ++sample) {
      ASSERT_NE(sample, p.sample().end());
      std::vector<uint64_t> expected;
      for (size_t i = 0; i < depth; i++) expected.push_back(ids[i] + 10);
      for (size_t i = 0; i < std::min(count, ProfileBuilder::kMaxLastLocations); i++)
        expected.push_back(last[i]);
      EXPECT_EQ(std::vector<uint64_t>(sample->location_id().begin(), sample->location_id().end()), expected);
    }
  }
  EXPECT_EQ(sample, p.sample().end());
}

TEST_F(ProfileBuilderTest, TextLabelsAreKeptOrCopied) {
  char text[] = "worker 1\xff";
  builder_.StartSample();
  builder_.SampleLabel("state", "waiting");
  builder_.SampleLabel("thread", text, 6);  // a part of it
  builder_.SampleLabel("thread", text, sizeof text - 1);
  memset(text, 'X', sizeof text);
  builder_.SampleLabel("state", "");
  builder_.EndSample();
  pb::Profile p = Decode();
  ASSERT_EQ(p.sample(0).label_size(), 4);
  const std::pair<const char*, const char*> expected[] = {
      {"state", "waiting"}, {"thread", "worker"}, {"thread", "worker 1\xef\xbf\xbd"}, {"state", ""}};
  for (int i = 0; i < 4; i++) {
    const pb::Label& label = p.sample(0).label(i);
    EXPECT_EQ(Text(p, label.key()), expected[i].first);
    EXPECT_EQ(Text(p, label.str()), expected[i].second);
    EXPECT_EQ(label.num(), 0);
    EXPECT_EQ(label.num_unit(), 0);
  }
}

TEST_F(ProfileBuilderTest, LabelTextsStandUnderTheirNumbersAndThoseNotNeededAreEmpty) {
  builder_.AddSampleType("space", "bytes");
  builder_.StartSample();
  builder_.SampleLabel(1, 3);
  builder_.SampleLabel(1, 5);  // stored after the profile had begun
  builder_.EndSample();
  pb::Profile p = Decode();
  ASSERT_EQ(p.sample(0).label_size(), 1);
  EXPECT_EQ(p.sample(0).label(0).key(), 1);
  EXPECT_EQ(p.sample(0).label(0).str(), 3);
  ASSERT_GE(p.string_table_size(), 6);
  EXPECT_EQ(p.string_table(0), "");
  EXPECT_EQ(p.string_table(1), "user");
  EXPECT_EQ(p.string_table(2), "");
  EXPECT_EQ(p.string_table(3), "me");
  EXPECT_EQ(p.string_table(4), "");
  EXPECT_EQ(Text(p, p.sample_type(0).type()), "space");
}

TEST_F(ProfileBuilderTest, WhatIsNoUtf8IsReplaced) {
  const std::string long_path = "/" + std::string(5000, 'x') + "\xe9" + std::string(5000, 'y');
  builder_.AddMapping({1, 0x1000, 0x2000, 0, "/caf\xe9\xe2\x82.so\xff", "abcd"});
  builder_.AddMapping({2, 0x3000, 0x4000, 0, long_path.c_str(), "caf\xc3\xa9"});
  builder_.AddComment("program: \xed\xa0\x80", 12);
  builder_.StartSample();
  builder_.SampleLabel(1, 4);
  builder_.EndSample();
  pb::Profile p = Decode();
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(Text(p, p.mapping(0).filename()), "/caf" + mark + mark + mark + ".so" + mark);
  EXPECT_EQ(Text(p, p.mapping(1).filename()), "/" + std::string(5000, 'x') + mark + std::string(5000, 'y'));
  EXPECT_EQ(Text(p, p.mapping(1).build_id()), "caf\xc3\xa9");
  EXPECT_EQ(Text(p, p.comment(0)), "program: " + mark + mark + mark);
  EXPECT_EQ(Text(p, p.sample(0).label(0).str()), mark);
}

TEST_F(ProfileBuilderTest, DeepestStackWithTheLargestIdsValuesAndLabels) {
  std::vector<uint32_t> ids(10000, UINT32_MAX);
  std::vector<int64_t> values(100, -1);
  for (uint64_t last : {uint64_t{0}, UINT64_MAX}) {
    builder_.StartSample();
    builder_.SampleLocations(ids.data(), ids.size(), UINT32_MAX, last);
    builder_.SampleValues(values.data(), values.size());
    for (int i = 0; i < 100; i++) builder_.SampleLabel("bytes", -1, "bytes");
    builder_.SampleLabel("state", "one too many");
    builder_.SampleLabel("state", "one too many", 3);
    builder_.EndSample();
  }
  const std::vector<uint64_t> last(ProfileBuilder::kMaxLastLocations, UINT64_MAX);
  builder_.StartSample();
  builder_.SampleLocations(ids.data(), ids.size(), UINT32_MAX, last.data(), last.size());
  builder_.SampleValues(values.data(), values.size());
  for (int i = 0; i < 100; i++) builder_.SampleLabel("bytes", -1, "bytes");
  builder_.EndSample();
  pb::Profile p = Decode();
  ASSERT_EQ(p.sample_size(), 3);
  for (const pb::Sample& sample : p.sample()) {
    EXPECT_EQ(static_cast<size_t>(sample.location_id_size()), ProfileBuilder::kMaxSampleLocations);
    EXPECT_EQ(static_cast<size_t>(sample.value_size()), ProfileBuilder::kMaxSampleValues);
    EXPECT_EQ(static_cast<size_t>(sample.label_size()), ProfileBuilder::kMaxSampleLabels);
  }
  EXPECT_EQ(p.sample(0).location_id(4095), 2 * uint64_t{UINT32_MAX});
  EXPECT_EQ(p.sample(1).location_id(4095), UINT64_MAX);
  EXPECT_EQ(p.sample(2).location_id(4087), 2 * uint64_t{UINT32_MAX});
  EXPECT_EQ(p.sample(2).location_id(4088), UINT64_MAX);
}

TEST_F(ProfileBuilderTest, ErrorsComeOutOfFinish) {
  sink_.limit = 100;
  sink_.error = -ENOSPC;
  for (uint64_t i = 1; i < 10000; i++) builder_.AddLocation({i, 1, i});
  EXPECT_EQ(builder_.error(), -ENOSPC);
  EXPECT_EQ(builder_.Finish(), -ENOSPC);
}

void ExpectField(const google::protobuf::Descriptor* message, const char* name, int number) {
  const google::protobuf::FieldDescriptor* field = message->FindFieldByName(name);
  ASSERT_NE(field, nullptr) << message->name() << "." << name;
  EXPECT_EQ(field->number(), number) << message->name() << "." << name;
}

// The numbers themselves are held against pprof by pprof_test; here, that the two files say the same.
TEST(Fields, AreThoseOfTheSchema) {
  using namespace fields;  // NOLINT: a test of the whole namespace
  auto* p = pb::Profile::descriptor();
  const std::pair<const char*, int> profile_fields[] = {
      {"sample_type", profile::kSampleType}, {"sample", profile::kSample},
      {"mapping", profile::kMapping},        {"location", profile::kLocation},
      {"function", profile::kFunction},      {"string_table", profile::kStringTable},
      {"drop_frames", profile::kDropFrames}, {"keep_frames", profile::kKeepFrames},
      {"time_nanos", profile::kTimeNanos},   {"duration_nanos", profile::kDurationNanos},
      {"period_type", profile::kPeriodType}, {"period", profile::kPeriod},
      {"comment", profile::kComment},        {"default_sample_type", profile::kDefaultSampleType},
      {"doc_url", profile::kDocUrl}};
  for (auto& [name, number] : profile_fields) ExpectField(p, name, number);
  EXPECT_EQ(p->field_count(), 15);
  ExpectField(pb::ValueType::descriptor(), "type", value_type::kType);
  ExpectField(pb::ValueType::descriptor(), "unit", value_type::kUnit);
  ExpectField(pb::Sample::descriptor(), "location_id", sample::kLocationId);
  ExpectField(pb::Sample::descriptor(), "value", sample::kValue);
  ExpectField(pb::Sample::descriptor(), "label", sample::kLabel);
  ExpectField(pb::Label::descriptor(), "key", label::kKey);
  ExpectField(pb::Label::descriptor(), "str", label::kStr);
  ExpectField(pb::Label::descriptor(), "num", label::kNum);
  ExpectField(pb::Label::descriptor(), "num_unit", label::kNumUnit);
  const std::pair<const char*, int> mapping_fields[] = {{"id", mapping::kId},
                                                        {"memory_start", mapping::kMemoryStart},
                                                        {"memory_limit", mapping::kMemoryLimit},
                                                        {"file_offset", mapping::kFileOffset},
                                                        {"filename", mapping::kFilename},
                                                        {"build_id", mapping::kBuildId},
                                                        {"has_functions", mapping::kHasFunctions},
                                                        {"has_filenames", mapping::kHasFilenames},
                                                        {"has_line_numbers", mapping::kHasLineNumbers},
                                                        {"has_inline_frames", mapping::kHasInlineFrames}};
  for (auto& [name, number] : mapping_fields) ExpectField(pb::Mapping::descriptor(), name, number);
  ExpectField(pb::Location::descriptor(), "id", location::kId);
  ExpectField(pb::Location::descriptor(), "mapping_id", location::kMappingId);
  ExpectField(pb::Location::descriptor(), "address", location::kAddress);
  ExpectField(pb::Location::descriptor(), "line", location::kLine);
  ExpectField(pb::Location::descriptor(), "is_folded", location::kIsFolded);
  ExpectField(pb::Line::descriptor(), "function_id", line::kFunctionId);
  ExpectField(pb::Line::descriptor(), "line", line::kLine);
  ExpectField(pb::Line::descriptor(), "column", line::kColumn);
  ExpectField(pb::Function::descriptor(), "id", function::kId);
  ExpectField(pb::Function::descriptor(), "name", function::kName);
  ExpectField(pb::Function::descriptor(), "system_name", function::kSystemName);
  ExpectField(pb::Function::descriptor(), "filename", function::kFilename);
  ExpectField(pb::Function::descriptor(), "start_line", function::kStartLine);
}

}  // namespace
}  // namespace heapprof
