// SPDX-License-Identifier: Apache-2.0
// `heapprof top`, `tree`, `peek` and `folded` on a profile whose sums are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/files.h"
#include "tests/tools/made_profile.h"

namespace heapprof::test {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t LongestLine(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

// Stacks main > Left > Leaf 1000 bytes, main > Right > Leaf 3000, main > Right 500, main > Left > Left 200 (a
// recursion); Right is inlined into main in its location. Every block is in the file: period 1.
class Report : public testing::Test {
 protected:
  void SetUp() override {
    profile_ = MakeProfile();
    profile_.clear_sample();
    profile_.clear_location();
    profile_.clear_function();
    profile_.set_period(1);
    uint64_t id = 0;
    for (const char* name : {"main", "Left", "Right", "Leaf"}) {
      pb::Function* function = profile_.add_function();
      function->set_id(++id);
      function->set_name(Intern(&profile_, name));
      function->set_filename(Intern(&profile_, std::string("/src/./") + name + ".cc"));
      pb::Location* location = profile_.add_location();
      location->set_id(id);
      location->set_mapping_id(1);
      location->set_address(0x400000 + id);
      pb::Line* line = location->add_line();
      line->set_function_id(id);
      line->set_line(static_cast<int64_t>(10 * id));
    }
    // Location 3: Right, inlined into main.
    pb::Line* outer = profile_.mutable_location(2)->add_line();
    outer->set_function_id(1);
    outer->set_line(11);
    Add({4, 2, 1}, 1000, "left");
    Add({4, 3}, 3000, "right");
    Add({3}, 500, "right");
    Add({2, 2, 1}, 200, "left");
    path_ = dir_ / "p.pb.gz";
    Write();
  }

  void Write() { WriteFile(path_, Gzip(profile_.SerializeAsString())); }

  void Add(const std::vector<uint64_t>& stack, int64_t bytes, const char* side) {
    pb::Sample* sample = profile_.add_sample();
    for (const uint64_t id : stack) sample->add_location_id(id);
    for (const int64_t value : {int64_t{2}, 2 * bytes, int64_t{1}, bytes}) sample->add_value(value);
    pb::Label* label = sample->add_label();
    label->set_key(Intern(&profile_, "side"));
    label->set_str(Intern(&profile_, side));
    pb::Label* number = sample->add_label();
    number->set_key(Intern(&profile_, "bytes"));
    number->set_num(bytes);
  }

  std::string Run(std::vector<std::string> words) {
    words.push_back(path_);
    const Result result = RunCommand(words);
    EXPECT_EQ(result.exit_status, 0) << result.Describe();
    EXPECT_EQ(result.err, "");
    return result.out;
  }

  TempDir dir_;
  std::string path_;
  pb::Profile profile_;
};

TEST_F(Report, TopSumsFlatAndCumulativeValues) {
  const std::string out = Run({"top"});
  EXPECT_THAT(out, HasSubstr(", inuse_space: 4.6 KiB of 4.6 KiB\n"));
  EXPECT_THAT(out, HasSubstr("   3.9 KiB  85.1% ########    3.9 KiB  85.1%  Leaf\n"
                             "     500 B  10.6% #           3.4 KiB  74.5%  Right\n"
                             "     200 B   4.3%             1.2 KiB  25.5%  Left\n"
                             "       0 B     0%             4.6 KiB 100.0%  main\n"));
  EXPECT_THAT(out, Not(HasSubstr("\x1b["))) << "colours into a pipe";
  EXPECT_THAT(Run({"top", "--color", "always"}), HasSubstr("\x1b[1m"));
  EXPECT_THAT(Run({"diff", "--color=never", path_}), Not(HasSubstr("\x1b[")));
}

TEST_F(Report, TopHasItsFormsAndFilters) {
  EXPECT_THAT(Run({"top", "--cum", "--limit", "1"}),
              HasSubstr("100.0% ########  main\n... and 3 more lines"));
  EXPECT_THAT(Run({"top", "--by", "line"}), HasSubstr("Right (Right.cc:30)\n"));
  EXPECT_THAT(Run({"top", "--by", "file"}), HasSubstr("  /src/Left.cc\n"));
  EXPECT_THAT(Run({"top", "--by", "module"}), HasSubstr("4.6 KiB 100.0%  [program]\n"));
  EXPECT_THAT(Run({"top", "--type", "alloc_objects"}), HasSubstr("alloc_objects: 8 of 8\n"));
  EXPECT_THAT(Run({"top", "--focus", "Right"}), HasSubstr("3.4 KiB of 4.6 KiB\n"));
  EXPECT_THAT(Run({"top", "--ignore", "Left\\.cc"}), HasSubstr("3.4 KiB of 4.6 KiB\n"));
  EXPECT_THAT(Run({"top", "--tag", "side=left"}), HasSubstr("1.2 KiB of 4.6 KiB\n"));
  EXPECT_THAT(Run({"top", "--tag", "bytes=200", "--tag", "side=left"}), HasSubstr("200 B of 4.6 KiB\n"));
  EXPECT_THAT(RunCommand({"top", "--tag", "bytes=200", "--tag", "side=right", path_}).out,
              HasSubstr("0 B of 4.6 KiB\n"));
}

TEST_F(Report, FunctionsOfOneNameAreRowsOfTheirOwn) {
  profile_.mutable_function(1)->set_name(Intern(&profile_, "Leaf"));
  profile_.mutable_function(1)->set_start_line(7);
  profile_.mutable_function(2)->set_name(Intern(&profile_, "Leaf"));
  profile_.mutable_function(2)->set_filename(0);
  Write();
  const std::string out = Run({"top"});
  EXPECT_THAT(out, HasSubstr("  Leaf (Leaf.cc)\n"));
  EXPECT_THAT(out, HasSubstr("  Leaf (Left.cc:7)\n"));
  EXPECT_THAT(out, HasSubstr("  Leaf [program]\n"));
  EXPECT_THAT(Run({"folded"}), HasSubstr("main;Leaf (/src/Left.cc:7);Leaf (/src/Leaf.cc) 1000\n"));
  EXPECT_THAT(Run({"top", "--by", "name"}), HasSubstr("4.6 KiB 100.0% ########    4.6 KiB 100.0%  Leaf\n"));
}

TEST_F(Report, PackagesOfGoAreNoPartsOfAFunction) {
  for (const auto& [function, file] : {std::pair(1, "/src/main.go"), std::pair(2, "/src/main.c")}) {
    profile_.mutable_function(function)->set_name(Intern(&profile_, "main.cold"));
    profile_.mutable_function(function)->set_filename(Intern(&profile_, file));
  }
  Write();
  EXPECT_THAT(Run({"top"}), HasSubstr("25.5%  main.cold\n"));
  EXPECT_THAT(Run({"top"}), HasSubstr("74.5%  main (main.c)\n"));
}

TEST_F(Report, NamesHaveThreeForms) {
  profile_.mutable_function(1)->set_name(
      Intern(&profile_, "void Left<std::vector<int, std::allocator<int> > >(int)"));
  profile_.mutable_function(1)->set_system_name(Intern(&profile_, "_Z4LeftISt6vectorIiSaIiEEEvi"));
  profile_.mutable_function(2)->set_name(Intern(&profile_, "main::{lambda(int)#2}::operator()(int) const"));
  profile_.mutable_function(2)->set_start_line(30);
  profile_.mutable_function(3)->set_name(
      Intern(&profile_, "void Left<std::vector<int, std::allocator<int> > >(char)"));
  Write();
  EXPECT_THAT(Run({"top"}), HasSubstr("  Left<std::vector<int>>(int)\n"));
  EXPECT_THAT(Run({"top"}), HasSubstr("  Left<std::vector<int>>(char)\n"));
  EXPECT_THAT(Run({"top"}), HasSubstr("  main::{lambda#2} (Right.cc:30)\n"));
  EXPECT_THAT(Run({"tree"}), HasSubstr("main::{lambda#2} (Right.cc:30)\n"));
  EXPECT_THAT(Run({"top", "--long"}),
              HasSubstr("  void Left<std::vector<int, std::allocator<int> > >(int)\n"));
  EXPECT_THAT(Run({"top", "--mangled"}), HasSubstr("  _Z4LeftISt6vectorIiSaIiEEEvi\n"));
  EXPECT_THAT(Run({"top", "--json"}),
              HasSubstr("{\"name\": \"void Left<std::vector<int, std::allocator<int> > >(int)"));
  // What was read in the report can be asked for.
  EXPECT_THAT(Run({"top", "--focus", "^main::{lambda#2}$"}), HasSubstr("3.4 KiB of 4.6 KiB\n"));
}

TEST_F(Report, NamesFitTheWidth) {
  profile_.mutable_function(3)->set_name(
      Intern(&profile_,
             "ns::a_function_with_a_name<of_which_the_arguments_are_long>::is_too_long_for_any_page_at_all"));
  Write();
  for (const size_t width : {60, 80, 100, 132}) {
    Command command;
    command.argv = {HEAPPROF_COMMAND, "top", path_};
    command.env = {{"LC_ALL", "C"}, {"COLUMNS", std::to_string(width)}};
    const Result result = RunProgram(command);
    const size_t longest = LongestLine(result.out);
    EXPECT_LE(longest, width) << result.out;
    EXPECT_GE(longest, std::min<size_t>(width, 90)) << result.out;
  }
}

TEST_F(Report, EveryLineFitsTheWidth) {
  profile_.set_period(524288);  // with limits, which are long
  profile_.mutable_function(2)->set_filename(
      Intern(&profile_, "/src/a_file_with_a_name_that_is_long_too.cc"));
  profile_.mutable_function(3)->set_name(Intern(
      &profile_, "ns::a_function_with_a_name::that_is_too_long_for_any_page_at_all_of_those_that_there_are"));
  Write();
  for (const char* width : {"80", "100"}) {
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"top"}, {"top", "--cum"}, {"top", "--by", "line"}, {"tree"}, {"peek", "a_function"}}) {
      Command command;
      command.argv = {HEAPPROF_COMMAND};
      command.argv.insert(command.argv.end(), words.begin(), words.end());
      command.argv.push_back(path_);
      command.env = {{"LC_ALL", "C"}, {"COLUMNS", width}};
      const Result result = RunProgram(command);
      EXPECT_LE(LongestLine(result.out), std::stoul(width)) << result.out;
    }
  }
}

