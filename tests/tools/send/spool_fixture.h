// SPDX-License-Identifier: Apache-2.0
// A spool in a folder of the test's own, with a clock that the test sets.
#ifndef HEAPPROF_TESTS_TOOLS_SEND_SPOOL_FIXTURE_H_
#define HEAPPROF_TESTS_TOOLS_SEND_SPOOL_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/files.h"
#include "tests/tools/send/fake_target.h"
#include "tools/send/spool.h"

namespace heapprof::test {

inline tools::send::Item MakeItem(const std::string& id, int64_t start_ns = 0, size_t size = 10) {
  tools::send::Item item;
  item.id = id;
  item.kind = "heap";
  item.labels = {{"service", "shop"}, {"odd name", "a\nb %41 "}, {"empty", ""}};
  item.start_ns = start_ns;
  item.bytes = std::string(size, 'x');
  return item;
}

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<tools::send::Spool> MakeSpool(tools::send::SpoolLimits limits = {}) {
    return std::make_unique<tools::send::Spool>(folder_, limits, clock_.Get());
  }

  TempDir dir_;
  std::string folder_ = dir_ / "spool";
  FakeClock clock_;
};

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_TOOLS_SEND_SPOOL_FIXTURE_H_
