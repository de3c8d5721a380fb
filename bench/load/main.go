// Command load runs one load scenario against a gateway of its own with a simulated provider behind it, and says what it cost:
//
//	go run ./bench/load -scenario load -duration 30s
//
// It fails where a condition is broken that no slow machine excuses: errors, requests left over in the gateway, memory that
// grows. Times that were not kept are named, and fail with -strict alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"penstock/bench/stand"
)

func main() {
	names := make([]string, len(scenarios))
	for i := range scenarios {
		names[i] = scenarios[i].name
	}
	name := flag.String("scenario", "load", strings.Join(names, ", "))
	length := flag.Duration("duration", 0, "of the load; 0: as long as the scenario asks for")
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to measure; empty: built from this checkout")
	upstream := flag.String("http", "h2c", "between gateway and provider: h2c or http1")
	loops := flag.Int("loops", 0, "event loops of the gateway; 0: one per core")
	gatewayCPUs := flag.String("gateway-cpus", "", "CPUs of the gateway, as taskset takes them; empty: any")
	otherCPUs := flag.String("other-cpus", "", "CPUs of provider and wrk")
	script := flag.String("wrk-script", "", "script of the closed loop; empty: bench/load/wrk.lua of this checkout")
	history := flag.String("history", "", "file that the result is appended to as a line of JSON")
	strict := flag.Bool("strict", false, "times that are not kept fail the run, too")
	flag.Parse()

	var chosen *scenario
	for i := range scenarios {
		if scenarios[i].name == *name {
			chosen = &scenarios[i]
		}
	}
	if chosen == nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "scenarios:")
		for i := range scenarios {
			fmt.Fprintf(os.Stderr, "  %-10s %v: %s\n", scenarios[i].name, scenarios[i].length, scenarios[i].about)
		}
		os.Exit(2)
	}
	r := &run{
		scenario: chosen, length: chosen.length, script: *script, otherCPUs: *otherCPUs,
		report: &report{When: time.Now().UTC(), Scenario: chosen.name, HTTP: *upstream, Host: thisHost(), Memory: map[string]float64{}},
	}
	if *length > 0 {
		r.length = *length
	}
	r.Duration = r.length.String()
	options := stand.Options{Binary: *binary, HTTP: *upstream, Loops: *loops, GatewayCPUs: *gatewayCPUs, ProviderCPUs: *otherCPUs, Replaced: chosen.replaced}
	if chosen.bounded {
		options.Configuration = overloadBounds()
	}
	err := r.whole(options)
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(1)
	}
	r.print(os.Stdout)
	if *history != "" {
		if err := r.keep(*history); err != nil {
			fmt.Fprintf(os.Stderr, "load: cannot keep the result: %v\n", err)
			os.Exit(1)
		}
	}
	if len(r.Faults) > 0 || *strict && len(r.Missed) > 0 {
		os.Exit(1)
	}
}

// run is one scenario under way.
type run struct {
	*report
	scenario  *scenario
	length    time.Duration
	script    string
	otherCPUs string
	stand     *stand.Stand
}

// whole starts the stand, runs the scenario and stops the stand, also after an interrupt.
func (r *run) whole(o stand.Options) (err error) {
	stand.RaiseFileLimit()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if r.stand, err = stand.Start(o); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- r.measure(ctx) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = errors.New("interrupted")
	}
	return errors.Join(err, r.stand.Stop())
}

func (r *run) gateway() stand.Memory { return r.stand.Gateway.Memory() }

func (r *run) body(model string, stream bool) []byte { return stand.ChatBody(model, stream, 0) }

func (r *run) measure(ctx context.Context) error {
	defer stand.HoldThread()()
	r.Memory["rss_idle_bytes"] = float64(r.gateway().RSS)
	var err error
	switch {
	case r.scenario.budgets:
		err = r.budgets()
	case r.scenario.bounded:
		err = r.overload()
	case r.scenario.replaced:
		err = r.replace()
	default:
		err = r.load(ctx)
	}
	if err != nil {
		return err
	}
	if err := r.stand.Alive(); err != nil {
		r.fault("%v", err)
		return nil
	}
	r.leftOver()
	m := r.gateway()
	r.Memory["rss_after_bytes"], r.Memory["rss_peak_bytes"] = float64(m.RSS), float64(m.Peak)
	return nil
}

// load runs the closed loop where there is one, then the paced load, then the calm.
func (r *run) load(ctx context.Context) error {
	s, length := r.scenario, r.length
	if s.saturate > 0 {
		part := max(length/10, time.Second)
		if err := r.saturate(ctx, part); err != nil {
			return err
		}
		length = max(length-part, time.Second)
	}
	watch := newWatch(r.stand.Gateway, length)
	tally, used, err := r.pace(r.body(s.model, false), s.steps(length)...)
	if err != nil {
		return err
	}
	watch.stop()
	r.Paced = pacedOf(tally, used)
	r.judge(r.Paced, s.sheds)
	r.times()
	if s.growth {
		watch.judge(r.report)
	}
	calm := s.settleFor(length)
	if calm == 0 {
		return nil
	}
	tally, used, err = r.pace(r.body(s.model, false), stand.Steady(calm, calmRate))
	if err != nil {
		return err
	}
	r.Calm = pacedOf(tally, used)
	r.judge(r.Calm, false)
	if s.aims.recovery > 0 {
		r.recovered(tally, calm)
	}
	return nil
}

func (r *run) saturate(ctx context.Context, d time.Duration) error {
	script := r.script
	if script == "" {
		script = filepath.Join("bench", "load", "wrk.lua")
	}
	result, err := r.stand.Saturate(ctx, stand.Wrk{
		Script: script, CPUs: r.otherCPUs, Connections: r.scenario.saturate, For: d,
	}, r.body(fastModel, false))
	if err != nil {
		return err
	}
	r.Saturated = saturatedOf(result)
	if tooMany(result.Errors, result.Requests) {
		r.fault("closed loop: %d errors in %d requests (connect %d, socket %d, status %d, timeout %d)", result.Errors, result.Requests,
			result.ConnectErrors, result.SocketErrors, result.StatusErrors, result.TimeoutErrors)
	}
	if aim := r.scenario.aims.rate; r.Saturated.Rate < aim {
		r.miss("closed loop: %.0f requests/s; the aim is %.0f", r.Saturated.Rate, aim)
	}
	return nil
}

func (r *run) pace(body []byte, steps ...stand.Step) (*stand.Tally, time.Duration, error) {
	f, err := stand.NewFleet(r.stand.Address, stand.Request(r.stand.Address, body))
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	before := r.stand.Gateway.CPU()
	tally := f.Pace(connections, steps...)
	return tally, r.stand.Gateway.CPU() - before, nil
}