TEST_F(Report, ALineKeepsItsNameBeforeItsPath) {
  const std::string folder(120, 'd');
  profile_.mutable_function(3)->set_filename(Intern(&profile_, "/src/" + folder + "/Leaf.cc"));
  Write();
  EXPECT_THAT(Run({"top", "--by", "line"}), HasSubstr("  Leaf (Leaf.cc:40)\n"));
  EXPECT_THAT(Run({"top", "--by", "line", "--long"}), HasSubstr("  Leaf /src/" + folder + "/Leaf.cc:40\n"));
  // Two lines that would read the same have their paths.
  profile_.mutable_function(2)->set_name(Intern(&profile_, "Leaf"));
  profile_.mutable_function(2)->set_filename(Intern(&profile_, "/lib/Leaf.cc"));
  profile_.mutable_location(2)->mutable_line(0)->set_line(40);
  Write();
  EXPECT_THAT(Run({"top", "--by", "line"}), HasSubstr("  Leaf (/lib/Leaf.cc:40)\n"));
}

TEST_F(Report, BarsStandBehindTheFiguresThatTheyShow) {
  EXPECT_THAT(Run({"top"}), HasSubstr("3.9 KiB  85.1% ########    3.9 KiB  85.1%  Leaf\n"));
  EXPECT_THAT(Run({"top", "--cum"}), HasSubstr("       0 B     0%    4.6 KiB 100.0% ########  main\n"));
}

