package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"penstock/server/config"
)

// check reports everything that is wrong with a configuration at once.
func check(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("penstock check", flag.ContinueOnError)
	fs.SetOutput(stderr)
	path := fs.String("config", "", "configuration file; none checks what the environment gives")
	if err := fs.Parse(args); err != nil {
		return 2
	}
	if *path == "" && fs.NArg() == 1 {
		*path = fs.Arg(0)
	}
	snap, err := load(*path)
	if err != nil {
		printFaults(stderr, err)
		return 1
	}
	if _, err := newBuilder().build(snap); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, w := range append(inactive(snap), snap.Warnings...) {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	fmt.Fprintf(stdout, "%s: fine: %d providers, %d models, %d keys\n", snap.Source, len(snap.Providers), len(snap.Models), len(snap.Keys))
	return 0
}

func load(path string) (*config.Snapshot, error) {
	if path == "" {
		return config.FromEnvironment(nil)
	}
	return config.Load(path, nil)
}

func printFaults(w io.Writer, err error) {
	var faults config.Faults
	if !errors.As(err, &faults) {
		fmt.Fprintln(w, err)
		return
	}
	for _, f := range faults {
		fmt.Fprintln(w, f.Error())
	}
}
