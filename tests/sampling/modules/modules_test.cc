// SPDX-License-Identifier: Apache-2.0
#include "sampling/modules/modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/system/raw_syscall.h"

namespace heapprof {
namespace {

std::string OwnPath() {
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  return std::string(path, size > 0 ? static_cast<size_t>(size) : 0);
}

class ModuleTableTest : public testing::Test {
 protected:
  // Reads `text` as if it were the maps file of a process that runs `exe`.
  int ReadText(const std::string& text, const char* exe = "/bin/main") {
    char path[] = "/tmp/heapprof_maps_XXXXXX";
    int fd = mkstemp(path);
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    close(fd);
    int result = table_.ReadFrom(path, exe);
    unlink(path);
    return result;
  }

  std::unique_ptr<ModuleTable::Workspace> workspace_ = std::make_unique<ModuleTable::Workspace>();
  ModuleTable table_{workspace_.get()};
};

// The note as the linker that loaded us knows it, found by another way.
std::string BuildIdByLinker(uintptr_t address) {
  struct Search {
    uintptr_t address;
    std::string id;
  } search = {address, ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* s = static_cast<Search*>(data);
        bool inside = false;
        for (int i = 0; i < info->dlpi_phnum; i++) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          uintptr_t start = info->dlpi_addr + segment.p_vaddr;
          inside |= segment.p_type == PT_LOAD && s->address >= start && s->address < start + segment.p_memsz;
        }
        for (int i = 0; inside && i < info->dlpi_phnum; i++) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_NOTE || segment.p_align != 4) continue;
          auto* note = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
          for (const char* end = note + segment.p_memsz; note < end;) {
            auto* header = reinterpret_cast<const ElfW(Nhdr)*>(note);
            const char* id = note + sizeof(*header) + (header->n_namesz + 3) / 4 * 4;
            if (header->n_type == NT_GNU_BUILD_ID) {
              for (size_t j = 0; j < header->n_descsz; j++) {
                char hex[3];
                snprintf(hex, sizeof(hex), "%02x", static_cast<unsigned char>(id[j]));
                s->id += hex;
              }
              return 1;
            }
            note = id + (header->n_descsz + 3) / 4 * 4;
          }
        }
        return 0;
      },
      &search);
  return search.id;
}

TEST_F(ModuleTableTest, FindsItselfAndLibcWithTheirBuildIds) {
  ASSERT_EQ(table_.Read(), 0);
  auto here = reinterpret_cast<uintptr_t>(&BuildIdByLinker);
  uint32_t own = table_.Find(here);
  ASSERT_NE(own, ModuleTable::kNone);
  EXPECT_EQ(own, table_.main_binary());
  EXPECT_EQ(table_.at(own).path, OwnPath());
  EXPECT_EQ(table_.at(own).start % 4096, 0u);
  EXPECT_EQ(table_.at(own).build_id, BuildIdByLinker(here));
  EXPECT_EQ(strlen(table_.at(own).build_id), 40u);
  auto libc = reinterpret_cast<uintptr_t>(dlsym(RTLD_NEXT, "getenv"));
  ASSERT_NE(table_.Find(libc), ModuleTable::kNone);
  const Module& module = table_.at(table_.Find(libc));
  EXPECT_NE(strstr(module.path, "/libc"), nullptr);
  EXPECT_EQ(module.build_id, BuildIdByLinker(libc));
  EXPECT_NE(std::string(module.build_id), "");
  EXPECT_EQ(table_.dropped(), 0u);
}

TEST_F(ModuleTableTest, HasTheVdsoWithItsBuildId) {
  ASSERT_EQ(table_.Read(), 0);
  for (uint32_t i = 0; i < table_.count(); i++) {
    if (strcmp(table_.at(i).path, "[vdso]") == 0) {
      EXPECT_NE(std::string(table_.at(i).build_id), "");
      return;
    }
  }
  FAIL() << "no [vdso]";
}

