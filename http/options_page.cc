// SPDX-License-Identifier: Apache-2.0
// /debug/heapprof/options: "key=value" lines; POST sets what may change while the program runs, of a form's
// body or the query.
#include <errno.h>
#include <string.h>

#include "base/option_text.h"
#include "http/pages.h"
#include "profiles/live_options.h"

namespace heapprof::http {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";
constexpr size_t kMaxValue = kPathCapacity;

void WriteAll(Answer* answer) {
  answer->Begin(kOk, kPlainText);
  answer->AddField("X-Content-Type-Options", "nosniff");
  for (size_t i = 0; OptionName(i) != nullptr; ++i) {
    Text<kMaxValue> value;
    if (!PutLiveOption(OptionName(i), &value)) continue;
    answer->Str(OptionName(i)).Str("=").Str(value.data(), value.size()).Str("\n");
  }
}

// What is wrong with a change; nullptr: nothing.
const char* Reason(int error) {
  switch (error) {
    case 0:
      return nullptr;
    case -EPERM:
      return "holds from the start to the end of the program";
    case -EINVAL:
      return "bad value";
    case -ENOTSUP:
      return "not in a program that is linked with -static";
    default:
      return ErrnoText(-error);
  }
}

// Calls `use` for each option that the request has until one answers an error. False: that is the answer now.
bool ForEachOption(const Request& request, int (*use)(const char* name, const char* value), bool* any,
                   Answer* answer) {
  for (size_t i = 0; OptionName(i) != nullptr; ++i) {
    const char* const name = OptionName(i);
    Text<kMaxValue> value;
    FormValue(request, name, &value);
    if (value.size() == 0) continue;
    *any = true;
    if (const char* reason = Reason(use(name, value.data()))) {
      Text<160> line;
      line.Str(name).Str(": ").Str(reason);
      answer->FailPlainly(kBadRequest, line.data());
      return false;
    }
  }
  return true;
}

bool IsOption(const char* name) {
  for (size_t i = 0; OptionName(i) != nullptr; ++i) {
    if (strcmp(OptionName(i), name) == 0) return true;
  }
  return false;
}

void FailFor(const TextWriter& name, const char* reason, Answer* answer) {
  Text<160> line;
  for (const char* at = name.data(); *at != '\0'; ++at) line.Char(*at >= ' ' && *at <= '~' ? *at : '?');
  answer->FailPlainly(kBadRequest, line.Str(": ").Str(reason).data());
}

// A misspelt name that is passed over would look as if it was set. False: the answer tells of the first.
bool AreAllOptions(Piece parameters, Answer* answer) {
  Text<kMaxParameterName> name;
  for (Piece value; NextParameter(&parameters, &name, &value);) {
    Text<kMaxValue> plain;
    if (!IsOption(name.data())) {
      FailFor(name, "no such option", answer);
      return false;
    }
    if (!Unescape(value, true, &plain) || plain.size() == 0) {
      FailFor(name, "bad value", answer);
      return false;
    }
  }
  return true;
}

void SetAll(const Request& request, Answer* answer) {
  bool any = false;
  if (request.is_form && !AreAllOptions(request.body, answer)) return;
  if (!AreAllOptions(request.query, answer)) return;
  // All are read before the first changes.
  if (!ForEachOption(request, CheckLiveOption, &any, answer)) return;
  if (!any) return answer->FailPlainly(kBadRequest, "no option is given; GET lists them");
  if (ForEachOption(request, SetLiveOption, &any, answer)) WriteAll(answer);
}

}  // namespace

void WriteOptions(const Request& request, Answer* answer) {
  if (request.method.Is("GET") || request.IsHead()) return WriteAll(answer);
  if (!request.IsPost()) {
    answer->FailPlainly(kMethodNotAllowed, "Method Not Allowed");
    return answer->AddField("Allow", "GET, HEAD, POST");
  }
  // Any page in a browser on this machine can send a form here.
  if (request.has_origin) return answer->FailPlainly(kForbidden, "not from a page of another origin");
  SetAll(request, answer);
}

}  // namespace heapprof::http
