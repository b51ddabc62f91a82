// SPDX-License-Identifier: Apache-2.0
#include "http/answer.h"

#include <string.h>

#include "profiles/write/process_start.h"

namespace heapprof::http {
namespace {

constexpr char kPlainText[] = "text/plain; charset=utf-8";

// "Sat, 28 Nov 2026 09:00:00 GMT", out of "2026-11-28T09:00:00Z".
void AppendDate(int64_t seconds, TextWriter* to) {
  static constexpr const char* kDays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr int64_t kDay = 86400;
  constexpr size_t kYear = 0, kMonth = 5, kDayOfMonth = 8, kTime = 11;
  Text<32> utc;
  AppendUtc(seconds, &utc);
  const char* const at = utc.data();
  const int month = (at[kMonth] - '0') * 10 + (at[kMonth + 1] - '0');
  to->Str(kDays[seconds / kDay % 7]).Str(", ").Str(at + kDayOfMonth, 2).Str(" ").Str(kMonths[month - 1]);
  to->Str(" ").Str(at + kYear, 4).Str(" ").Str(at + kTime, 8).Str(" GMT");
}

}  // namespace

const char* ReasonOf(int status) {
  static constexpr struct {
    int status;
    const char* reason;
  } kReasons[] = {{kOk, "OK"},
                  {kMovedPermanently, "Moved Permanently"},
                  {kBadRequest, "Bad Request"},
                  {kForbidden, "Forbidden"},
                  {kNotFound, "Not Found"},
                  {kMethodNotAllowed, "Method Not Allowed"},
                  {413, "Request Entity Too Large"},
                  {431, "Request Header Fields Too Large"},
                  {kServerError, "Internal Server Error"},
                  {501, "Not Implemented"},
                  {kUnavailable, "Service Unavailable"},
                  {505, "HTTP Version Not Supported"}};
  for (const auto& known : kReasons) {
    if (known.status == status) return known.reason;
  }
  return "Error";
}

void Answer::Begin(int status, const char* type) {
  status_ = status;
  type_ = type;
  field_count_ = 0;
  out_of_memory_ = false;
  body_.Clear();
}

void Answer::AddField(const char* name, const char* value) {
  if (field_count_ < kMaxFields) fields_[field_count_++] = {name, value};
}

void Answer::SetFileName(const char* name, const char* suffix) {
  TextWriter to(disposition_, sizeof(disposition_));
  to.Str("attachment; filename=\"");
  for (const char* at = name; *at != '\0'; ++at) {
    to.Char(*at > ' ' && *at <= '~' && *at != '"' && *at != '\\' ? *at : '_');
  }
  to.Str(suffix).Str("\"");
  AddField("Content-Disposition", disposition_);
}

void Answer::Fail(int status, const char* text) {
  Begin(status, kPlainText);
  AddField("X-Content-Type-Options", "nosniff");
  AddField("X-Go-Pprof", "1");
  Str(text).Str("\n");
}

void Answer::FailPlainly(int status, const char* text) {
  Begin(status, kPlainText);
  AddField("X-Content-Type-Options", "nosniff");
  Str(text).Str("\n");
}

Answer& Answer::Str(const char* text) { return Str(text, strlen(text)); }

Answer& Answer::Str(const char* text, size_t size) {
  if (body_.Write(text, size) != 0) out_of_memory_ = true;
  return *this;
}

Answer& Answer::UDec(uint64_t value) {
  Text<24> text;
  text.UDec(value);
  return Str(text.data(), text.size());
}

Answer& Answer::Dec(int64_t value) {
  Text<24> text;
  text.Dec(value);
  return Str(text.data(), text.size());
}

Answer& Answer::Hex(uint64_t value) {
  Text<24> text;
  text.Str("0x").Hex(value);
  return Str(text.data(), text.size());
}

Answer& Answer::Escaped(const char* text) {
  for (const char* at = text; *at != '\0'; ++at) {
    switch (*at) {
      case '<':
        Str("&lt;");
        break;
      case '>':
        Str("&gt;");
        break;
      case '&':
        Str("&amp;");
        break;
      case '\'':
        Str("&#39;");
        break;
      case '"':
        Str("&#34;");
        break;
      default:
        Str(at, 1);
    }
  }
  return *this;
}

void Answer::WriteHead(int64_t now, TextWriter* to) const {
  to->Str("HTTP/1.1 ").Dec(status_).Str(" ").Str(ReasonOf(status_)).Str("\r\n");
  if (*type_ != '\0') to->Str("Content-Type: ").Str(type_).Str("\r\n");
  for (size_t i = 0; i < field_count_; ++i) {
    to->Str(fields_[i].name).Str(": ").Str(fields_[i].value).Str("\r\n");
  }
  to->Str("Date: ");
  AppendDate(now, to);
  to->Str("\r\nContent-Length: ").UDec(body_.size()).Str("\r\nConnection: close\r\n\r\n");
}

}  // namespace heapprof::http
