// Command gen writes the reference of the configuration to its standard output; `go generate` in server/config puts it where
// the documentation is.
//
// May not know: anything but package config.
// Threads: one.
// Bytes: none are kept.
package main

import (
	"fmt"
	"os"

	"penstock/server/config"
)

func main() {
	if _, err := os.Stdout.Write(config.Reference()); err != nil {
		fmt.Fprintln(os.Stderr, "gen: cannot write the reference:", err)
		os.Exit(1)
	}
}
