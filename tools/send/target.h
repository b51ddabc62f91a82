// SPDX-License-Identifier: Apache-2.0
// Where profiles go: one engine at one address, with its rules.
//
//     dir:PATH                             files in a folder
//     pyroscope://[USER:PASSWORD@]HOST[:4040][/PREFIX]    and pyroscope+https://
//     parca://HOST[:7070]                  and parca+https://
//     otlp://HOST[:4318]                   and otlp+https://: an OpenTelemetry collector's pprof receiver
//     clickhouse://[USER[:PASSWORD]@]HOST[:8123][/DATABASE]    and clickhouse+https://
//
// Thread-safety: an object belongs to one thread. Errors: MakeTarget and Prepare throw Failure; Send returns
// an Outcome.
#ifndef HEAPPROF_TOOLS_SEND_TARGET_H_
#define HEAPPROF_TOOLS_SEND_TARGET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/send/item.h"

namespace heapprof::tools::send {

struct Outcome {
  enum class Kind {
    kDelivered,
    kRetry,      // it has not been taken: a connection refused, 408, 429, 5xx
    kUncertain,  // it may have been taken: the connection ended before the answer
    kRefused     // it will not be taken: any other status
  };
  Kind kind = Kind::kDelivered;
  double after_seconds = -1;  // what the engine asks to wait for; < 0: nothing
  std::string why;            // one line, for what is not delivered
};

class Target {
 public:
  virtual ~Target() = default;
  // The address without a password, for people.
  virtual std::string name() const = 0;
  // What is sent of `item`, as the engine wants it: names that it takes, no piece above its limits, each with
  // an id of its own. Failure: the item is no profile.
  virtual std::vector<Item> Prepare(Item item) const { return {std::move(item)}; }
  virtual Outcome Send(const Item& item) = 0;
  // Whether an item that is sent twice counts once, by its id: what is uncertain is then sent again.
  virtual bool is_idempotent() const { return false; }
  // The profiles that it takes: not older than this at its arrival, and not that far ahead. 0: any.
  virtual int64_t max_age_ns() const { return 0; }
  virtual int64_t max_ahead_ns() const { return 0; }
};

struct TargetOptions {
  double timeout_seconds = 15;  // of one request
  std::string tenant;           // X-Scope-OrgID
  std::string token;            // Authorization: Bearer
  std::string token_file;       // likewise, read for each request, as orchestrators replace it
  std::string ca_file;          // who is trusted for https, if not the system's
  std::vector<std::pair<std::string, std::string>> headers;
};

// Errors: Failure: no such scheme, an address that is none, or a file that is not what it has to be. Nothing
// is asked yet.
std::unique_ptr<Target> MakeTarget(const std::string& url, const TargetOptions& options = {});

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_TARGET_H_
