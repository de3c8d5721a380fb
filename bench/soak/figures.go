package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"penstock/bench/stand"
)

// slope is that of the line with the least squares through the points.
func slope(xs, ys []float64) float64 {
	var mx, my float64
	for i := range xs {
		mx += xs[i]
		my += ys[i]
	}
	n := float64(len(xs))
	mx, my = mx/n, my/n
	var over, under float64
	for i := range xs {
		over += (xs[i] - mx) * (ys[i] - my)
		under += (xs[i] - mx) * (xs[i] - mx)
	}
	if under == 0 {
		return 0
	}
	return over / under
}

// lagBuckets are the cumulative counts of the loops' lag by upper bound, over all loops.
func lagBuckets(m stand.Metrics) map[string]float64 {
	const name = "penstock_loop_lag_seconds_bucket{"
	all := map[string]float64{}
	for key, v := range m {
		if !strings.HasPrefix(key, name) {
			continue
		}
		_, rest, found := strings.Cut(key, `le="`)
		if bound, _, closed := strings.Cut(rest, `"`); found && closed {
			all[bound] += v
		}
	}
	return all
}

// quantile is the least bound under which a share q of what was counted between two looks at cumulative buckets lies.
func quantile(now, before map[string]float64, q float64) time.Duration {
	total := now["+Inf"] - before["+Inf"]
	best := math.Inf(1)
	for bound, n := range now {
		b, err := strconv.ParseFloat(bound, 64)
		if err == nil && b < best && n-before[bound] >= q*total {
			best = b
		}
	}
	if math.IsInf(best, 1) {
		best = 0
		for bound := range now {
			if b, err := strconv.ParseFloat(bound, 64); err == nil && !math.IsInf(b, 1) {
				best = max(best, b) // beyond the last bound
			}
		}
	}
	return time.Duration(best * float64(time.Second))
}
