// SPDX-License-Identifier: Apache-2.0
#include "http/server_loop.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include <new>

#include "base/system/raw_syscall.h"
#include "http/listener.h"

namespace heapprof::http {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
// For a whole head, for a whole request, for a whole answer, and for the rest of a request that was refused.
constexpr int64_t kHeadTime = 5 * kSecond, kRequestTime = 30 * kSecond, kSendTime = 60 * kSecond,
                  kLingerTime = kSecond;
// Who has taken longer than this for his request gives way to others, when there is no place left.
constexpr int64_t kPatience = kSecond / 4;
// Likewise for taking his answer.
constexpr int64_t kSendPatience = kSecond;
// Profiles of a time to come hold their places for as long as they are asked for.
constexpr size_t kMaxAnswering = 16;
constexpr int64_t kNoDescriptors = kSecond / 10;

// Of all clients together: bodies that are longer than a form's, profiles of a time to come, and bytes of
// answers.
constexpr size_t kShort = 64 << 10, kMaxLongBodies = 4, kMaxHeld = 32 << 20;
// More than this is not a request that was merely too long.
constexpr size_t kMaxLingered = 16 << 20;

long Pointer(const void* pointer) { return reinterpret_cast<long>(pointer); }

}  // namespace

void ServerLoop::Run(int listener, int control, bool checks_host, const Thread& thread) {
  listener_ = listener;
  checks_host_ = checks_host;
  control_ = control;
  thread_ = thread;
  for (;;) {
    Wait(RawMonotonicNanos());
    if (!thread_.goes_on(thread_.argument)) break;
  }
  for (Client& client : clients_) {
    if (client.state != State::kFree) Close(&client);
  }
}

size_t ServerLoop::LongBodies() const {
  size_t count = 0;
  for (const Client& client : clients_) {
    count += client.state == State::kBody && client.request.body_bytes > kShort ? 1 : 0;
  }
  return count;
}

size_t ServerLoop::Held() const {
  size_t bytes = 0;
  for (const Client& client : clients_) {
    if (client.state == State::kSending) bytes += client.exchange->answer().body().size();
  }
  return bytes;
}

// kComplete: the request, whose head is there, is to be answered.
int ServerLoop::StatusOf(const Client& client) const {
  if (checks_host_ && !IsHostOfThisMachine(client.request.host)) return kForbidden;
  const bool is_long = client.request.body_bytes > kShort;
  return is_long && LongBodies() >= kMaxLongBodies ? kUnavailable : kComplete;
}

// Waits for something, and serves it.
void ServerLoop::Wait(int64_t now) {
  pollfd entries[kClients + 2];
  Client* waiting[kClients];
  size_t count = 0;
  int64_t next = INT64_MAX;
  entries[0] = {control_, POLLIN, 0};
  const bool accepts = now >= accept_again_;
  if (!accepts) next = accept_again_;
  entries[1] = {accepts ? listener_ : -1, POLLIN, 0};
  for (Client& client : clients_) {
    if (client.state == State::kFree) continue;
    const short events = client.state == State::kAnswering ? short{POLLRDHUP}
                         : client.state == State::kSending ? short{POLLOUT}
                                                           : short{POLLIN};
    entries[2 + count] = {client.socket, events, 0};
    waiting[count++] = &client;
    if (client.deadline < next) next = client.deadline;
  }
  const int64_t left = next > now ? next - now : 0;
  timespec time = {left / kSecond, left % kSecond};
  const long ready = RawSyscall(SYS_ppoll, Pointer(entries), static_cast<long>(count + 2),
                                next == INT64_MAX ? 0 : Pointer(&time), 0, 0);
  now = RawMonotonicNanos();
  for (size_t i = 0; i < count; ++i) {
    const short events = ready > 0 ? entries[2 + i].revents : short{0};
    if (events != 0) {
      Serve(waiting[i], events, now);
    } else if (waiting[i]->deadline <= now) {
      if (waiting[i]->state == State::kAnswering) {
        FinishAnswer(waiting[i], now);
      } else {
        Close(waiting[i]);
      }
    }
  }
  if (ready > 0 && entries[1].revents != 0) AcceptAll(now);
}

// nullptr: there is none.
ServerLoop::Client* ServerLoop::FreePlace() {
  for (Client& client : clients_) {
    if (client.state == State::kFree) return &client;
  }
  return nullptr;
}