// Each executable line of the kernel's own list must be found at both ends, and the gaps must not.
TEST_F(ModuleTableTest, AgreesWithTheKernelsListAtEveryEdge) {
  ASSERT_EQ(table_.Read(), 0);
  std::ifstream maps("/proc/self/maps");
  std::string line;
  int lines = 0;
  while (std::getline(maps, line)) {
    unsigned long start, limit, offset;
    char perms[5];
    ASSERT_EQ(sscanf(line.c_str(), "%lx-%lx %4s %lx", &start, &limit, perms, &offset), 4);
    bool executable = perms[2] == 'x';
    uint32_t at = table_.Find(start);
    EXPECT_EQ(at != ModuleTable::kNone, executable) << line;
    if (!executable) continue;
    lines++;
    EXPECT_EQ(table_.Find(limit - 1), at);
    EXPECT_EQ(table_.at(at).file_offset + (start - table_.at(at).start), offset);
  }
  EXPECT_GE(lines, 3);
  EXPECT_EQ(table_.Find(0), ModuleTable::kNone);
  EXPECT_EQ(table_.Find(UINTPTR_MAX), ModuleTable::kNone);
}

TEST_F(ModuleTableTest, ReadsTheKernelsForms) {
  ASSERT_EQ(ReadText("1000-2000 r--p 00000000 08:01 7    /bin/lib one.so\n"
                     "2000-3000 r-xp 00001000 08:01 7    /bin/lib one.so\n"
                     "3000-4000 r-xp 00002000 08:01 7    /bin/lib one.so\n"
                     "4000-5000 rw-p 00003000 08:01 7    /bin/lib one.so\n"
                     "6000-7000 r-xp 00005000 fe:12 9    /bin/main (deleted)\n"
                     "8000-9000 rwxp 00000000 00:00 0 \n"
                     "a000-b000 r-xp 00000000 08:01 3    /odd\\012name\n"
                     "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]"),
            0);
  ASSERT_EQ(table_.count(), 5u);
  const Module& lib = table_.at(0);
  EXPECT_EQ(lib.start, 0x2000u);
  EXPECT_EQ(lib.limit, 0x4000u) << "pieces of one mapping are one";
  EXPECT_EQ(lib.file_offset, 0x1000u);
  EXPECT_EQ(lib.inode, 7u);
  EXPECT_EQ(lib.image_base, 0x1000u);
  EXPECT_STREQ(lib.path, "/bin/lib one.so");
  EXPECT_STREQ(lib.build_id, "") << "nothing is mapped there";
  EXPECT_FALSE(lib.deleted);
  EXPECT_STREQ(table_.at(1).path, "/bin/main");
  EXPECT_TRUE(table_.at(1).deleted);
  EXPECT_EQ(table_.at(1).device, 0xfe00012u);
  EXPECT_EQ(table_.main_binary(), 1u);
  EXPECT_STREQ(table_.at(2).path, "");
  EXPECT_STREQ(table_.at(3).path, "/odd\nname");
  EXPECT_STREQ(table_.at(4).path, "[vsyscall]");
  EXPECT_EQ(table_.Find(0x3fff), 0u);
  EXPECT_EQ(table_.Find(0x4000), ModuleTable::kNone);
  EXPECT_EQ(table_.Find(0x8000), 2u);
}

TEST_F(ModuleTableTest, DamagedLinesArePassedOver) {
  std::string long_line = "c000-d000 r-xp 0 08:01 3 /" + std::string(20000, 'x') + "\n";
  ASSERT_EQ(
      ReadText("nonsense\n\n1000\n1000-\n1000-2000\n1000-2000 r-xp\n3000-2000 r-xp 0 0:0 1 /x\n" + long_line +
               "e000-f000 r-xp 00000000 08:01 7 /good\n"
               "e800-f800 r-xp 00000000 08:01 8 /overlaps\n"),
      0);
  ASSERT_EQ(table_.count(), 1u);
  EXPECT_STREQ(table_.at(0).path, "/good");
  EXPECT_EQ(table_.dropped(), 1u);
}

