// SPDX-License-Identifier: Apache-2.0
// Processes that lie to the agent: about their sockets, their files, and their build ids.
#include <dlfcn.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <functional>

#include "tests/support/files.h"
#include "tools/agent/names/binary_names.h"
#include "tools/agent/process/endpoint.h"
#include "tools/agent/process/monotonic.h"
#include "tools/agent/process/process_labels.h"
#include "tools/profile/interner.h"

namespace heapprof::tools::agent {
namespace {

using test::TempDir;
using testing::HasSubstr;

// A child that does something, says so, and waits for its end.
class Child {
 public:
  explicit Child(const std::function<void()>& work) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(ends[0]);
      work();
      if (write(ends[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ends[1]);
    char byte;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    close(ends[0]);
  }
  ~Child() { End(); }
  void End() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

int ListenAt(const std::string& name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd, 8), 0);
  return fd;
}

void NameAsServer() { prctl(PR_SET_NAME, "heapprof-http"); }

TEST(HostileProcess, ASocketOfAnothersIsNotAsked) {
  // It was given one; who listens is somebody else.
  const OwnedFd given(ListenAt("@heapprof-hostile-" + std::to_string(getpid())));
  Child child(NameAsServer);
  const auto process = HeldProcess::Open(child.pid());
  ASSERT_NE(process, nullptr);
  const auto endpoint = FindEndpoint(*process);
  ASSERT_TRUE(endpoint);
  std::string why;
  EXPECT_FALSE(Connect(*process, *endpoint, &why).good());
  EXPECT_THAT(why, HasSubstr("not it listens"));
}

TEST(HostileProcess, ItsOwnSocketIsAskedUntilALinkStandsInItsPlace) {
  const TempDir dir;
  const std::string path = dir / "s", other = dir / "other";
  const OwnedFd victim(ListenAt(other));
  Child child([&] {
    NameAsServer();
    ListenAt(path);
  });
  const auto process = HeldProcess::Open(child.pid());
  auto endpoint = FindEndpoint(*process);
  // It has inherited the victim's socket as well.
  for (int i = 0; endpoint && endpoint->local != path && i < 1; ++i) endpoint->local = path;
  ASSERT_TRUE(endpoint);
  std::string why;
  EXPECT_TRUE(Connect(*process, *endpoint, &why).good()) << why;
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_EQ(symlink(other.c_str(), path.c_str()), 0);
  EXPECT_FALSE(Connect(*process, *endpoint, &why).good());
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_EQ(rename(other.c_str(), path.c_str()), 0);
  EXPECT_FALSE(Connect(*process, *endpoint, &why).good());
  EXPECT_THAT(why, HasSubstr("not it listens"));
  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(Connect(*process, *endpoint, &why).good());
}

TEST(HostileProcess, LinksLeadNowhereOutOfItsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root changes its root";
  const TempDir dir;
  test::WriteFile(dir / "inside", "inside");
  ASSERT_EQ(symlink("/etc/passwd", (dir / "absolute").c_str()), 0);
  ASSERT_EQ(symlink("../../../../../../etc/passwd", (dir / "up").c_str()), 0);
  ASSERT_EQ(symlink("/inside", (dir / "good").c_str()), 0);
  ASSERT_EQ(mkfifo((dir / "fifo").c_str(), 0600), 0);
  Child child([&] {
    if (chroot(dir.path().c_str()) != 0 || chdir("/") != 0) _exit(1);
  });
  const auto process = HeldProcess::Open(child.pid());
  for (const char* path : {"/absolute", "/up", "absolute", "../../../../../../etc/passwd", "/proc/self/exe"})
    EXPECT_FALSE(OwnedFd(process->OpenThere(path, O_RDONLY)).good()) << path;
  const OwnedFd good(process->OpenThere("/good", O_RDONLY));
  EXPECT_EQ(ReadUpTo(good.get(), 100), "inside");
  // Opened without waiting for a writer.
  const OwnedFd fifo(process->OpenThere("/fifo", O_RDONLY));
  EXPECT_EQ(ReadUpTo(fifo.get(), 100), "");
}

TEST(HostileProcess, WhatIsReadOfOneThatHasEndedIsNotOfItsSuccessor) {
  Child child([] {});
  const auto process = HeldProcess::Open(child.pid());
  ASSERT_TRUE(process->lives());
  EXPECT_LT(std::abs(process->start_nanos() - RealNanos()), 60 * kNanosASecond);
  EXPECT_FALSE(process->Maps().empty());
  child.End();
  EXPECT_FALSE(process->lives());
  EXPECT_EQ(process->Read("status"), "");
  EXPECT_TRUE(process->Maps().empty());
  EXPECT_EQ(process->Program(), ProgramFile());
  EXPECT_FALSE(OwnedFd(process->OpenThere("/etc/passwd", O_RDONLY)).good());
  EXPECT_EQ(HeldProcess::Open(getpid())->pid(), getpid());
}

// This program's mapping that holds `code`, as a profile of it would have it.
Profile ProfileOf(const void* code, const std::string& build_id, const std::string& path = "") {
  Profile profile;
  Interner strings(&profile.header.strings);
  profile.header.sample_types.push_back({strings.Intern("samples"), strings.Intern("count")});
  const auto address = reinterpret_cast<uint64_t>(code);
  for (const MapsLine& line : HeldProcess::Open(getpid())->Maps()) {
    if (address < line.start || address >= line.end) continue;
    ProfileMapping mapping;
    mapping.start = line.start;
    mapping.limit = line.end;
    mapping.offset = line.offset;
    mapping.filename = strings.Intern(path.empty() ? line.path : path);
    mapping.build_id = strings.Intern(build_id);
    profile.mappings.push_back(mapping);
  }
  ProfileLocation location;
  location.address = address;
  location.mapping = 0;
  profile.locations.push_back(location);
  return profile;
}

std::string NameIn(const Profile& profile) {
  const ProfileLocation& location = profile.locations[0];
  return location.line_count == 0
             ? ""
             : std::string(profile.text(profile.functions[profile.lines_of(location)[0].function].name));
}

// The build id in the notes of the module that holds `address`.
std::string BuildIdOf(const void* address) {
  std::pair<const void*, std::string> found = {address, ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto* wanted = static_cast<std::pair<const void*, std::string>*>(argument);
        bool holds = false;
        std::string id;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          const char* begin = reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr);
          if (segment.p_type == PT_LOAD && wanted->first >= begin && wanted->first < begin + segment.p_memsz)
            holds = true;
          if (segment.p_type != PT_NOTE) continue;
          for (const char* at = begin; at + sizeof(ElfW(Nhdr)) < begin + segment.p_memsz;) {
            const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
            const char* contents = at + sizeof *note + (note->n_namesz + 3) / 4 * 4;
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4) {
              for (unsigned k = 0; k < note->n_descsz; ++k) {
                char digits[3];
                snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(contents[k]));
                id += digits;
              }
            }
            at = contents + (note->n_descsz + 3) / 4 * 4;
          }
        }
        if (holds) wanted->second = id;
        return holds ? 1 : 0;
      },
      &found);
  return found.second;
}