TEST_F(Report, PlumbingIsFoldedIntoItsCallers) {
  profile_.mutable_function(3)->set_name(Intern(&profile_, "xmalloc"));
  Write();
  const std::string out = Run({"top"});
  EXPECT_THAT(out, HasSubstr("4.6 KiB of 4.6 KiB\n1 wrapper folded: xmalloc; --unfold shows it\n"));
  EXPECT_THAT(out, HasSubstr("   3.4 KiB  74.5% ########    3.4 KiB  74.5%  Right\n"));
  EXPECT_THAT(out, Not(HasSubstr("  xmalloc\n")));
  EXPECT_THAT(Run({"folded"}), HasSubstr("main;Left 1000\n"));
  EXPECT_THAT(Run({"top", "--json"}), HasSubstr(", \"folded\": [\"xmalloc\"], "));
  const std::string unfolded = Run({"top", "--unfold"});
  EXPECT_THAT(unfolded, HasSubstr("   3.9 KiB  85.1% ########    3.9 KiB  85.1%  xmalloc\n"));
  EXPECT_THAT(unfolded, Not(HasSubstr("folded")));
  EXPECT_THAT(Run({"peek", "xmalloc"}), HasSubstr("  xmalloc   flat 3.9 KiB"));
  EXPECT_THAT(Run({"top", "--show", "xm"}), HasSubstr("  xmalloc\n"));
  EXPECT_THAT(Run({"top", "--hide", "Left|main"}), HasSubstr("Right\n"));
  EXPECT_THAT(Run({"top", "--prune-from", "^Right$"}),
              HasSubstr("   3.4 KiB  74.5% ########    3.4 KiB  74.5%  Right\n"));
}

