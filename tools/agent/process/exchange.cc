// SPDX-License-Identifier: Apache-2.0
#include "tools/agent/process/exchange.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "tools/base/failure.h"

namespace heapprof::tools::agent {
namespace {

bool SameWord(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; };
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

Exchange::Exchange(OwnedFd fd, const std::string& target, size_t max_body)
    : fd_(std::move(fd)),
      request_("GET " + target +
               " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: heapprof-agent\r\nConnection: close\r\n\r\n"),
      max_body_(max_body) {}

short Exchange::events() const { return sent_ < request_.size() ? POLLOUT : POLLIN; }

Exchange::State Exchange::Fail(const std::string& why) {
  why_ = why;
  body_.clear();
  body_.shrink_to_fit();
  return state_ = State::kFailed;
}

// "HTTP/1.1 200 OK", and of the fields the length.
bool Exchange::ParseHead() {
  std::string_view head = head_;
  const size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  constexpr size_t kStatusAt = 9, kDigits = 3;
  if (line.size() < kStatusAt + kDigits || line.substr(0, 7) != "HTTP/1.") return false;
  const auto [end, error] =
      std::from_chars(line.data() + kStatusAt, line.data() + kStatusAt + kDigits, status_);
  if (error != std::errc() || end != line.data() + kStatusAt + kDigits || status_ < 100) return false;
  head.remove_prefix(line_end + 2);
  while (!head.empty()) {
    const size_t stop = head.find("\r\n");
    const std::string_view field = head.substr(0, stop);
    const size_t colon = field.find(':');
    if (colon != std::string_view::npos) {
      std::string_view value = field.substr(colon + 1);
      value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
      // The library's server has no pieces.
      if (SameWord(field.substr(0, colon), "Transfer-Encoding")) return false;
      if (SameWord(field.substr(0, colon), "Content-Length")) {
        int64_t length = -1;
        const char* const last = value.data() + value.size();
        if (std::from_chars(value.data(), last, length).ptr != last || length < 0) return false;
        if (length_ >= 0 && length_ != length) return false;
        length_ = length;
      }
    }
    if (stop == std::string_view::npos) break;
    head.remove_prefix(stop + 2);
  }
  return true;
}

Exchange::State Exchange::TakeBytes(const char* bytes, size_t size) {
  if (!in_body_) {
    const size_t before = head_.size();
    head_.append(bytes, size);
    const size_t from = before < 3 ? 0 : before - 3;
    const size_t end = head_.find("\r\n\r\n", from);
    if (end == std::string::npos) return head_.size() > kMaxHead ? Fail("an endless head") : state_;
    if (end > kMaxHead) return Fail("an endless head");
    body_ = head_.substr(end + 4);
    head_.resize(end);
    in_body_ = true;
    if (!ParseHead()) return Fail("no answer of HTTP");
    if (length_ > static_cast<int64_t>(max_body_)) return Fail("an answer that is too large");
  } else {
    body_.append(bytes, size);
  }
  if (length_ >= 0 && body_.size() >= static_cast<size_t>(length_)) {
    body_.resize(static_cast<size_t>(length_));
    return state_ = State::kDone;
  }
  return body_.size() > max_body_ ? Fail("an answer that is too large") : state_;
}

Exchange::State Exchange::Step() {
  while (state_ == State::kRunning && sent_ < request_.size()) {
    const ssize_t put =
        send(fd_.get(), request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno == EAGAIN ? state_ : Fail(ErrorText(errno));
    sent_ += static_cast<size_t>(put);
  }
  if (state_ != State::kRunning) return state_;
  // Not all that an endless answer has: others are waiting.
  constexpr int kPieces = 16;
  for (int i = 0; i < kPieces && state_ == State::kRunning; ++i) {
    char piece[16 << 10];
    const ssize_t got = recv(fd_.get(), piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN ? state_ : Fail(ErrorText(errno));
    if (got == 0) {
      if (in_body_ && length_ < 0) return state_ = State::kDone;
      return Fail("an answer that is cut off");
    }
    TakeBytes(piece, static_cast<size_t>(got));
  }
  return state_;
}

}  // namespace heapprof::tools::agent
