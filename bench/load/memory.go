package main

import (
	"fmt"
	"strings"
	"time"

	"penstock/bench/stand"
)

// Budgets of requirement 2.7 and H4, in bytes.
const (
	idleBudget       = 50 << 20
	peakBudget       = 1800 << 20
	connectionBudget = 50 << 10
	streamBudget     = 2*connectionBudget + requestBudget // both sides and the request
	requestBudget    = 10 << 10                           // beyond the body
)

const (
	heldConnections = 20_000 // as far as the limit on files allows
	otherFiles      = 1_000  // beside them, here and in the gateway
	heldStreams     = 2_000
	// Over HTTP/1.1 each stream takes one of the thousand connections that a provider may have.
	heldStreamsHTTP1 = 900
	largeRequests    = 64
	largeBytes       = 256 << 10
)

// budgets measures what the gateway holds for each of what there may be many of, one after the other, each on connections of
// its own.
func (r *run) budgets() error {
	if idle := r.gateway().RSS; idle > idleBudget {
		r.fault("%d MiB resident before the first request; the budget is %d", idle>>20, int64(idleBudget)>>20)
	}
	settle := max(r.length/15, 300*time.Millisecond)
	// A few requests first, so that what the first one brings to life is not counted as a connection's.
	if _, err := r.hold(64, r.body(fastModel, false), settle, "", 0); err != nil {
		return err
	}
	held := heldConnections
	if files := stand.RaiseFileLimit(); files > 2*otherFiles {
		held = min(held, files-otherFiles)
	}
	r.Memory["idle_connections"] = float64(held)
	if _, err := r.hold(held, r.body(fastModel, false), settle, "idle_connection_bytes", connectionBudget); err != nil {
		return err
	}
	if err := r.streams(settle); err != nil {
		return err
	}
	if err := r.large(); err != nil {
		return err
	}
	if peak := r.gateway().Peak; peak > peakBudget {
		r.fault("%d MiB resident at the peak; the budget is %d", peak>>20, int64(peakBudget)>>20)
	}
	return nil
}

// hold opens connections with an answered request on each and measures what one holds while nothing happens on it.
func (r *run) hold(n int, body []byte, settle time.Duration, name string, budget int64) (float64, error) {
	f, err := stand.NewFleet(r.stand.Address, stand.Request(r.stand.Address, body))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	before := r.gateway().RSS
	answered, err := f.Hold(n, time.Minute)
	if err != nil {
		return 0, err
	}
	f.Read(settle)
	return r.each(name, r.gateway().RSS-before, answered, budget), nil
}

// each notes what one of n holds.
func (r *run) each(name string, grown int64, n int, budget int64) float64 {
	each := float64(grown) / float64(n)
	if name == "" {
		return each
	}
	r.Memory[name] = each
	if each > float64(budget) {
		r.fault("%s: %.1f KiB; the budget is %d KiB", strings.ReplaceAll(name, "_", " "), each/1024, budget>>10)
	}
	return each
}

// streams opens event streams whose tokens come slowly, and measures while they run.
func (r *run) streams(settle time.Duration) error {
	body := r.body("chat?tokens=100000&tps=2", true)
	f, err := stand.NewFleet(r.stand.Address, stand.Request(r.stand.Address, body))
	if err != nil {
		return err
	}
	defer f.Close()
	before := r.gateway().RSS
	want := heldStreams
	if r.HTTP == "http1" {
		want = heldStreamsHTTP1
	}
	n, err := f.Stream(want, time.Minute)
	if err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	f.Read(settle)
	r.each("open_stream_bytes", r.gateway().RSS-before, n, streamBudget)
	return nil
}

// large sends large bodies at once to a provider that takes its time, so that all are held at the same moment.
func (r *run) large() error {
	text := strings.Repeat("A long document about bicycles, wheels and chains. ", largeBytes/51)
	body := stand.BodyOf("chat?latency=500ms", false, 0, "Summarise.", text)
	f, err := stand.NewFleet(r.stand.Address, stand.Request(r.stand.Address, body))
	if err != nil {
		return err
	}
	defer f.Close()
	before := r.gateway().Peak
	if _, err := f.Hold(largeRequests, time.Minute); err != nil {
		return fmt.Errorf("large bodies: %w", err)
	}
	// The peak before was another phase's, so that this is a lower bound; what a fault says is true all the same.
	grown := r.gateway().Peak - before
	r.each("large_request_peak_growth_bytes", grown, largeRequests, int64(len(body))*2+requestBudget)
	r.Memory["large_request_body_bytes"] = float64(len(body))
	return nil
}
