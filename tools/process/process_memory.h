// The environment as a running program has it in memory.
//
// /proc/PID/environ shows the place where the kernel put the environment. Programs that change their title
// (redis-server, PostgreSQL) move the environment away and write over that place; libc's variable `environ`
// then points at the copy.
#ifndef HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_
#define HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <optional>
#include <string>

namespace heapprof::tools {

// The value of `name`, "" if the environment does not hold it, no value if the environment is not found or
// may not be read.
std::optional<std::string> ReadEnvironmentVariable(pid_t pid, const std::string& name);

}  // namespace heapprof::tools

#endif  // HEAPPROF_TOOLS_PROCESS_PROCESS_MEMORY_H_
