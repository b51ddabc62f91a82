// SPDX-License-Identifier: Apache-2.0
// Blocks of C's malloc made and freed by goroutines, a child, and a dump if the library is there.
package main

/*
#include <stdlib.h>
#include <string.h>
static char* copy(const char* text) { return strdup(text); }
int heapprof_dump_heap(const char*) __attribute__((weak));
static void dump(void) { if (heapprof_dump_heap) heapprof_dump_heap(NULL); }
*/
import "C"

import (
	"fmt"
	"os/exec"
	"sync"
	"unsafe"
)

func main() {
	var all sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for worker := 0; worker < 8; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 0; i < 2000; i++ {
				text := C.CString("hello world")
				copied := C.copy(text)
				C.free(unsafe.Pointer(text))
				length := len(C.GoString(copied))
				C.free(unsafe.Pointer(copied))
				lock.Lock()
				sum += length
				lock.Unlock()
			}
		}()
	}
	all.Wait()
	out, err := exec.Command("/bin/echo", "from a child").Output()
	if err != nil {
		panic(err)
	}
	fmt.Print(string(out))
	C.dump() // Go ends without libc's exit, and its runtime takes all signals
	fmt.Println(sum)
}