TEST(HostileProcess, ABuildIdThatNamesAnothersFileNamesNothing) {
  const TempDir dir;
  BinaryNames names({dir / "names", {}, false});
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  const std::string own = BuildIdOf(code), others = BuildIdOf(dlsym(RTLD_DEFAULT, "deflate"));
  ASSERT_NE(own, "");
  ASSERT_NE(others, "");
  ProcessFiles files;
  // The id of another file for the mapping, and nothing of that is kept for who has this id truly.
  Profile profile = ProfileOf(code, others);
  names.Name(*self, &files, &profile);
  EXPECT_EQ(NameIn(profile), "");
  // A path of another file opens nothing: the mapping says which file it is.
  profile = ProfileOf(code, own, "/etc/shadow");
  names.Name(*self, &files, &profile);
  EXPECT_THAT(NameIn(profile), HasSubstr("getppid"));
  const void* const other_code = dlsym(RTLD_DEFAULT, "deflate");
  profile = ProfileOf(other_code, others);
  names.Name(*self, &files, &profile);
  EXPECT_EQ(NameIn(profile), "deflate");
  // A mapping that the process has not.
  profile = ProfileOf(code, own, "/usr/bin/env");
  profile.mappings[0].start += uint64_t{1} << 48;
  profile.mappings[0].limit += uint64_t{1} << 48;
  profile.locations[0].address += uint64_t{1} << 48;
  names.Name(*self, &files, &profile);
  EXPECT_EQ(NameIn(profile), "");
}

