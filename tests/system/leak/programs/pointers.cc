// SPDX-License-Identifier: Apache-2.0
// What counts as a pointer to a block, and the ways blocks are made.
#include <malloc.h>
#include <stdio.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/leak/programs/scenario.h"

namespace {

void* volatile g_kept;
template <typename T>
void Keep(T* pointer) {
  g_kept = const_cast<void*>(static_cast<const volatile void*>(pointer));
}
char* Bytes(size_t size) { return static_cast<char*>(Block(size)); }

struct Counted {
  int value = 1;
  ~Counted() { value = 0; }
};
struct First {
  virtual ~First() = default;
  int a = 1;
};
struct Second {
  virtual ~Second() = default;
  int b = 2;
};
struct Both : First, Second {
  int c = 3;
};
struct InPlace {
  std::string text = "short";
  int more[4] = {};
};
struct Node {
  Node* next;
  char bytes[40];
};

void Cycle() {
  auto* a = static_cast<Node*>(Block(sizeof(Node)));
  a->next = static_cast<Node*>(Block(sizeof(Node)));
  a->next->next = a;
}
void PointsToItself() {
  auto* a = static_cast<Node*>(Block(sizeof(Node)));
  a->next = a;
}
void LongList() {
  Node* head = nullptr;
  for (int i = 0; i < 100000; ++i) {
    auto* node = static_cast<Node*>(Block(sizeof(Node)));
    node->next = head;
    head = node;
  }
  Keep(head);
}

std::map<int, std::string>* g_map;
std::vector<std::unique_ptr<int>> g_vector;
std::string g_text;

void Containers() {
  g_map = new std::map<int, std::string>;
  for (int i = 0; i < 1000; ++i) (*g_map)[i] = std::string(100, 'x');
  for (int i = 0; i < 1000; ++i) g_vector.push_back(std::make_unique<int>(i));
  g_text.assign(1000, 'y');
}

void Aligned() {
  void* block = nullptr;
  CHECK(posix_memalign(&block, 256, 1000) == 0);
  CHECK(memalign(64, 100) != nullptr && aligned_alloc(128, 256) != nullptr);
}
void Reallocated() {
  void* block = realloc(Block(10), 100000);
  CHECK(block != nullptr);
  g_kept = realloc(block, 300000);
}
void OfLibc() {
  char* text = nullptr;
  CHECK(asprintf(&text, "%d", 42) == 2);
  CHECK(strdup("text") != nullptr);
}

const Scenario kList[] = {
    {"interior_middle", [] { CallAndWipe([] { Keep(Bytes(1000) + 500); }); }},
    {"interior_last_byte", [] { CallAndWipe([] { Keep(Bytes(1000) + 999); }); }},
    {"behind_the_end", [] { CallAndWipe([] { Keep(Bytes(1000) + 1000); }); }},
    {"before_the_begin", [] { CallAndWipe([] { Keep(Bytes(1000) - 1); }); }},
    {"interior_of_large", [] { CallAndWipe([] { Keep(Bytes(32 << 20) + (20 << 20)); }); }},
    {"no_bytes", [] { CallAndWipe([] { Keep(static_cast<char*>(malloc(0))); }); }},
    {"no_bytes_leaked", [] { CallAndWipe([] {
                               asm volatile("" : : "r"(malloc(0)) : "memory");
                             }); }},
    {"array_with_count", [] { CallAndWipe([] { Keep(new Counted[10]); }); }},
    {"array_with_count_leaked",
     [] { CallAndWipe([] {
            asm volatile("" : : "r"(new Counted[10]) : "memory");
          }); }},
    {"array_of_none",
     [] {
       CallAndWipe([] {
         volatile size_t none = 0;
         Keep(new Counted[none]);
       });
     }},
    {"second_base", [] { CallAndWipe([] { Keep(static_cast<Second*>(new Both)); }); }},
    {"string_in_place", [] { CallAndWipe([] { Keep((new InPlace)->text.data()); }); }},
    {"string_in_place_leaked", [] { CallAndWipe([] {
                                      asm volatile("" : : "r"(new InPlace) : "memory");
                                    }); }},
    {"cycle", [] { CallAndWipe(Cycle); }},
    {"points_to_itself", [] { CallAndWipe(PointsToItself); }},
    {"long_list", [] { CallAndWipe(LongList); }},
    {"long_list_dropped",
     [] {
       CallAndWipe(LongList);
       g_kept = nullptr;
     }},
    {"containers", [] { CallAndWipe(Containers); }},
    {"containers_dropped",
     [] {
       CallAndWipe(Containers);
       g_map = nullptr;
     }},
    {"aligned", [] { CallAndWipe(Aligned); }},
    {"reallocated", [] { CallAndWipe(Reallocated); }},
    {"reallocated_dropped",
     [] {
       CallAndWipe(Reallocated);
       g_kept = nullptr;
     }},
    {"of_libc", [] { CallAndWipe(OfLibc); }},
    {"calloc", [] { CallAndWipe([] {
                      asm volatile("" : : "r"(calloc(10, 10)) : "memory");
                    }); }},
    {"operator_new", [] { CallAndWipe([] {
                            asm volatile("" : : "r"(new int(1)) : "memory");
                          }); }},
};
SCENARIOS(kList);

}  // namespace
