// SPDX-License-Identifier: Apache-2.0
// What engines behind HTTP have in common: the address, who we are, and what an answer means.
//
// Taken: 2xx. Not taken, to be tried again: 408, 429, 5xx, no connection, or one that ended before the whole
// request was out. Uncertain: no answer to a whole request. All other answers are refusals.
// Thread-safety: an object belongs to one thread.
#ifndef HEAPPROF_TOOLS_SEND_HTTP_TARGET_H_
#define HEAPPROF_TOOLS_SEND_HTTP_TARGET_H_

#include <string>
#include <vector>

#include "tools/net/http_client.h"
#include "tools/net/url.h"
#include "tools/profile/profile.h"
#include "tools/send/rules/fit.h"
#include "tools/send/target.h"

namespace heapprof::tools::send {

// What the answer says of the request; `name` is the engine's.
Outcome OutcomeOf(const net::HttpAnswer& answer, const std::string& name);

// The seconds that a Retry-After asks for: a number, or a date, which counts from that of the answer; < 0:
// none.
double RetryAfter(const net::HttpAnswer& answer);

// What the options say of a request: time, trust, who we are. Failure: a file that they name cannot be
// read.
net::HttpRequest RequestOptions(const TargetOptions& options);

class HttpTarget : public Target {
 public:
  // The scheme is NAME or NAME+https. Port 0 stays what HTTP has by itself.
  HttpTarget(const net::Url& url, const TargetOptions& options, int default_port);

  std::string name() const override { return name_; }

 protected:
  // POSTs `body` to `path` behind the address, with what authorizes us.
  Outcome Post(const std::string& path, const net::Headers& headers, std::string_view body);
  const net::Url& url() const { return url_; }

 private:
  net::Url url_;
  TargetOptions options_;
  std::string name_, base_;
  net::HttpClient client_;
};

// The item's profile, all of it; its start is the profile's if it has none of its own. Failure: it is none.
Profile LoadItem(Item* item);

// The profile in pieces, each gzip'd in an item like `item`; of several each has a label "part", and an id
// that ends in its number.
std::vector<Item> PiecesOf(const Item& item, const Profile& profile, const FitLimits& limits);

}  // namespace heapprof::tools::send

#endif  // HEAPPROF_TOOLS_SEND_HTTP_TARGET_H_
