package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"penstock/bench/stand"
)

// What a gateway has to do while it is replaced again and again.
const (
	restarts         = 20
	restartKeptRate  = 1_700 // requests per second on connections that are kept
	restartShortRate = 300   // and on connections of their own
	restartStreams   = 500
	restartModel     = "chat?tokens=48&tps=4" // of the streams: 12 s, which is several restarts
	restartPatience  = time.Minute
)

// replace has the gateway replaced at even intervals under requests and streams, and wants every one of them answered whole.
func (r *run) replace() error {
	var over atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	fleet := func(request []byte, drive func(*stand.Fleet) error) {
		wg.Go(func() {
			defer stand.HoldThread()()
			f, err := stand.NewFleet(r.stand.Address, request)
			if err == nil {
				err = drive(f)
				f.Close()
			}
			if err != nil {
				mu.Lock()
				faults = append(faults, err)
				mu.Unlock()
			}
		})
	}
	pace := func(p **paced, rate float64) func(*stand.Fleet) error {
		return func(f *stand.Fleet) error {
			*p = pacedOf(f.Pace(connections, stand.Steady(r.length, rate)), 0)
			return nil
		}
	}
	var streams *stand.Renewed
	address := r.stand.Address
	fleet(stand.Request(address, r.body(restartModel, true)), func(f *stand.Fleet) (err error) {
		streams, err = f.Renew(restartStreams, over.Load, restartPatience)
		return err
	})
	fleet(stand.Request(address, r.body(fastModel, false)), pace(&r.Paced, restartKeptRate))
	fleet(stand.LastRequest(address, r.body(fastModel, false)), pace(&r.Short, restartShortRate))

	tick := time.NewTicker(r.length / (restarts + 1))
	defer tick.Stop()
	var slowest time.Duration
	done, draining := 0, 0
	var failed error
	for ; done < restarts && failed == nil; done++ {
		<-tick.C
		start := time.Now()
		failed = r.stand.Upgrade()
		slowest = max(slowest, time.Since(start))
		draining = max(draining, r.stand.Gateway.Draining())
	}
	over.Store(true)
	wg.Wait()
	if err := errors.Join(append(faults, failed)...); err != nil {
		return err
	}
	r.Memory["restarts"], r.Memory["slowest_restart_ms"] = float64(done), millis(slowest)
	r.Memory["most_processes_draining"], r.Memory["streams_whole"] = float64(draining), float64(streams.Whole)
	for name, p := range map[string]*paced{"kept connections": r.Paced, "connections of their own": r.Short} {
		if bad := p.Errors + p.Shed + p.Unsent; bad > 0 || p.OK == 0 {
			r.fault("%s: %d of %d requests were not answered: %v", name, bad, p.Requests, p.Kinds)
		}
	}
	if len(streams.Kinds) > 0 || streams.Whole < restartStreams {
		r.fault("streams: %d whole; faults: %v", streams.Whole, streams.Kinds)
	}
	// A stream that ended with an error event would be well framed, and of another length.
	if streams.Longest-streams.Shortest > streams.Longest/50 {
		r.fault("streams have from %d to %d bytes", streams.Shortest, streams.Longest)
	}
	for end := time.Now().Add(restartPatience); r.stand.Gateway.Draining() > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d processes that were replaced have not ended", r.stand.Gateway.Draining())
		}
	}
	return nil
}
