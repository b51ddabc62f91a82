// SPDX-License-Identifier: Apache-2.0

// A server of Go's net/http/pprof, to ask what the library is asked: says its address, and ends with its
// standard input.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime/pprof"
)

func main() {
	pprof.NewProfile("peak") // as a profile that knows no differences
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(listener, nil)
	fmt.Printf("HTTP at http://%s\n", listener.Addr())
	io.Copy(io.Discard, os.Stdin)
}
