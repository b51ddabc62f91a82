// SPDX-License-Identifier: Apache-2.0

// Keeps 4 MB that C allocates, and as much of Go's own, which no malloc sees. Go ends a program by the system call itself, so that
// there is no dump at its end: it asks for one.
package main

/*
#include <stdlib.h>
#include <string.h>

// The library is preloaded, or not there.
extern int heapprof_dump_heap(const char* path) __attribute__((weak));
static int dump_heap(void) { return heapprof_dump_heap == NULL ? -1 : heapprof_dump_heap(NULL); }

__attribute__((noinline)) static void* keep_in_c(size_t size) {
  void* block = malloc(size);
  memset(block, 1, size);
  return block;
}
*/
import "C"

import "unsafe"

var blocks [1000]unsafe.Pointer
var own [][]byte

//go:noinline
func keepOrders() {
	for i := range blocks {
		blocks[i] = C.keep_in_c(4000)
		own = append(own, make([]byte, 4000))
	}
}

func main() {
	keepOrders()
	println(len(blocks), len(own), C.dump_heap())
}