TEST_F(Report, TopSaysHowSureASampledFigureIs) {
  profile_.set_period(524288);
  Write();
  const std::string out = Run({"top", "--json"});
  EXPECT_THAT(out, HasSubstr("\"total\": 4700, \"total_low\": "));
  EXPECT_THAT(out, HasSubstr("\"name\": \"Leaf\", \"module\": \"/usr/bin/program\", \"source\": "
                             "\"/src/./Leaf.cc\", \"flat\": 4000, \"flat_low\": "));
  EXPECT_THAT(out, HasSubstr("\"noise\": true"));
  EXPECT_THAT(Run({"top"}), HasSubstr("~ within the noise"));
}

TEST_F(Report, ItsHeadingHasTheLimitsOfWhatIsShown) {
  profile_.set_period(524288);
  Write();
  const auto limits = [&](const std::string& filter) {
    std::string heading = Run({"top", filter});
    heading.resize(heading.find("\n      flat"));
    const size_t second = heading.find("\n ");  // a long one goes on in the next line
    return second == std::string::npos ? heading : heading.erase(second, 2);
  };
  EXPECT_THAT(limits("--focus=."), HasSubstr(": 4.6 KiB of 4.6 KiB, 95 % sure to be in ["));
  // The limits are those of the part, which does not reach up to the whole's.
  EXPECT_NE(limits("--focus=Right").substr(limits("--focus=Right").find(',')),
            limits("--focus=.").substr(limits("--focus=.").find(',')));
  const Result nothing = RunCommand({"top", "--focus", "nowhere", path_});
  EXPECT_EQ(nothing.exit_status, 0);
  EXPECT_THAT(nothing.out, HasSubstr(": 0 B of 4.6 KiB\n"));
  EXPECT_EQ(nothing.err, "heapprof: " + path_ + ": no stack is left by --focus\n");
}

