// SPDX-License-Identifier: Apache-2.0
// A program that was built for jemalloc and asks its profiler: by its header, linked with its library. Run as
// it is, it shows what jemalloc answers; under heapprof the answers are to be the same.
#include <fcntl.h>
#include <jemalloc/jemalloc.h>
#include <stdint.h>
#include <sys/wait.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/system/peers/held_blocks.h"

namespace {

NOINLINE void Pass(size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    void* volatile block = malloc(size);
    free(block);
  }
}

template <typename Value>
int Set(const char* name, Value value) {
  return mallctl(name, nullptr, nullptr, &value, sizeof(value));
}
template <typename Value>
Value Get(const char* name) {
  Value value = {};
  size_t size = sizeof(value);
  CHECK(mallctl(name, &value, &size, nullptr, 0) == 0);
  return value;
}
void DumpTo(const char* path) { CHECK(Set("prof.dump", path) == 0); }

// Every way to ask: with and without room, reading, writing, both, by name and by number.
class Grid {
 public:
  void Ask(const char* name, size_t size, const void* value) {
    char fresh[8] = {};
    if (value != nullptr) memcpy(fresh, value, size);
    for (const bool by_mib : {false, true}) {
      name_ = name;
      by_mib_ = by_mib;
      const bool crashes_jemalloc = strcmp(name, "prof.prefix") == 0;  // without a prefix
      if (!crashes_jemalloc) Call("nothing", nullptr, nullptr, 0, nullptr, 0);
      size_t room = size;
      Call("read", old_, &room, size, nullptr, 0);
      room = size - 1;
      Call("read less", old_, &room, size, nullptr, 0);
      room = size + 1;
      Call("read more", old_, &room, size, nullptr, 0);
      if (value == nullptr) continue;
      Call("write", nullptr, nullptr, 0, fresh, size);
      Call("write less", nullptr, nullptr, 0, fresh, size - 1);
      if (!crashes_jemalloc) Call("no write", nullptr, nullptr, 0, nullptr, size);
      room = size;
      Call("both", old_, &room, size, fresh, size);
      room = size;
      Call("read back", old_, &room, size, nullptr, 0);
    }
  }

 private:
  void Call(const char* what, void* old, size_t* room, size_t size, void* fresh, size_t fresh_size) {
    memset(old_, 0, sizeof(old_));
    int result;
    if (by_mib_) {
      size_t mib[4], length = 4;
      CHECK(mallctlnametomib(name_, mib, &length) == 0);
      result = mallctlbymib(mib, length, old, room, fresh, fresh_size);
    } else {
      result = mallctl(name_, old, room, fresh, fresh_size);
    }
    printf("%s %s: %d", name_, what, result);
    if (old != nullptr && room != nullptr) {
      printf(" size %zu value", *room);
      const bool is_text = strstr(name_, "prefix") != nullptr || strstr(name_, "name") != nullptr;
      if (is_text && result == 0) {
        const char* text;
        memcpy(&text, old_, sizeof(text));
        printf(" %s", text);
      } else if (!is_text) {
        for (size_t i = 0; i < size; ++i) printf(" %02x", static_cast<unsigned char>(old_[i]));
      }
    }
    printf("\n");
  }

  const char* name_ = nullptr;
  bool by_mib_ = false;
  char old_[16];
};

void AskAll() {
  Grid grid;
  const bool yes = true, no = false;
  const char* name = "worker 7";
  const char* bad_name = "two\nlines";
  const char* path = "asked.heap";
  const char* nowhere = "no such folder/x.heap";
  const char* prefix = "other";
  const char* none = nullptr;
  const size_t lg = 12;
  for (const char* option : {"opt.prof", "opt.prof_active", "opt.prof_thread_active_init", "opt.prof_gdump",
                             "opt.prof_final", "opt.prof_leak", "opt.prof_leak_error", "opt.prof_accum"}) {
    grid.Ask(option, sizeof(bool), &no);
  }
  grid.Ask("config.prof", sizeof(bool), nullptr);
  grid.Ask("opt.prof_prefix", sizeof(char*), nullptr);
  grid.Ask("opt.lg_prof_sample", sizeof(size_t), &lg);
  grid.Ask("opt.lg_prof_interval", sizeof(ssize_t), nullptr);
  grid.Ask("prof.interval", sizeof(uint64_t), nullptr);
  for (const bool* value : {&no, &yes}) {
    grid.Ask("prof.active", sizeof(bool), value);
    grid.Ask("prof.gdump", sizeof(bool), value);
    grid.Ask("prof.thread_active_init", sizeof(bool), value);
    grid.Ask("thread.prof.active", sizeof(bool), value);
  }
  grid.Ask("prof.gdump", sizeof(bool), &no);
  grid.Ask("thread.prof.name", sizeof(char*), &name);
  grid.Ask("thread.prof.name", sizeof(char*), &bad_name);
  grid.Ask("thread.prof.name", sizeof(char*), &none);
  grid.Ask("prof.dump", sizeof(char*), &path);
  grid.Ask("prof.dump", sizeof(char*), &nowhere);
  grid.Ask("prof.dump", sizeof(char*), &none);
  grid.Ask("prof.reset", sizeof(size_t), &lg);
  grid.Ask("prof.lg_sample", sizeof(size_t), &lg);
  grid.Ask("prof.prefix", sizeof(char*), &prefix);
  grid.Ask("opt.prof_prefix", sizeof(char*), nullptr);
}

