// SPDX-License-Identifier: Apache-2.0
// Uses the C++ interface: api FILE writes a heap profile to FILE, in which a known block is in use.
#include <heapprof/heapprof.hpp>

#include <cstdio>
#include <memory>
#include <system_error>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (heapprof::SetSampleInterval(1)) return 3;
  if (heapprof::SampleInterval() != 1) return 4;
  const std::unique_ptr<char[]> block(new char[12345678]);
  std::snprintf(block.get(), 16, "in use");
  if (heapprof::Stats().live_samples == 0) return 5;
  if (heapprof::WriteProfile("nonsense", 1) != std::errc::no_such_file_or_directory) return 6;
  if (heapprof::DumpHeap("/no/such/folder/file") != std::errc::no_such_file_or_directory) return 7;
  if (const std::error_code error = heapprof::DumpHeap(argv[1])) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    return 8;
  }
  return heapprof::Stats().dumps == 1 && heapprof::Stats().failed_dumps == 1 ? 0 : 9;
}