TEST_F(Report, SaysThatAProfileHasNoNames) {
  for (pb::Location& location : *profile_.mutable_location()) location.clear_line();
  // The library's own frame of what it lost has a name and no module.
  pb::Location* lost = profile_.add_location();
  lost->set_id(5);
  lost->add_line()->set_function_id(1);
  Write();
  const std::string
      line = "heapprof: " + path_ + " has addresses and no names\n",
      why = "heapprof: /usr/bin/program (build id 0123456789ab..): not here; debuginfod has not been asked\n";
  for (std::vector<std::string> command : {std::vector<std::string>{"top"},
                                           {"tree"},
                                           {"folded"},
                                           {"peek", "."},
                                           {"flame", "-o", dir_ / "page"}}) {
    command.push_back(path_);
    EXPECT_EQ(RunCommand(command).err, why);
    command.emplace_back("--no-symbolize");
    EXPECT_EQ(RunCommand(command).err, line);
  }
  EXPECT_EQ(RunCommand({"top", "--by", "module", "--no-symbolize", path_}).err, "")
      << "modules have their names";
}

TEST_F(Report, TreeShowsCallsFromTheRoot) {
  EXPECT_THAT(Run({"tree"}), HasSubstr("   4.6 KiB 100.00%             main\n"
                                       "   3.4 KiB  74.47%      500 B  |-Right\n"
                                       "   2.9 KiB  63.83%    2.9 KiB  | Leaf\n"
                                       "   1.2 KiB  25.53%             `-Left\n"
                                       "    1000 B  21.28%     1000 B    |-Leaf\n"
                                       "     200 B   4.26%      200 B    `-Left\n"));
  EXPECT_THAT(Run({"tree", "--min-percent", "22"}), HasSubstr("\n2 branches below 22 % are left out"));
  EXPECT_THAT(Run({"tree", "--min-percent", "5"}), HasSubstr("\n1 branch below 5 % is left out"));
  EXPECT_THAT(Run({"tree", "--limit", "5"}), HasSubstr("\n... and 1 more line; --limit 0 shows all"));
  EXPECT_THAT(Run({"tree", "--json"}),
              HasSubstr("{\"depth\": 2, \"name\": \"Leaf\", \"flat\": 3000, \"cum\": 3000}"));
}

// As a report writes them.
TEST_F(Report, FunctionsAreFoundByTheNamesThatAreShown) {
  profile_.mutable_function(1)->set_name(
      Intern(&profile_, "void Left<std::vector<int, std::allocator<int> > >(int)"));
  Write();
  EXPECT_THAT(Run({"top"}), HasSubstr("  Left<std::vector<int>>\n"));
  const std::string shown = "^Left<std::vector<int>>$";
  EXPECT_THAT(Run({"peek", shown}), HasSubstr("  Left<std::vector<int>>   flat 200 B   cum 1.2 KiB"));
  EXPECT_THAT(RunCommand({"list", shown, path_}).out,
              HasSubstr("Left<std::vector<int>> in /src/Left.cc: flat"));
}

TEST_F(Report, PeekShowsCallersAndCallees) {
  EXPECT_THAT(Run({"peek", "^Left$"}), HasSubstr("   1.2 KiB   100.00%      main\n"
                                                 "   1.2 KiB    25.53%  Left   flat 200 B   cum 1.2 KiB"));
  EXPECT_THAT(Run({"peek", "^Left$"}), HasSubstr("    1000 B    83.33%      Leaf\n"));
  const Result none = RunCommand({"peek", "nothing", path_});
  EXPECT_EQ(none.exit_status, 2);
  EXPECT_EQ(none.err, "heapprof: " + path_ + ": no frame matches nothing\n");
  EXPECT_EQ(none.out, "");
}

TEST_F(Report, WhatIsCalledSoWholeComesFirst) {
  profile_.mutable_function(1)->set_name(Intern(&profile_, "a_main"));
  profile_.mutable_sample(3)->set_value(1, 0);
  profile_.mutable_sample(3)->set_value(3, 0);  // a_main asks for nothing itself
  Write();
  const std::string list = RunCommand({"list", "main", path_}).out;
  EXPECT_THAT(list, HasSubstr("\na_main in"));
  EXPECT_LT(list.find("\nmain in"), list.find("\na_main in")) << list;
  const std::string peek = Run({"peek", "main"});
  EXPECT_LT(peek.find("  main   flat"), peek.find("  a_main   flat")) << peek;
}

