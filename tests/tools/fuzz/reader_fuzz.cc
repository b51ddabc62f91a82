// SPDX-License-Identifier: Apache-2.0
// libFuzzer's target: any bytes as a profile, through the reader, what the reports make of it, and what
// engines are sent of it; and as a file of a spool.
//
// Built by the preset `fuzz`, with clang's ASan and UBSan; scripts/fuzz runs it for its time, and the tests
// of that preset go through the corpus once.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "tools/base/failure.h"
#include "tools/profile/merge.h"
#include "tools/profile/profile_writer.h"
#include "tools/profile/survey.h"
#include "tools/report/diff.h"
#include "tools/report/table.h"
#include "tools/report/view.h"
#include "tools/send/spool_file.h"
#include "tools/send/target.h"

namespace {

using namespace heapprof::tools;

void Use(const std::string& path) {
  ViewOptions options;
  options.load.max_bytes = 4 << 20;
  const Survey survey = SurveyFiles({path, path}, options.load);
  if (!survey.kinds.empty()) SelectFiles(survey, false);
  const View view("fuzz", LoadProfile(path, options.load), options);
  for (const Granularity granularity : {Granularity::kFunction, Granularity::kLine, Granularity::kModule}) {
    const FrameTable frames(view.profile(), granularity);
    for (const Row& row : MakeTable(view, frames, Order::kCumulative)) {
      row.cum_uncertainty.Limits(static_cast<double>(row.cum));
    }
    MakeEdges(view, frames);
  }
  MakeDiff(view, view, Granularity::kFunction, Order::kFlat);
  Merger merger;
  merger.Add(view.profile());
  merger.Add(view.profile());
  WriteProfile(merger.Finish(), "/dev/null");
}

void Send(std::string_view bytes) {
  static const std::unique_ptr<send::Target> targets[] = {
      send::MakeTarget("pyroscope://host"), send::MakeTarget("parca://host"),
      send::MakeTarget("otlp://host:1"), send::MakeTarget("dir:/nonexistent")};
  send::Item item;
  item.kind = "heap";
  item.labels = {{"service", std::string(bytes.substr(0, 40))}, {std::string(bytes.substr(0, 20)), "value"}};
  item.delta = true;
  item.bytes = bytes;
  for (const auto& target : targets) {
    try {
      target->Prepare(item);
    } catch (const Failure&) {
      // It is not sent.
    }
  }
  send::SpooledItem spooled;
  send::ReadSpoolText(bytes, &spooled);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size % 32 == 0) Send({reinterpret_cast<const char*>(data), size});  // it takes longer than all the rest
  static const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != static_cast<ssize_t>(size)) abort();
  try {
    Use("/proc/self/fd/" + std::to_string(fd));
  } catch (const Failure&) {
    // One line and exit status 2: what hostile input may do.
  }
  return 0;
}