// Of those who take an answer, and have had their time for it, the slowest; nullptr: nobody has. `holding`:
// of those for whom it is kept. Who lingers has taken his, and may lose it if he is closed too early.
ServerLoop::Client* ServerLoop::SlowestSending(int64_t now, bool holding) {
  Client* slowest = nullptr;
  for (Client& client : clients_) {
    const bool is_sending =
        client.state == State::kSending || (client.state == State::kLingering && !holding);
    if (is_sending && (slowest == nullptr || client.deadline < slowest->deadline)) slowest = &client;
  }
  return slowest != nullptr && slowest->deadline - now <= kSendTime - kSendPatience ? slowest : nullptr;
}

// The place of somebody who lets others wait; nullptr: there is none.
ServerLoop::Client* ServerLoop::PlaceOfSlowest(int64_t now) {
  Client* slowest = nullptr;
  for (Client& client : clients_) {
    const bool is_reading = client.state == State::kHead || client.state == State::kBody;
    if (is_reading && (slowest == nullptr || client.since < slowest->since)) slowest = &client;
  }
  if (slowest == nullptr || now - slowest->since < kPatience) slowest = SlowestSending(now, false);
  if (slowest != nullptr) Close(slowest);
  return slowest;
}

// For an answer that is made: others may hold so much that it is none.
void ServerLoop::MakeRoom(Client* client, int64_t now) {
  if (client->exchange->answer().body().size() <= kShort) return;
  while (Held() > kMaxHeld) {
    Client* const slowest = SlowestSending(now, true);
    if (slowest == nullptr) {
      return client->exchange->mutable_answer()->FailPlainly(kUnavailable, "too many answers are not taken");
    }
    Close(slowest);
  }
}

size_t ServerLoop::CountAnswering() const {
  size_t count = 0;
  for (const Client& client : clients_) count += client.state == State::kAnswering ? 1 : 0;
  return count;
}

void ServerLoop::AcceptAll(int64_t now) {
  for (size_t i = 0; i < kClients; ++i) {
    Client* client = FreePlace();
    if (client == nullptr) {
      if (i > 0) return;  // whether another waits shows at the next look
      client = PlaceOfSlowest(now);
    }
    if (client == nullptr) {
      // Those who wait are let in when a place is free, or somebody has had his time.
      accept_again_ = now + kNoDescriptors;
      return;
    }
    const int socket = Accept(listener_);
    if (socket < 0) {
      if (socket == -EMFILE || socket == -ENFILE || socket == -ENOMEM || socket == -ENOBUFS) {
        accept_again_ = now + kNoDescriptors;
      }
      return;
    }
    client->state = State::kHead;
    client->socket = socket;
    client->read_all = client->without_body = false;
    client->since = now;
    client->deadline = now + kHeadTime;
    client->got = client->sent = client->lingered = 0;
    client->request = {};
    client->exchange = nullptr;
    client->head = nullptr;
  }
}

void ServerLoop::Serve(Client* client, short events, int64_t now) {
  switch (client->state) {
    case State::kHead:
      return ReadHead(client, now);
    case State::kBody:
      return ReadBody(client, now);
    case State::kAnswering:
      // Go's ends the profile early when the client has ended its side, and sends what there is.
      return (events & (POLLERR | POLLHUP)) != 0 ? Close(client) : FinishAnswer(client, now);
    case State::kSending:
      return SendMore(client, now);
    case State::kLingering:
      return Linger(client);
    case State::kFree:
      return;
  }
}

void ServerLoop::ReadHead(Client* client, int64_t now) {
  const ssize_t got = Receive(client->socket, client->input + client->got, kMaxHead - client->got);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return Close(client);
  client->got += static_cast<size_t>(got);
  const int status = ParseHead(client->input, client->got, &client->request);
  if (status == kIncomplete) return;
  if (status != kComplete) return Refuse(client, status, now);
  if (const int refused = StatusOf(*client)) return Refuse(client, refused, now);
  const Request& request = client->request;
  const size_t rest = client->got - request.head_bytes;
  const size_t of_body = rest < request.body_bytes ? rest : request.body_bytes;
  if (client->body.Write(client->input + request.head_bytes, of_body) != 0) return Close(client);
  client->state = State::kBody;
  client->deadline = client->since + kRequestTime;
  if (of_body == request.body_bytes) return Answer(client, now);
  if (request.expects_continue) {
    constexpr char kContinue[] = "HTTP/1.1 100 Continue\r\n\r\n";
    Send(client->socket, kContinue, sizeof(kContinue) - 1);
  }
}