TEST_F(Report, NamesThatTopShowsCanBeGivenBack) {
  const char* const whole[] = {"Book::Serve(int)", "Pages::Show(int)::{lambda(int)#1}::operator()(int) const",
                               "Read(Read(int)::_Z4Readi.Frame*) [clone .actor]", "Leaf(Book const&)"};
  for (int i = 0; i < 4; ++i) profile_.mutable_function(i)->set_name(Intern(&profile_, whole[i]));
  Write();
  EXPECT_THAT(Run({"peek", "^Book::Serve$"}), HasSubstr("  Book::Serve   flat"));
  EXPECT_THAT(Run({"peek", "Pages::Show::{lambda#1}"}), HasSubstr("  Pages::Show::{lambda#1} (Left.cc)"));
  EXPECT_THAT(Run({"peek", "Read \\(resume\\)"}), HasSubstr("  Read (resume)   flat"));
  // Only in the parameters: the figures are those of the function that is called so.
  EXPECT_THAT(Run({"peek", "Book"}), Not(HasSubstr("  Leaf   flat")));
  EXPECT_THAT(Run({"top", "--hide", "^Leaf$"}), Not(HasSubstr("Leaf")));
  EXPECT_THAT(Run({"top", "--hide", "^Leaf\\(Book const&\\)$"}), Not(HasSubstr("Leaf")));
  EXPECT_THAT(Run({"top", "--focus", "Pages::Show::{lambda#1}"}), Not(HasSubstr("Read (resume)")));
}

TEST_F(Report, FoldedHasOneLineForEachStack) {
  EXPECT_EQ(Run({"folded"}),
            "main;Left;Leaf 1000\nmain;Left;Left 200\nmain;Right 500\nmain;Right;Leaf 3000\n");
  EXPECT_EQ(Run({"folded", "--limit", "2"}), "main;Left;Leaf 1000\nmain;Right;Leaf 3000\n");
  EXPECT_THAT(Run({"folded", "--json"}), HasSubstr("{\"frames\": [\"main\", \"Right\"], \"value\": 500}"));
}

// Those of a wall clock come one in each period, and say more than their number.
TEST_F(Report, TicksOfTheCpuClockHaveLimits) {
  for (const char* clock : {"cpu", "wall"}) {
    profile_.mutable_period_type()->set_type(Intern(&profile_, clock));
    profile_.mutable_period_type()->set_unit(Intern(&profile_, "nanoseconds"));
    profile_.mutable_sample_type(3)->set_type(Intern(&profile_, clock));
    profile_.mutable_sample_type(3)->set_unit(Intern(&profile_, "nanoseconds"));
    profile_.set_period(100);
    Write();
    EXPECT_EQ(Run({"top", "--type", clock}).find("+-95%") != std::string::npos, clock == std::string("cpu"));
  }
}

TEST_F(Report, WrongRequestsEndInOneLine) {
  const auto expect = [&](std::vector<std::string> words, const std::string& line) {
    words.push_back(path_);
    const Result result = RunCommand(words);
    EXPECT_EQ(result.exit_status, 2) << line;
    EXPECT_EQ(result.err, "heapprof: " + line + "\n");
  };
  expect({"top", "--type", "cpu"},
         path_ + " has no sample type cpu; it has alloc_objects, alloc_space, inuse_objects, inuse_space");
  expect({"top", "--focus", "("}, "--focus: no regular expression: missing ): (");
  expect({"top", "--tag", "side"}, "top: --tag: 'side' is not KEY=VALUE; see heapprof top --help");
  expect({"top", "--limit", "-1"}, "top: --limit: '-1' is no whole number; see heapprof top --help");
  expect({"tree", "--min-percent", "101"},
         "tree: --min-percent: '101' is no number of 0 to 100; see heapprof tree --help");
}

}  // namespace
}  // namespace heapprof::test
