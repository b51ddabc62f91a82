// SPDX-License-Identifier: Apache-2.0
// A program with a profile of its own, through the C++ interface, and threads that it makes.
//   named FILE.debug0 FILE.debug1 FILE.threads
#include <fcntl.h>

#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "heapprof/heapprof.hpp"
#include "tests/system/programs/program.h"

namespace {

class Connection {
 public:
  NOINLINE Connection() { Connections().Add(this); }
  ~Connection() { Connections().Remove(this); }

 private:
  static heapprof::Profile& Connections() {
    static heapprof::Profile profile("app.connections");
    return profile;
  }
};

NOINLINE std::unique_ptr<Connection> Accept() { return std::make_unique<Connection>(); }
NOINLINE std::unique_ptr<Connection> Connect() { return std::make_unique<Connection>(); }

NOINLINE void MakeThreads() {
  for (int i = 0; i < 3; ++i) std::thread([] {}).join();
}

void WriteTo(const char* path, const char* name, heapprof::Format format) {
  const int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(!heapprof::WriteProfile(name, fd, format));
  CHECK(close(fd) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 4);
  std::vector<std::unique_ptr<Connection>> open_ones;
  for (int i = 0; i < 4; ++i) open_ones.push_back(Connect());
  for (int i = 0; i < 7; ++i) open_ones.push_back(Accept());
  {
    heapprof::ScopedLabels labels({{"peer", "10.0.0.1"}, {"kind", "\"odd\""}});
    open_ones.push_back(Accept());
  }
  CHECK(heapprof_labels_get("peer") == nullptr);
  open_ones.erase(open_ones.begin());
  CHECK(heapprof::Profile("app.connections").count() == 11);

  CHECK(heapprof_profile_new("app.connections") == nullptr && errno == EEXIST);
  CHECK(heapprof_profile_new("") == nullptr && errno == EINVAL);
  CHECK(heapprof_profile_lookup("app.connections") != nullptr);
  CHECK(heapprof_profile_lookup("no such") == nullptr);
  heapprof_profile* all[16];
  CHECK(heapprof::Profile::List(all, 16) == 11);
  const char* names[] = {"allocs", "app.connections", "block", "growth",       "heap",   "lifetimes",
                         "memory", "mutex",           "peak",  "threadcreate", "threads"};
  for (int i = 0; i < 11; ++i) CHECK(strcmp(heapprof_profile_name(all[i]), names[i]) == 0);
  CHECK(heapprof_profile_add(all[4], &argc, 0) == -EPERM);
  CHECK(heapprof_profile_add(all[1], &argc, -1) == -EINVAL);
  CHECK(heapprof_profile_add(nullptr, &argc, 0) == -EINVAL);

  MakeThreads();
  CHECK(heapprof_profile_count(all[9]) == 3);
  WriteTo(argv[1], "app.connections", heapprof::Format::kProto);
  WriteTo(argv[2], "app.connections", heapprof::Format::kText);
  WriteTo(argv[3], "threadcreate", heapprof::Format::kProto);
  Finish();
}
