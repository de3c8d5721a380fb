package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"penstock/bench/stand"
)

// The overload scenario: a provider that takes overloadLatency for each answer and a gateway that has overloadPerLoop requests in flight on
// each loop at most, so that what it can serve is known; then ten times as many requests.
const (
	overloadModel   = "chat?latency=20ms"
	overloadLatency = 20 * time.Millisecond
	overloadPerLoop = 20
	overloadTimes   = 10

	goodputShare = 0.9                  // P11: of the peak, under ten times the load
	refusalTime  = 5 * time.Millisecond // P11: within which the rest is refused
)

// overloadBounds is what the gateway's configuration has besides.
func overloadBounds() string {
	return fmt.Sprintf("bounds: {requests_per_loop: %d}\n", overloadPerLoop)
}

// overload measures the peak at a little more than can be served, then offers ten times that.
func (r *run) overload() error {
	loops, err := r.loops()
	if err != nil {
		return err
	}
	capacity := float64(loops*overloadPerLoop) / overloadLatency.Seconds()
	body := r.body(overloadModel, false)
	var goodput [2]float64
	for i, rate := range []float64{1.25 * capacity, overloadTimes * capacity} {
		length := r.length / 2
		tally, used, err := r.pace(body, stand.Steady(length, rate))
		if err != nil {
			return err
		}
		p := pacedOf(tally, used)
		p.Refused99 = millis(tally.Refusal.Quantile(.99))
		p.Goodput = float64(tally.OK) / length.Seconds()
		goodput[i] = p.Goodput
		r.judge(p, true)
		if i == 0 {
			r.Peak = p
			continue
		}
		r.Paced = p
		if got := tally.Refusal.Quantile(.99); got > refusalTime {
			r.miss("refusals took %v (P99); the aim is %v", got, refusalTime)
		}
	}
	if goodput[1] < goodputShare*goodput[0] {
		r.miss("%.0f answers/s under ten times the load, %.2f of the %.0f at the peak; the aim is %.1f", goodput[1], goodput[1]/goodput[0], goodput[0], goodputShare)
	}
	return nil
}

// loops is how many the gateway runs.
func (r *run) loops() (int, error) {
	m, err := r.stand.Metrics()
	if err != nil {
		return 0, err
	}
	n := 0
	for key := range m {
		if strings.HasPrefix(key, "penstock_loop_busy_seconds_total{") {
			n++
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, errors.New("the gateway does not say how many loops it has")
}
