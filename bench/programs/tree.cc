// SPDX-License-Identifier: Apache-2.0
// Binary trees built and torn down by new and delete: deep recursion, one size, last in first out.
#include "bench/programs/workload.h"

namespace {

struct Node {
  Node* left;
  Node* right;
};

Node* Build(int depth) {
  return depth == 0 ? new Node{nullptr, nullptr} : new Node{Build(depth - 1), Build(depth - 1)};
}

uint64_t Count(const Node* node) { return node == nullptr ? 0 : 1 + Count(node->left) + Count(node->right); }

void Free(Node* node) {
  if (node == nullptr) return;
  Free(node->left);
  Free(node->right);
  delete node;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = 200 * bench::Percent(argc, argv) / 100;
  Node* kept = Build(16);
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {
    Node* tree = Build(15);
    checksum += Count(tree);
    Free(tree);
  }
  checksum += Count(kept);
  Free(kept);
  return bench::Finish(checksum);
}
