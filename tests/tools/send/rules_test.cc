// SPDX-License-Identifier: Apache-2.0
// What engines get of a profile: names, pieces, times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/profile.h"
#include "tests/tools/made_profile.h"
#include "tools/base/failure.h"
#include "tools/profile/load.h"
#include "tools/send/http_target.h"
#include "tools/send/rules/names.h"
#include "tools/send/rules/rename.h"

namespace heapprof::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tools::Profile;
using tools::net::HttpAnswer;
using tools::send::CountLabelKeys;
using tools::send::FitLimits;
using tools::send::Item;
using tools::send::LabelName;
using tools::send::LabelText;
using tools::send::MakeTarget;
using tools::send::Outcome;
using tools::send::OutcomeOf;
using tools::send::RenameTypes;
using tools::send::RetryAfter;
using tools::send::TypeName;

Item ItemOf(const pb::Profile& profile) {
  Item item;
  item.id = "id";
  item.kind = "heap";
  item.labels = {{"service", "shop"}};
  item.start_ns = 1'700'000'000'000'000'000;
  item.bytes = Gzip(profile.SerializeAsString());
  return item;
}

pb::Profile Decoded(const std::string& bytes) {
  std::string plain;
  if (bytes.substr(0, 2) != "\x1f\x8b") {
    plain = bytes;
  } else {
    EXPECT_TRUE(Gunzip(bytes, &plain));
  }
  pb::Profile profile;
  EXPECT_TRUE(profile.ParseFromString(plain));
  return profile;
}

Profile Loaded(const pb::Profile& profile) {
  Item item = ItemOf(profile);
  return tools::send::LoadItem(&item);
}

// `stacks` stacks with `sizes` sizes of blocks each.
pb::Profile Large(int stacks, int sizes, size_t name_size = 20) {
  pb::Profile profile = MakeProfile();
  profile.clear_sample();
  const int64_t key = Intern(&profile, "bytes");
  for (int stack = 0; stack < stacks; ++stack) {
    const auto id = static_cast<uint64_t>(stack + 3);
    pb::Function* function = profile.add_function();
    function->set_id(id - 1);
    std::string name = std::to_string(stack) + "_";
    profile.add_string_table(name + std::string(name_size, 'f'));
    function->set_name(profile.string_table_size() - 1);
    pb::Location* location = profile.add_location();
    location->set_id(id);
    location->add_line()->set_function_id(id - 1);
    for (int size = 1; size <= sizes; ++size) {
      pb::Sample* sample = profile.add_sample();
      sample->add_location_id(id);
      for (const int value : {1, size, 1, size}) sample->add_value(value);
      pb::Label* label = sample->add_label();
      label->set_key(key);
      label->set_num(size);
    }
  }
  return profile;
}

std::vector<int64_t> Totals(const pb::Profile& profile) {
  std::vector<int64_t> totals(static_cast<size_t>(profile.sample_type_size()));
  for (const pb::Sample& sample : profile.sample()) {
    for (int i = 0; i < sample.value_size(); ++i) totals[static_cast<size_t>(i)] += sample.value(i);
  }
  return totals;
}

std::vector<std::string> Types(const pb::Profile& profile) {
  std::vector<std::string> types;
  for (const pb::ValueType& type : profile.sample_type()) {
    types.push_back(profile.string_table(static_cast<int>(type.type())));
  }
  return types;
}

std::vector<std::string> LabelTexts(const Item& item) {
  std::vector<std::string> texts;
  for (const auto& label : item.labels) texts.push_back(label.name + "=" + label.value);
  return texts;
}

TEST(RulesTest, NamesAreWhatEnginesTake) {
  EXPECT_EQ(TypeName("in-use space:\xc3\xa4"), "in_use_space__");
  EXPECT_EQ(TypeName(""), "value");
  EXPECT_EQ(LabelName("request path"), "request_path");
  EXPECT_EQ(LabelName("k8s.pod-name"), "k8s_pod_name");
  EXPECT_EQ(LabelName("9lives"), "_9lives");
  EXPECT_EQ(LabelName("__name__"), "label__name__");
  EXPECT_EQ(LabelName(""), "_");
  EXPECT_EQ(LabelName(std::string(5000, 'x')).size(), 128);
  EXPECT_EQ(LabelText("a\nb\xff", 100), "a b\xef\xbf\xbd");
  EXPECT_EQ(LabelText("\xc3\xa4\xc3\xa4", 3), "\xc3\xa4");
}