void ServerLoop::ReadBody(Client* client, int64_t now) {
  constexpr size_t kPiece = 16 << 10;
  char piece[kPiece];
  const size_t left = client->request.body_bytes - client->body.size();
  const ssize_t got = Receive(client->socket, piece, left < kPiece ? left : kPiece);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0 || client->body.Write(piece, static_cast<size_t>(got)) != 0) return Close(client);
  if (client->body.size() == client->request.body_bytes) Answer(client, now);
}

void ServerLoop::StartExchange(Client* client) {
  client->exchange = new (client->exchange_space) Exchange({CallerKind::kOwnThread, {}});
}

void ServerLoop::Refuse(Client* client, int status, int64_t now) {
  StartExchange(client);
  client->exchange->mutable_answer()->FailPlainly(status, ReasonOf(status));
  StartSending(client, now);
}

void ServerLoop::Answer(Client* client, int64_t now) {
  StartExchange(client);
  client->request.body = {client->body.data(), client->body.size()};
  client->read_all = true;
  client->without_body = client->request.IsHead();
  if (!thread_.begin_answer(thread_.argument)) return Close(client);
  const int64_t wait = client->exchange->Begin(client->request);
  thread_.end_answer(thread_.argument);
  client->body.Clear();
  if (wait == 0) return StartSending(client, now);
  if (CountAnswering() >= kMaxAnswering) {
    client->exchange->Abandon();
    client->exchange->mutable_answer()->Fail(kUnavailable, "too many profiles of a time are under way");
    return StartSending(client, now);
  }
  client->state = State::kAnswering;
  client->deadline = RawMonotonicNanos() + wait;
}

void ServerLoop::FinishAnswer(Client* client, int64_t now) {
  if (!thread_.begin_answer(thread_.argument)) return Close(client);
  client->exchange->Finish();
  thread_.end_answer(thread_.argument);
  StartSending(client, now);
}

void ServerLoop::StartSending(Client* client, int64_t now) {
  constexpr int64_t kNanosPerSecond = kSecond;
  MakeRoom(client, now);
  client->state = State::kSending;
  client->deadline = RawMonotonicNanos() + kSendTime;
  client->sent = 0;
  client->head = new (client->head_space) Head;
  client->exchange->answer().WriteHead(RawRealtimeNanos() / kNanosPerSecond, client->head);
  SendMore(client, now);
}

void ServerLoop::SendMore(Client* client, int64_t now) {
  const Head& head = *client->head;
  const MemorySink& body = client->exchange->answer().body();
  const size_t size = head.size() + (client->without_body ? 0 : body.size());
  while (client->sent < size) {
    const bool in_head = client->sent < head.size();
    const char* from = in_head ? head.data() + client->sent : body.data() + (client->sent - head.size());
    const size_t piece = in_head ? head.size() - client->sent : size - client->sent;
    const ssize_t done = Send(client->socket, from, piece);
    if (done == -EINTR) continue;
    if (done == -EAGAIN) return;
    if (done <= 0) return Close(client);
    client->sent += static_cast<size_t>(done);
  }
  if (client->read_all) return Close(client);
  // Closing a socket with something unread in it would take the answer back.
  EndSending(client->socket);
  client->exchange->~Exchange();
  client->exchange = nullptr;
  client->state = State::kLingering;
  client->deadline = now + kLingerTime;
}

void ServerLoop::Linger(Client* client) {
  char piece[4096];
  const ssize_t got = Receive(client->socket, piece, sizeof(piece));
  if (got == 0 || (got < 0 && got != -EAGAIN && got != -EINTR)) return Close(client);
  if (got > 0) client->lingered += static_cast<size_t>(got);
  if (client->lingered > kMaxLingered) Close(client);
}

void ServerLoop::Close(Client* client) {
  if (client->exchange != nullptr) client->exchange->~Exchange();
  client->exchange = nullptr;
  client->body.Clear();
  RawClose(client->socket);
  client->state = State::kFree;
  accept_again_ = 0;
}

}  // namespace heapprof::http
