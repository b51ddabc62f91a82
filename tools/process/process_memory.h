// SPDX-License-Identifier: Apache-2.0
// The memory of a running program, and the environment as it has it there.
//
// /proc/PID/environ shows the place where the kernel put the environment. Programs that change their title
// (redis-server, PostgreSQL) move the environment away and write over that place; libc's variable `environ`
// then points at the copy.
#ifndef HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_
#define HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace heapprof::tools {

// Copies memory of the thread or process `pid`. Returns the bytes copied, 0 where it may not be read.
size_t ReadMemory(pid_t pid, uint64_t address, void* to, size_t size);
// Likewise to it.
size_t WriteMemory(pid_t pid, uint64_t address, const void* from, size_t size);
// The text at `address` up to its zero byte; "" where there is none.
std::string ReadString(pid_t pid, uint64_t address);

// The value of `name`, "" if the environment does not hold it, no value if the environment is not found or
// may not be read.
std::optional<std::string> ReadEnvironmentVariable(pid_t pid, const std::string& name);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_
