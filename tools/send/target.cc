// SPDX-License-Identifier: Apache-2.0
#include "tools/send/target.h"

#include "tools/base/failure.h"
#include "tools/base/suggestion.h"
#include "tools/clickhouse/address.h"
#include "tools/net/url.h"
#include "tools/send/clickhouse_target.h"
#include "tools/send/dir_target.h"
#include "tools/send/engine_targets.h"
#include "tools/send/http_target.h"

namespace heapprof::tools::send {

std::unique_ptr<Target> MakeTarget(const std::string& url, const TargetOptions& options) {
  constexpr std::string_view kDir = "dir:";
  if (url.rfind(kDir, 0) == 0) return MakeDirTarget(url.substr(kDir.size()));
  // A file that is not there is told at once, rather than at each try.
  static_cast<void>(RequestOptions(options));
  if (clickhouse::IsAddress(url)) return MakeClickHouseTarget(url, options);
  const net::Url parts = net::ParseUrl(url);
  const std::string engine = parts.scheme.substr(0, parts.scheme.find('+'));
  const std::string behind = parts.scheme.substr(engine.size());
  if (behind.empty() || behind == "+https" || behind == "+http") {
    if (engine == "pyroscope") return MakePyroscopeTarget(parts, options);
    if (engine == "parca") return MakeParcaTarget(parts, options);
    if (engine == "otlp") return MakeOtlpTarget(parts, options);
  }
  throw Failure(Printable(parts.scheme) + ":// is no engine" +
                DidYouMean(parts.scheme, {"pyroscope", "pyroscope+https", "parca", "parca+https", "otlp",
                                          "otlp+https", "clickhouse", "clickhouse+https", "dir"}) +
                ": pyroscope://, parca://, otlp://, clickhouse://, each also with +https, or dir:PATH");
}

}  // namespace heapprof::tools::send
