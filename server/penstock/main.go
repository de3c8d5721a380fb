package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"penstock/server/sim"
	"penstock/tuning"
)

// version is set at build time by the linker.
var version = "dev"

const usage = `penstock: an LLM inference gateway

usage:
  penstock serve   [--config FILE] [--listen ADDR] [--admin ADDR] [--pid-file FILE]
                                                    run the gateway (the default)
  penstock upgrade [--pid PID | --pid-file FILE]    replace a running gateway by what is on disk now, without loss
  penstock check  [--config FILE]                   check a configuration and say all that is wrong with it
  penstock mock   [flags]                           run the simulated provider as a server
  penstock tune   check | apply | profiles | unit   compare this host with a profile, write sysctl settings
  penstock bench                                    where the benchmarks are
  penstock version

Without a file, providers come from OPENAI_API_KEY, ANTHROPIC_API_KEY and the like, and the simulated provider serves models sim/*.
`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	command := "serve"
	if len(args) > 0 && len(args[0]) > 0 && args[0][0] != '-' {
		command, args = args[0], args[1:]
	} else if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
		command = "help"
	}
	switch command {
	case "serve":
		return serve(args, stdout, stderr)
	case "upgrade":
		return upgrade(args, stdout, stderr)
	case "check":
		return check(args, stdout, stderr)
	case "mock":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return sim.Run(ctx, args, stdout, stderr)
	case "tune":
		return tuning.Command(args, stdout, stderr, tuning.ThisHost())
	case "bench":
		fmt.Fprint(stdout, "benchmarks run from the source tree: make bench (stages), make load (scenarios), bench/compare (beside nginx and HAProxy)\n")
		return 0
	case "version":
		fmt.Fprintf(stdout, "penstock %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return 0
	case "help":
		fmt.Fprint(stdout, usage)
		return 0
	}
	fmt.Fprintf(stderr, "penstock: there is no command %q\n\n%s", command, usage)
	return 2
}
