// SPDX-License-Identifier: Apache-2.0
// Arithmetic on numbers of many digits, each result in a fresh block: short-lived blocks of a few dozen
// bytes, in the manner of factoring programs.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/programs/workload.h"

namespace {

// A natural number: digits of base 2^16, the least first.
struct Number {
  uint32_t length;
  uint16_t digit[1];
};

Number* Make(uint32_t length) {
  auto* n = static_cast<Number*>(malloc(sizeof(Number) + 2 * length));
  n->length = length;
  return n;
}

Number* Multiply(const Number* a, const Number* b) {
  Number* product = Make(a->length + b->length);
  memset(product->digit, 0, 2 * product->length);
  for (uint32_t i = 0; i < a->length; ++i) {
    uint32_t carry = 0;
    for (uint32_t j = 0; j < b->length; ++j) {
      const uint32_t t = a->digit[i] * uint32_t{b->digit[j]} + product->digit[i + j] + carry;
      product->digit[i + j] = static_cast<uint16_t>(t);
      carry = t >> 16;
    }
    product->digit[i + b->length] = static_cast<uint16_t>(carry);
  }
  return product;
}

// The low `length` digits of a, as a new number.
Number* Low(const Number* a, uint32_t length) {
  Number* low = Make(length);
  memcpy(low->digit, a->digit, 2 * length);
  return low;
}

Number* AddSmall(const Number* a, uint16_t value) {
  Number* sum = Make(a->length);
  uint32_t carry = value;
  for (uint32_t i = 0; i < a->length; ++i) {
    carry += a->digit[i];
    sum->digit[i] = static_cast<uint16_t>(carry);
    carry >>= 16;
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t rounds = 6000000 * bench::Percent(argc, argv) / 100;
  Number* x = Make(6);
  for (uint32_t i = 0; i < 6; ++i) x->digit[i] = static_cast<uint16_t>(7919 * (i + 1));
  uint64_t checksum = 0;
  for (uint64_t i = 0; i < rounds; ++i) {  // x <- x^2 + i mod 2^96
    Number* square = Multiply(x, x);
    Number* low = Low(square, 6);
    free(square);
    free(x);
    x = AddSmall(low, static_cast<uint16_t>(i));
    free(low);
    checksum += x->digit[0];
  }
  free(x);
  return bench::Finish(checksum);
}