TEST(RulesTest, NamesThatBecomeTheSameAreToldApart) {
  tools::send::UniqueNames names;
  for (const char* name : {"a", "a_2", "b", "a", "a"}) names.Add(name);
  EXPECT_EQ(names.Add("a"), "a_5");
  for (int i = 0; i < 100'000; ++i) names.Add("same");
  EXPECT_EQ(names.Add("same"), "same_100001");
}

TEST(RulesTest, TypesStayDistinctAndTheDefaultIsRenamedWithThem) {
  pb::Profile made = MakeProfile();
  *made.mutable_string_table(static_cast<int>(made.sample_type(0).type())) = "in-use";
  *made.mutable_string_table(static_cast<int>(made.sample_type(1).type())) = "in_use";
  made.set_default_sample_type(made.sample_type(0).type());
  Profile profile = Loaded(made);
  RenameTypes(&profile);
  EXPECT_EQ(profile.type_name(0), "in_use");
  EXPECT_EQ(profile.type_name(1), "in_use_2");
  EXPECT_EQ(profile.text(profile.header.default_sample_type), "in_use");
}

TEST(RulesTest, LabelsOfSamplesGiveWayToThoseOfTheSeries) {
  pb::Profile made = MakeProfile();
  for (const char* key : {"pod", "a b", "a-b", "more"}) {
    pb::Label* label = made.mutable_sample(0)->add_label();
    label->set_key(Intern(&made, key));
    label->set_str(Intern(&made, "value of a label"));
  }
  Profile profile = Loaded(made);
  tools::send::SampleLabelRules rules;
  rules.taken = {"pod"};
  rules.max_keys = 3;
  rules.max_bytes = 5;
  RenameLabels(&profile, rules);
  std::vector<std::string> texts;
  for (const auto& label : profile.labels_of(profile.samples[0])) {
    texts.push_back(std::string(profile.text(label.key)) + "=" + std::string(profile.text(label.str)));
  }
  EXPECT_THAT(texts, ElementsAre("bytes=", "exported_pod=value", "a_b=value", "a_b_2=value"));
  EXPECT_EQ(CountLabelKeys(profile), 3);
}

TEST(RulesTest, SizesOfBlocksAreMergedAwayOnlyWhereItIsTooMuch) {
  const pb::Profile made = Large(20, 50);
  FitLimits limits;
  limits.max_samples = 1000;
  const std::vector<std::string> whole = tools::send::Fit(Loaded(made), limits);
  ASSERT_EQ(whole.size(), 1);
  EXPECT_EQ(Decoded(whole[0]).sample_size(), 1000);
  limits.max_samples = 999;
  const std::vector<std::string> merged = tools::send::Fit(Loaded(made), limits);
  ASSERT_EQ(merged.size(), 1);
  EXPECT_EQ(Decoded(merged[0]).sample_size(), 20);
  EXPECT_EQ(Totals(Decoded(merged[0])), Totals(made));
}

TEST(RulesTest, PiecesAreWholeProfilesThatAddUp) {
  const pb::Profile made = Large(300, 1, 500);
  FitLimits limits;
  limits.max_samples = 100;
  limits.max_bytes = 40'000;
  const std::vector<std::string> pieces = tools::send::Fit(Loaded(made), limits);
  EXPECT_GT(pieces.size(), 4);
  std::vector<int64_t> totals(4);
  for (const std::string& piece : pieces) {
    EXPECT_LE(piece.size(), limits.max_bytes);
    const pb::Profile part = Decoded(piece);
    EXPECT_LE(part.sample_size(), 100);
    EXPECT_EQ(part.location_size(), part.sample_size()) << "what nobody needs is left out";
    for (int i = 0; i < part.location_size(); ++i)
      EXPECT_EQ(part.location(i).id(), static_cast<uint64_t>(i + 1));
    for (size_t i = 0; i < 4; ++i) totals[i] += Totals(part)[i];
    EXPECT_EQ(part.mapping_size(), made.mapping_size());
    EXPECT_EQ(part.time_nanos(), Loaded(made).header.time_nanos);
  }
  EXPECT_EQ(totals, Totals(made));
  limits.max_bytes = 300;
  EXPECT_THROW(tools::send::Fit(Loaded(made), limits), tools::Failure);
}

TEST(RulesTest, SamplesOfNothingAndRootsOfTooDeepStacksAreLeftOut) {
  pb::Profile made = MakeProfile();
  for (int i = 0; i < 4; ++i) made.mutable_sample(1)->set_value(i, 0);
  FitLimits limits;
  limits.max_depth = 1;
  const pb::Profile fitted = Decoded(tools::send::Fit(Loaded(made), limits)[0]);
  ASSERT_EQ(fitted.sample_size(), 1);
  ASSERT_EQ(fitted.sample(0).location_id_size(), 1);
  EXPECT_EQ(fitted.location(0).address(), 0x401001u);
}

TEST(RulesTest, PyroscopeGetsAServiceAndAtMostThirtyLabels) {
  pb::Profile made = MakeProfile();
  for (int i = 0; i < 40; ++i) {
    pb::Label* label = made.mutable_sample(0)->add_label();
    label->set_key(Intern(&made, "key" + std::to_string(i)));
    label->set_str(Intern(&made, "v"));
  }
  Item item = ItemOf(made);
  item.labels = {{"service", "a shop{1}"}, {"empty", ""}, {"x-y", "a,b}c"}};
  for (int i = 0; i < 40; ++i) item.labels.push_back({"label" + std::to_string(i), "v"});
  const std::vector<Item> pieces = MakeTarget("pyroscope://host")->Prepare(item);
  ASSERT_EQ(pieces.size(), 1);
  const std::vector<std::string> labels = LabelTexts(pieces[0]);
  EXPECT_EQ(labels[0], "service_name=a_shop_1_");
  EXPECT_EQ(labels[1], "x_y=a;b)c");
  EXPECT_EQ(labels.size(), 16);
  EXPECT_EQ(CountLabelKeys(Loaded(Decoded(pieces[0].bytes))), 10);
}

TEST(RulesTest, PyroscopeTellsKindsOfProfilesApart) {
  const auto note = [](const char* kind, std::vector<std::string> types) {
    pb::Profile made = MakeProfile();
    for (size_t i = 0; i < types.size(); ++i) {
      *made.mutable_string_table(static_cast<int>(made.sample_type(static_cast<int>(i)).type())) = types[i];
    }
    Item item = ItemOf(made);
    item.kind = kind;
    return MakeTarget("pyroscope://host")->Prepare(item)[0].note;
  };
  EXPECT_THAT(note("peak", {}),
              HasSubstr(R"("peak_space":{"units":"bytes","display-name":"inuse_peak_space")"));
  EXPECT_THAT(note("heap", {}), HasSubstr(R"("inuse_space":{"units":"bytes","display-name":"inuse_space")"));
  EXPECT_THAT(note("block", {"contentions", "delay"}), HasSubstr(R"("display-name":"block_count")"));
  EXPECT_THAT(note("mutex", {"contentions", "delay"}), HasSubstr(R"("display-name":"mutex_count")"));
}

TEST(RulesTest, PyroscopesPiecesAreSeriesOfTheirOwn) {
  const std::vector<Item> pieces = MakeTarget("pyroscope://host")->Prepare(ItemOf(Large(16'001, 1)));
  ASSERT_EQ(pieces.size(), 2);
  EXPECT_EQ(pieces[1].id, "id-2");
  EXPECT_EQ(LabelTexts(pieces[1]).back(), "part=2");
}

TEST(RulesTest, ParcaKnowsByTheDurationWhatIsOfThatTimeAlone) {
  Item item = ItemOf(MakeProfile());
  item.delta = true;
  item.duration_ns = 15;
  item.labels.push_back({"job", "x"});
  const std::vector<Item> pieces = MakeTarget("parca://host")->Prepare(item);
  ASSERT_EQ(pieces.size(), 2);
  EXPECT_THAT(LabelTexts(pieces[0]), ElementsAre("__name__=memory", "service_name=shop", "job=x"));
  EXPECT_THAT(Types(Decoded(pieces[0].bytes)), ElementsAre("inuse_objects", "inuse_space"));
  EXPECT_EQ(Decoded(pieces[0].bytes).duration_nanos(), 0);
  EXPECT_EQ(pieces[1].id, "id-d");
  EXPECT_THAT(Types(Decoded(pieces[1].bytes)), ElementsAre("alloc_objects", "alloc_space"));
  EXPECT_EQ(Decoded(pieces[1].bytes).duration_nanos(), 15);
  EXPECT_THAT(Totals(Decoded(pieces[1].bytes)), ElementsAre(3, 6144));
  pb::Profile idle = MakeProfile();
  for (pb::Sample& sample : *idle.mutable_sample()) {
    for (const int value : {0, 1}) sample.set_value(value, 0);
  }
  item.bytes = idle.SerializeAsString();
  EXPECT_EQ(MakeTarget("parca://host")->Prepare(item).size(), 1) << "nothing was allocated";
  item.bytes = MakeProfile().SerializeAsString();
  item.delta = false;
  const std::vector<Item> moment = MakeTarget("parca://host")->Prepare(item);
  ASSERT_EQ(moment.size(), 1);
  EXPECT_EQ(Decoded(moment[0].bytes).duration_nanos(), 0);
}

TEST(RulesTest, ParcaGetsExecutableInfoForAllMappingsOrNone) {
  pb::Profile made = MakeProfile();
  made.add_comment(Intern(&made, "executableInfo=0x3;0x1000;0x2000"));
  EXPECT_EQ(MakeTarget("parca://host")->Prepare(ItemOf(made))[0].note,
            R"(,"executableInfo":[{"elfType":3,"loadSegment":{"offset":"4096","vaddr":"8192"}}])");
  made.add_mapping()->set_id(2);
  EXPECT_EQ(MakeTarget("parca://host")->Prepare(ItemOf(made))[0].note, "");
}

TEST(RulesTest, TheCollectorGetsLabelsOnEachSample) {
  Item item = ItemOf(MakeProfile());
  item.labels.push_back({"pod", "p"});
  const Profile profile = Loaded(Decoded(MakeTarget("otlp://host:1")->Prepare(item)[0].bytes));
  for (const auto& sample : profile.samples) {
    std::vector<std::string> texts;
    for (const auto& label : profile.labels_of(sample)) {
      texts.push_back(std::string(profile.text(label.key)) + "=" + std::string(profile.text(label.str)));
    }
    EXPECT_THAT(texts, ElementsAre("bytes=", "service.name=shop", "k8s.pod.name=p", "profile.kind=heap"));
  }
  EXPECT_THROW(MakeTarget("otlp://host"), tools::Failure);
}

TEST(RulesTest, AnswersTellWhatBecameOfARequest) {
  const auto kind = [](int status, bool may_be_done = false) {
    HttpAnswer answer;
    answer.status = status;
    answer.may_be_done = may_be_done;
    return OutcomeOf(answer, "engine").kind;
  };
  for (const int status : {200, 202, 204}) EXPECT_EQ(kind(status), Outcome::Kind::kDelivered) << status;
  for (const int status : {408, 429, 500, 502, 503, 504})
    EXPECT_EQ(kind(status), Outcome::Kind::kRetry) << status;
  for (const int status : {301, 400, 401, 403, 404, 413, 415, 422}) {
    EXPECT_EQ(kind(status), Outcome::Kind::kRefused) << status;
  }
  EXPECT_EQ(kind(0), Outcome::Kind::kRetry);
  EXPECT_EQ(kind(0, true), Outcome::Kind::kUncertain);
}

TEST(RulesTest, RetryAfterIsSecondsOrADate) {
  HttpAnswer answer;
  EXPECT_LT(RetryAfter(answer), 0);
  answer.headers = {{"retry-after", "17"}};
  EXPECT_EQ(RetryAfter(answer), 17);
  answer.headers = {{"retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"},
                    {"date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  EXPECT_EQ(RetryAfter(answer), 60);
  answer.headers = {{"retry-after", "soon"}};
  EXPECT_LT(RetryAfter(answer), 0);
}

TEST(RulesTest, AddressesThatAreNoneAreRefused) {
  for (const char* url : {"", "dir:", "dir:/proc/version", "dir:/proc/version/folder", "http://host",
                          "pyroscope://", "pyroscope+ftp://host", "parca:/host"}) {
    EXPECT_THROW(MakeTarget(url), tools::Failure) << url;
  }
  for (const std::string url : {"pyroscope://host", "clickhouse://host"}) {
    tools::send::TargetOptions token, trust;
    token.token_file = "/nonexistent";
    trust.ca_file = "/nonexistent";
    EXPECT_THROW(MakeTarget(url, token), tools::Failure) << url;
    EXPECT_THROW(MakeTarget(url, trust), tools::Failure) << url;
  }
  EXPECT_EQ(MakeTarget("pyroscope+https://me:secret@host/p")->name(), "pyroscope+https://host:4040/p");
  EXPECT_EQ(MakeTarget("parca://host")->name(), "parca://host:7070/api");
}

}  // namespace
}  // namespace heapprof::test
