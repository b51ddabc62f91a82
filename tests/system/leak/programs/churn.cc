// SPDX-License-Identifier: Apache-2.0
// Threads that allocate, start threads, and end, while the process exits: nothing is leaked at any moment.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

namespace {

struct Job {
  int depth;
  unsigned seed;
  std::vector<std::string>* words;
};

void* Work(void* argument) {
  Job* job = static_cast<Job*>(argument);
  std::map<int, std::string> map;
  for (int i = 0; i < 200; ++i) {
    job->seed = job->seed * 1103515245 + 12345;
    map[static_cast<int>(job->seed >> 20)] = std::string(20 + job->seed % 300, 'x');
    if (i % 7 == 0) map.erase(map.begin());
    // A block that grows, at last in place, and that holds the only pointers to others.
    if (i % 16 == 0) {
      size_t count = 64;
      void** table = static_cast<void**>(calloc(count, sizeof(void*)));
      for (; count < 65536; count *= 4) {
        table[count - 1] = strdup("only here");
        void** wider = static_cast<void**>(realloc(table, count * 4 * sizeof(void*)));
        memset(wider + count, 0, count * 3 * sizeof(void*));
        table = wider;
      }
      for (size_t k = 64; k < count; k *= 4) free(table[k - 1]);
      free(table);
    }
  }
  job->words->push_back("done");
  if (job->depth > 0) {
    for (int i = 0; i < 2; ++i) {
      Job* next = new Job{job->depth - 1, job->seed + static_cast<unsigned>(i), new std::vector<std::string>};
      pthread_t thread;
      if (pthread_create(&thread, nullptr, Work, next) != 0) {
        delete next->words;
        delete next;
        continue;
      }
      pthread_detach(thread);
    }
  }
  delete job->words;
  delete job;
  return nullptr;
}

void* Spawn(void* argument) {
  unsigned seed = static_cast<unsigned>(reinterpret_cast<size_t>(argument));
  for (;;) {
    Job* job = new Job{2, seed++, new std::vector<std::string>};
    pthread_t thread;
    if (pthread_create(&thread, nullptr, Work, job) == 0) {
      pthread_join(thread, nullptr);
    } else {
      delete job->words;
      delete job;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned seed = argc > 1 ? static_cast<unsigned>(atoi(argv[1])) : 1;
  pthread_t thread;
  for (size_t i = 0; i < 3; ++i) {
    if (pthread_create(&thread, nullptr, Spawn, reinterpret_cast<void*>(i * 1000 + seed)) != 0) return 3;
  }
  usleep(500 + seed * 7919 % 8000);
  return 0;
}
