// SPDX-License-Identifier: Apache-2.0
// Serves clients, in one thread that waits in one place.
//
//   kHead -> (kBody) -> kAnswering: the profile of a time to come -> kSending -> (kLingering) -> kFree
//
// Requests are answered one after the other; what takes a while (a CPU profile of 30 s) is waited for beside
// them, 16 of these at most. Each state has its deadline. When there are more clients than places, who has
// been the longest in sending his request, or in taking his answer, gives way, so that the slow keep nobody
// out.
//
// Thread-safety: an object belongs to the serving thread. Signal-safety: no. Allocates: mmap only. Zeroed
// memory is a loop without clients.
//
// What all clients can have the process keep is bounded, too: bodies that are long, and answers that are not
// taken. Who is one too many gets 503.
#ifndef HEAPPROF_HTTP_SERVER_LOOP_H_
#define HEAPPROF_HTTP_SERVER_LOOP_H_

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "http/exchange.h"
#include "http/request.h"
#include "proto/memory_sink.h"

namespace heapprof::http {

class ServerLoop {
 public:
  // What goes on in the thread beside it.
  struct Thread {
    void* argument;
    // `control` can be read, or nothing happened for a while: whether to go on.
    bool (*goes_on)(void* argument);
    // Around the making of an answer, which may say something on stderr. False: none is to be made, and the
    // thread will not go on.
    bool (*begin_answer)(void* argument);
    void (*end_answer)(void* argument);
  };

  // Until thread.goes_on says no. Descriptors of clients are closed then; the others stay open.
  // `checks_host`: it is for clients of this machine, so that a page of another's is refused
  // (IsHostOfThisMachine).
  void Run(int listener, int control, bool checks_host, const Thread& thread);

 private:
  static constexpr size_t kClients = 64;
  using Head = Text<3072>;  // has a Location

  enum class State : uint8_t { kFree, kHead, kBody, kAnswering, kSending, kLingering };

  struct Client {
    State state = State::kFree;
    int socket = -1;
    bool read_all = false;  // nothing of the request is left unread
    bool without_body = false;
    int64_t since = 0;     // when it came
    int64_t deadline = 0;  // of its state, or, of kAnswering, when it is due: ns of the monotonic clock
    size_t got = 0;        // of the head, and of what came with it
    Request request;
    MemorySink body;
    Exchange* exchange = nullptr;
    size_t sent = 0;
    size_t lingered = 0;  // bytes that were passed over
    Head* head = nullptr;
    alignas(Exchange) char exchange_space[sizeof(Exchange)];
    alignas(Head) char head_space[sizeof(Head)];
    char input[kMaxHead];
  };

  size_t LongBodies() const;
  size_t Held() const;
  int StatusOf(const Client& client) const;
  void Wait(int64_t now);
  void AcceptAll(int64_t now);
  size_t CountAnswering() const;
  Client* FreePlace();
  Client* SlowestSending(int64_t now, bool holding);
  Client* PlaceOfSlowest(int64_t now);
  void MakeRoom(Client* client, int64_t now);
  void Serve(Client* client, short events, int64_t now);
  void ReadHead(Client* client, int64_t now);
  void ReadBody(Client* client, int64_t now);
  void Refuse(Client* client, int status, int64_t now);
  void StartExchange(Client* client);
  void Answer(Client* client, int64_t now);
  void FinishAnswer(Client* client, int64_t now);
  void StartSending(Client* client, int64_t now);
  void SendMore(Client* client, int64_t now);
  void Linger(Client* client);
  void Close(Client* client);

  int listener_ = -1, control_ = -1;
  bool checks_host_ = false;
  Thread thread_ = {};
  int64_t accept_again_ = 0;  // not before, as there were no descriptors
  Client clients_[kClients];
};

}  // namespace heapprof::http

#endif  // HEAPPROF_HTTP_SERVER_LOOP_H_
