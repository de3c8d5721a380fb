// Command soak drives a gateway of its own for a long time with everything that clients and providers do, well and badly, while
// providers die, configurations change and connections flood it, and judges every single answer:
//
//	go run ./bench/soak -duration 1h -rate 1000 -out bench/results/soak.md
//
// It fails on a request that got something its kind may not get, on anything left over in the gateway once it is quiet again, and on
// memory that grows. The same seed makes the same mix and the same events; their interleaving is the machine's.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"penstock/bench/stand"
)

func main() {
	length := flag.Duration("duration", time.Hour, "of the load")
	rate := flag.Float64("rate", 1000, "requests per second, of all kinds together")
	seed := flag.Uint64("seed", 1, "of the mix of requests and the schedule of events")
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to run; empty: built from this checkout")
	out := flag.String("out", "", "file for the report, Markdown; empty: standard output")
	flag.Parse()
	if *length < 10*time.Second || *rate < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "soak: -duration is 10s at least, -rate 1 at least, and there are no arguments")
		os.Exit(2)
	}
	stand.RaiseFileLimit()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	stop := make(chan struct{})
	go func() {
		<-interrupted
		close(stop)
	}()
	r := &run{length: *length, rate: *rate, seed: *seed, stop: stop, tally: newTally()}
	err := r.whole(*binary)
	if r.watch != nil {
		err = errors.Join(err, r.write(*out))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		os.Exit(1)
	}
	if n := r.tally.faults(); n > 0 {
		fmt.Fprintf(os.Stderr, "soak: %d faults\n", n)
		os.Exit(1)
	}
}

// run is one soak under way.
type run struct {
	length time.Duration
	rate   float64
	seed   uint64
	stop   <-chan struct{} // closed when the user wants no more

	stage   *stage
	clients *clients
	chaos   *chaos
	watch   *watch
	tally   *tally
	started time.Time
	took    time.Duration // of the load
}

// whole starts the processes, drives them, waits for quiet, judges what is left, and stops them.
func (r *run) whole(binary string) (err error) {
	if r.stage, err = newStage(binary, r.seed); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stage.stop()) }()
	r.clients = newClients(r.stage)
	r.chaos = newChaos(r)
	if err := r.warm(); err != nil {
		return err
	}
	r.watch = newWatch(r)
	if err := r.watch.begin(); err != nil {
		return err
	}
	r.started = time.Now()
	end := r.started.Add(r.length)
	events := r.chaos.start(end)
	samples := r.watch.start()
	r.pace(end)
	r.took = time.Since(r.started)
	events()
	r.settle()
	samples()
	return r.alive()
}

// alive says that nobody died who was not killed on purpose.
func (r *run) alive() error {
	if err := r.stage.gateway.Alive(); err != nil {
		r.tally.note("gateway", fault("the gateway died: %v", err), 0)
	}
	for _, p := range r.stage.providers {
		if err := p.process.Alive(); err != nil {
			return fmt.Errorf("a provider died by itself: %w", err)
		}
	}
	return nil
}
