// SPDX-License-Identifier: Apache-2.0
// Blocks of 100 bytes that point to each other at random: what a leak check has to read. Argument: how many.
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Node {
  Node* next;
  Node* other;
  char bytes[84];
};
Node* g_first;

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;
  auto** nodes = static_cast<Node**>(std::calloc(count, sizeof(Node*)));
  unsigned long random = 1;
  for (size_t i = 0; i < count; ++i) {
    auto* node = static_cast<Node*>(std::malloc(sizeof(Node)));
    std::memset(node, 1, sizeof *node);
    random = random * 6364136223846793005 + 1442695040888963407;
    node->next = g_first;
    node->other = i == 0 ? nullptr : nodes[(random >> 20) % i];
    nodes[i] = node;
    g_first = node;
  }
  std::free(nodes);
  return 0;
}
