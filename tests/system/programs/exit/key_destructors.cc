// SPDX-License-Identifier: Apache-2.0
// Destructors of thread keys that allocate, free and set their key again, for all the rounds that there are;
// and thread_local objects that allocate in their destructors.   key_destructors THREADS
#include <limits.h>
#include <pthread.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/system/programs/program.h"

namespace {

struct Held {
  int rounds;
  void* block;
};
pthread_key_t g_key;
std::atomic<int> g_rounds{0}, g_objects{0};

void Destroy(void* value) {
  Held* held = static_cast<Held*>(value);
  free(held->block);
  held->block = malloc(size_t{1000} + static_cast<size_t>(held->rounds));
  CHECK(held->block != nullptr);
  ++g_rounds;
  if (++held->rounds < PTHREAD_DESTRUCTOR_ITERATIONS) {
    CHECK(pthread_setspecific(g_key, held) == 0);
    return;
  }
  free(held->block);
  free(held);
}

struct Object {
  std::string text = std::string(500, 'o');
  ~Object() {
    text += std::string(5000, 'p');
    delete[] new char[300];
    ++g_objects;
  }
};
thread_local Object t_object;

void Body() {
  CHECK(t_object.text.size() == 500);
  Held* held = static_cast<Held*>(malloc(sizeof(Held)));
  held->rounds = 0;
  held->block = malloc(100);
  CHECK(pthread_setspecific(g_key, held) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  CHECK(argc == 2);
  CHECK(pthread_key_create(&g_key, Destroy) == 0);
  const int threads = atoi(argv[1]);
  for (int i = 0; i < threads; i += 2) {
    std::thread one(Body), two(Body);
    one.join();
    two.join();
  }
  CHECK(g_rounds == threads * PTHREAD_DESTRUCTOR_ITERATIONS);
  CHECK(g_objects == threads);
  DumpBySignal();
  Finish();
}
