// SPDX-License-Identifier: Apache-2.0
// `heapprof push`: profiles of files, sent to an engine.
//
// Values that only grow, such as alloc_space, are sent with the last file of a process alone, as engines add
// up what they are sent. Thread-safety: none is needed. Errors: Failure.
#ifndef HEAPPROF_TOOLS_SEND_PUSH_H_
#define HEAPPROF_TOOLS_SEND_PUSH_H_

#include <string>
#include <vector>

#include "tools/command/command.h"
#include "tools/profile/load.h"
#include "tools/send/target.h"

namespace heapprof::tools::send {

struct PushRequest {
  std::string url;
  std::vector<std::string> files;
  std::vector<std::string> labels;  // NAME=VALUE
  std::string kind;                 // "": by the file's name and types
  std::string spool;                // "": what cannot be delivered is lost
  double timeout_seconds = 60;
  bool retry_uncertain = false, retry_refused = false;
  std::vector<std::string> headers;  // NAME=VALUE
  std::string token_variable;        // "": none
  TargetOptions target;              // the rest
  LoadOptions load;
};

// The status of the command: 1 if something could not be delivered and waits in the spool.
int Push(const PushRequest& request);

// The subcommand, which puts its status there.
void AddPushCommand(Command app, int* status);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_PUSH_H_