// As a program does that is to stream the profile: the file is its own already.
void ReadByOwnDescriptor() {
  const int file = open("own.heap", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(file >= 0);
  DumpTo("own.heap");
  char head[8] = {};
  CHECK(pread(file, head, 7, 0) == 7);
  printf("%s\n", head);
}

void Threads() {
  std::string name;
  Blocks seen, unseen;
  std::thread([&] {
    CHECK(Set("thread.prof.name", "first") == 0);
    name = Get<const char*>("thread.prof.name");
    CHECK(Set("thread.prof.active", false) == 0);
    unseen = HoldBefore(100, 2000);
    CHECK(Set("thread.prof.active", true) == 0);
    seen = HoldAfter(50, 2000);
    std::thread([] { CHECK(*Get<const char*>("thread.prof.name") == '\0'); }).join();
  }).join();
  CHECK(name == "first");
  CHECK(Set("prof.thread_active_init", false) == 0);
  std::thread([&] {
    CHECK(!Get<bool>("thread.prof.active"));
    Free(HoldBefore(1, 2000));
    const Blocks more = HoldBefore(100, 2000);
    unseen.insert(unseen.end(), more.begin(), more.end());
  }).join();
  DumpTo("threads.heap");
  Free(seen);
  Free(unseen);
}

// Profiles begin anew and are written while threads allocate, and in a child.
void Busy() {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) Free(HoldBefore(200, 512));
    });
  }
  for (int i = 0; i < 40; ++i) {
    if (i % 3 == 0) CHECK(mallctl("prof.reset", nullptr, nullptr, nullptr, 0) == 0);
    DumpTo("busy.heap");
  }
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(mallctl("prof.reset", nullptr, nullptr, nullptr, 0) == 0);
    const Blocks blocks = HoldAfter(10, 700);
    DumpTo("child.heap");
    _exit(blocks.size() == 10 ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  done = true;
  for (std::thread& thread : threads) thread.join();
  const Blocks blocks = HoldAfter(20, 700);
  DumpTo("busy.heap");
  Free(blocks);
}

}  // namespace

int main(int, char** argv) {
  const std::string what = argv[1];
  if (what == "grid") {
    AskAll();
  } else if (what == "dump") {
    const Blocks before = HoldBefore(300, 1024);
    const Blocks after = HoldAfter(100, 100'000);
    Free(HoldAfter(50, 100'000));
    DumpTo("dump.heap");
    if (HasLibrary()) CHECK(heapprof_dump_heap("ours.heap.pb.gz") == 0);
    Free(before);
    Free(after);
  } else if (what == "reset") {
    const Blocks before = HoldBefore(300, 1024);
    CHECK(Set("prof.reset", size_t{0}) == 0);
    Free(before);
    const Blocks after = HoldAfter(100, 2048);
    Free(HoldAfter(20, 2048));
    DumpTo("reset.heap");
    CHECK(mallctl("prof.reset", nullptr, nullptr, nullptr, 0) == 0);
    DumpTo("empty.heap");
    Free(after);
    DumpTo("again.heap");
  } else if (what == "active") {
    const Blocks unseen = HoldBefore(300, 1024);
    CHECK(Set("prof.active", true) == 0);
    const Blocks seen = HoldAfter(100, 2048);
    CHECK(Set("prof.active", false) == 0);
    const Blocks more = HoldBefore(300, 1024);
    DumpTo("active.heap");
    Free(unseen);
    Free(seen);
    Free(more);
  } else if (what == "busy") {
    Busy();
  } else if (what == "own") {
    ReadByOwnDescriptor();
  } else if (what == "threads") {
    Threads();
  } else if (what == "names") {
    const char* next = nullptr;
    for (int i = 0; i < 3; ++i) DumpTo(next);
    CHECK(Set("prof.prefix", "moved") == 0);
    DumpTo(next);
  } else if (what == "pass") {
    Pass(64, 1 << 20);
    Free(HoldAfter(64, 1 << 20));
  } else {
    CHECK(what == "leave");
    HoldAfter(100, 5000).clear();
  }
  Finish();
}
