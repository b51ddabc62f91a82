// SPDX-License-Identifier: Apache-2.0
// A GoogleTest listener that fails each test which leaks.
//
//     #include <heapprof/gtest.h>
//     int main(int argc, char** argv) {
//       testing::InitGoogleTest(&argc, argv);
//       heapprof::FailTestsThatLeak();
//       return RUN_ALL_TESTS();
//     }
//
// Link with heapprof, and have every allocation recorded: the program defines
// HEAPPROF_RECORD_ALL_ALLOCATIONS() once, at file scope, or is started with
// HEAPPROF_OPTIONS=sample_interval=1. Without that, or where a check cannot be made for another reason, every
// test fails. A program that is also to run unrecorded calls
// FailTestsThatLeak(heapprof::Unchecked::kTell): then one line on stderr says that nothing is checked.
//
// A test leaks if blocks that were allocated since it began are left when it and its fixture have ended, and
// nothing points to them. Blocks in a cache that can still be reached are no leak. The failure prints the
// stacks, and the test has the properties leaked_blocks and leaked_bytes in the XML. A test that is known to
// leak calls heapprof::ExemptTestFromLeakCheck() anywhere in its body. Suppressions apply (heapprof(1)).
#ifndef HEAPPROF_GTEST_H_
#define HEAPPROF_GTEST_H_

#include <gtest/gtest.h>
#include <heapprof/heapprof.hpp>

#include <cstdio>
#include <string>

// Options of the program, unless HEAPPROF_OPTIONS gives others.
#define HEAPPROF_RECORD_ALL_ALLOCATIONS()                                                                  \
  extern "C" const char* heapprof_default_options(void) { return "sample_interval=1:metadata_limit=64g"; } \
  static_assert(true, "")

namespace heapprof {
inline namespace cxx_api {

// What becomes of tests that cannot be checked.
enum class Unchecked { kFail, kTell };

class LeakListener : public testing::EmptyTestEventListener {
 public:
  explicit LeakListener(Unchecked unchecked = Unchecked::kFail)
      : since_(heapprof_leak_mark()), unchecked_(unchecked) {}

  void OnTestStart(const testing::TestInfo&) override {
    exempt() = false;
    since_ = heapprof_leak_mark();
  }

  void OnTestEnd(const testing::TestInfo& test) override {
    if (exempt()) return;
    std::string stacks;
    ::heapprof_leaks leaks = {};
    leaks.size = sizeof leaks;
    // What the listener and gtest allocate for the message is not the test's.
    heapprof_leaks_disable();
    const int error = heapprof_check_leaks(since_, 0, &leaks, Append, &stacks);
    if (error != 0) {
      TellUnchecked(test, WhyUnchecked(ErrorOf(error)));
    } else if (leaks.leaked_blocks > 0) {
      testing::Test::RecordProperty("leaked_blocks", std::to_string(leaks.leaked_blocks));
      testing::Test::RecordProperty("leaked_bytes", std::to_string(leaks.leaked_bytes));
      ADD_FAILURE() << test.test_suite_name() << "." << test.name() << " leaks " << leaks.leaked_bytes
                    << " byte(s) in " << leaks.leaked_blocks << " block(s)\n"
                    << stacks;
    }
    heapprof_leaks_enable();
  }

  static bool& exempt() {
    static bool exempted = false;
    return exempted;
  }

 private:
  static void Append(void* text, const char* piece, std::size_t size) {
    static_cast<std::string*>(text)->append(piece, size);
  }
  void TellUnchecked(const testing::TestInfo& test, const std::string& why) {
    if (unchecked_ == Unchecked::kFail) {
      ADD_FAILURE() << test.test_suite_name() << "." << test.name() << " is " << why;
    } else if (!said_) {
      said_ = true;
      std::fprintf(stderr, "heapprof: tests are %s\n", why.c_str());
    }
  }

  std::uint64_t since_;
  Unchecked unchecked_;
  bool said_ = false;
};

// Call it before RUN_ALL_TESTS. gtest calls the listeners at the end of a test in reverse order: so this one
// comes before the one that prints, and its failures are printed.
inline void FailTestsThatLeak(Unchecked unchecked = Unchecked::kFail) {
  testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
  heapprof_leaks_disable();
  listeners.Append(new LeakListener(unchecked));
  heapprof_leaks_enable();
}

// The running test may leak.
inline void ExemptTestFromLeakCheck() { LeakListener::exempt() = true; }

}  // namespace cxx_api
}  // namespace heapprof

#endif  // HEAPPROF_GTEST_H_