TEST(HostileProcess, NamesAreLookedUpOnceForAllProcesses) {
  const TempDir dir;
  BinaryNames names({dir / "names", {}, false});
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  for (int i = 0; i < 3; ++i) {
    ProcessFiles files;
    Profile profile = ProfileOf(code, BuildIdOf(code));
    names.Name(*self, &files, &profile);
    EXPECT_THAT(NameIn(profile), HasSubstr("getppid"));
  }
  EXPECT_EQ(names.figures().workers, 1u);
}

TEST(HostileProcess, AWorkerThatDoesNotEndIsEndedAndItsProcessGivenUp) {
  BinaryNames names({"", {}, false, 0});
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  ProcessFiles files;
  for (int i = 0; i < 3; ++i) {
    Profile profile = ProfileOf(code, BuildIdOf(code));
    names.Name(*self, &files, &profile);
    EXPECT_EQ(NameIn(profile), "");
  }
  EXPECT_EQ(names.figures().workers, 1u);
  EXPECT_EQ(names.figures().failed, 1u);
}

TEST(HostileProcess, NamesThatAreKeptHaveABound) {
  BinaryNames::Options options;
  options.max_bytes = 1;
  BinaryNames names(options);
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  ProcessFiles files;
  for (unsigned i = 1; i <= 2; ++i) {
    Profile profile = ProfileOf(code, BuildIdOf(code));
    names.Name(*self, &files, &profile);
    EXPECT_THAT(NameIn(profile), HasSubstr("getppid"));
    EXPECT_EQ(names.figures().workers, i);
  }
}

TEST(HostileProcess, FoldersOfNamesThatAreKeptHaveABound) {
  const TempDir dir;
  const std::string folder = dir / "names";
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  for (int i = 0; i < 5; ++i) {
    const std::string old = folder + "/" + std::to_string(i) + "-0";
    ASSERT_EQ(mkdir(old.c_str(), 0700), 0);
    test::WriteFile(old + "/a.names", "x");
    const timespec times[2] = {{1000 - i, 0}, {1000 - i, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, old.c_str(), times, 0), 0);
  }
  BinaryNames::Options options;
  options.cache_folder = folder;
  options.max_folders = 3;
  BinaryNames names(options);
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  ProcessFiles files;
  Profile profile = ProfileOf(code, BuildIdOf(code));
  names.Name(*self, &files, &profile);
  const std::vector<std::string> left = test::ListDir(folder);
  EXPECT_EQ(left.size(), 3u);
  EXPECT_THAT(left, testing::Contains("0-0"));
  EXPECT_THAT(left, testing::Contains("1-0"));
}

TEST(HostileProcess, AServiceIsCalledAsItWasStarted) {
  const TempDir dir;
  ASSERT_EQ(symlink("/bin/sleep", (dir / "shop").c_str()), 0);
  const std::string program = dir / "shop";
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    execl(program.c_str(), "other", "600", nullptr);
    _exit(1);
  }
  close(ends[1]);
  char byte;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);  // it has begun
  close(ends[0]);
  EXPECT_EQ(LabelOf(LabelsOf(*HeldProcess::Open(pid)), "service"), "shop");
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

TEST(HostileProcess, WorkersForOneUserHaveAnEnd) {
  BinaryNames names({"", {}, false, 15, 0});
  const auto self = HeldProcess::Open(getpid());
  const void* const code = dlsym(RTLD_DEFAULT, "getppid");
  ProcessFiles files;
  Profile profile = ProfileOf(code, BuildIdOf(code));
  names.Name(*self, &files, &profile);
  EXPECT_EQ(NameIn(profile), "");
  EXPECT_EQ(names.figures().workers, 0u);
  EXPECT_EQ(names.figures().put_off, 1u);
}

}  // namespace
}  // namespace heapprof::tools::agent
