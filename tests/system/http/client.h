// SPDX-License-Identifier: Apache-2.0
// A client as tests want it: it can stop anywhere.
//
// Thread-safety: an object belongs to one thread. Allocates: yes; this is code of tests.
#ifndef HEAPPROF_TESTS_SYSTEM_HTTP_CLIENT_H_
#define HEAPPROF_TESTS_SYSTEM_HTTP_CLIENT_H_

#include <map>
#include <string>

namespace heapprof::test {

struct Reply {
  int status = 0;                             // 0: no whole answer came
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;

  std::string Field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
};

// A connection to "127.0.0.1:PORT" or "unix:PATH".
class Connection {
 public:
  explicit Connection(const std::string& address);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool Send(const std::string& bytes) const;
  void EndSending() const;
  // Reads to the end, for at most some seconds.
  std::string ReadAll(int seconds = 20) const;

 private:
  int fd_;
};

Reply ParseReply(const std::string& bytes, bool is_head = false);
std::string MakeRequest(const std::string& method, const std::string& target, const std::string& body = "",
                        const std::string& fields = "");
// "GET /debug/pprof/heap" or "POST ..." with a body.
Reply Ask(const std::string& address, const std::string& method, const std::string& target,
          const std::string& body = "", const std::string& fields = "");
inline Reply Get(const std::string& address, const std::string& target) {
  return Ask(address, "GET", target);
}

}  // namespace heapprof::test

#endif  // HEAPPROF_TESTS_SYSTEM_HTTP_CLIENT_H_