TEST_F(ModuleTableTest, MoreModulesThanTheTableHolds) {
  std::ostringstream text;
  constexpr uint32_t kExtra = 100;
  for (uint32_t i = 0; i < ModuleTable::kMaxModules + kExtra; i++) {
    text << std::hex << 0x10000 * (i + 1) << "-" << 0x10000 * (i + 1) + 0x1000 << " r-xp 0 8:1 " << std::dec
         << i + 1 << " /lib/" << i << "\n";
  }
  ASSERT_EQ(ReadText(text.str()), 0);
  EXPECT_EQ(table_.count(), ModuleTable::kMaxModules);
  EXPECT_EQ(table_.dropped(), kExtra);
  for (uint32_t i = 0; i < ModuleTable::kMaxModules; i += 97)
    EXPECT_EQ(table_.Find(0x10000 * (i + 1) + 5), i);
}

TEST_F(ModuleTableTest, MissingAndEmptyFiles) {
  EXPECT_EQ(table_.ReadFrom("/does/not/exist", ""), -ENOENT);
  EXPECT_EQ(table_.count(), 0u);
  EXPECT_EQ(table_.Find(0x1000), ModuleTable::kNone);
  EXPECT_EQ(ReadText(""), -ENODATA);
}

// /proc/self answers with nothing then.
TEST_F(ModuleTableTest, AfterTheMainThreadHasEnded) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "TSan cannot follow a main thread that ends by the system call alone";
#endif
  pid_t child = fork();
  if (child == 0) {
    static pthread_t main_thread = pthread_self();
    static ModuleTable* table = &table_;
    pthread_t other;
    pthread_create(
        &other, nullptr,
        [](void*) -> void* {
          // Not until the kernel shows it gone does /proc/self change: its list is then empty or unreadable.
          pthread_join(main_thread, nullptr);
          for (;;) {
            std::ifstream maps("/proc/self/maps");
            std::string line;
            if (!std::getline(maps, line)) break;
          }
          bool right = table->Read() == 0 &&
                       table->Find(reinterpret_cast<uintptr_t>(&BuildIdByLinker)) != ModuleTable::kNone;
          _exit(right ? 0 : 1);
        },
        nullptr);
    syscall(SYS_exit, 0);  // this thread alone; pthread_exit would unwind through the test's catch (...)
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(BuildId, WhatIsNoImageHasNone) {
  char id[129];
  EXPECT_EQ(ReadBuildId(0, id, sizeof(id)), 0u);
  EXPECT_STREQ(id, "");
  EXPECT_EQ(ReadBuildId(UINTPTR_MAX - 100, id, sizeof(id)), 0u);
  std::vector<char> page(8192, 'x');
  EXPECT_EQ(ReadBuildId(reinterpret_cast<uintptr_t>(page.data()), id, sizeof(id)), 0u);
}

// A module may go at any moment between its line and its note.
TEST(BuildId, SurvivesMappingsThatVanishMeanwhile) {
  std::string path = OwnPath();
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  constexpr size_t kSize = 1 << 16;
  void* place = mmap(nullptr, kSize, PROT_READ, MAP_PRIVATE, fd, 0);
  ASSERT_NE(place, MAP_FAILED);
  std::atomic<bool> done{false};
  std::thread flicker([&] {
    while (!done) {
      mprotect(place, kSize, PROT_NONE);
      mprotect(place, kSize, PROT_READ);
    }
  });
  char id[129];
  std::string expected;
  int read = 0, missed = 0;
  for (int i = 0; i < 20000 || ((read == 0 || missed == 0) && i < 2000000); i++) {
    if (ReadBuildId(reinterpret_cast<uintptr_t>(place), id, sizeof(id)) == 0) {
      missed++;
    } else {
      read++;
      expected = expected.empty() ? id : expected;
      ASSERT_EQ(id, expected);
    }
  }
  done = true;
  flicker.join();
  EXPECT_GT(read, 0);
  EXPECT_GT(missed, 0);
  munmap(place, kSize);
  close(fd);
}

}  // namespace
}  // namespace heapprof
