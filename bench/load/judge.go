package main

import (
	"slices"
	"time"

	"penstock/bench/stand"
)

func tooMany(errors, requests int64) bool {
	return float64(errors) > float64(requests)*errorsPermille/1000
}

// judge looks at what no slow machine excuses.
func (r *run) judge(p *paced, sheds bool) {
	bad, what := p.Errors, "errors"
	if !sheds {
		bad, what = bad+p.Shed, "errors and refusals"
	}
	if r.scenario.name == "smoke" && bad > 0 || tooMany(bad, p.Requests) {
		r.fault("%d %s in %d requests; less than 0.01 %% are allowed", bad, what, p.Requests)
	}
	if p.OK == 0 {
		r.fault("not one of %d requests was answered", p.Requests)
	}
}

// times compares with the scenario's aims.
func (r *run) times() {
	a, p := r.scenario.aims, r.Paced
	for _, aim := range []struct {
		name string
		is   float64
		want time.Duration
	}{{"P50", p.P50, a.p50}, {"P95", p.P95, a.p95}, {"P99", p.P99, a.p99}} {
		if aim.want > 0 && aim.is > millis(aim.want) {
			r.miss("%s %.2f ms; the aim is %v", aim.name, aim.is, aim.want)
		}
	}
	if p.Unsent > 0 {
		r.miss("%d requests were due and never sent: %d connections were not enough", p.Unsent, connections)
	}
}

// recovered finds the first second of the calm in which nothing waits any more and the answers are quick again.
func (r *run) recovered(t *stand.Tally, calm time.Duration) {
	const quick = 120 * time.Millisecond
	for i, w := range t.Windows {
		if w.OK > 0 && w.Errors+w.Shed == 0 && w.P99 < quick {
			r.Recovery = float64(i + 1)
			break
		}
	}
	if r.Recovery == 0 {
		r.miss("not recovered %v after the spike", calm)
	}
}

// leftOver asks the gateway what it still holds when no client wants anything.
func (r *run) leftOver() {
	const patience = 2 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		m, err := r.stand.Metrics()
		if err != nil {
			r.fault("%v", err)
			return
		}
		exchanges, streams, panics := m.Sum("penstock_exchanges_open"), m.Sum("penstock_upstream_streams_open"), m.Sum("penstock_panics_total")
		if panics > 0 {
			r.fault("%.0f panics on a loop", panics)
			return
		}
		if exchanges+streams == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.fault("%.0f exchanges and %.0f streams to the provider are open though every request has ended", exchanges, streams)
			return
		}
	}
}

// watch takes the memory and the open files of the gateway in even intervals.
type watch struct {
	gateway *stand.Process
	quit    chan struct{}
	done    chan struct{}
	rss     []int64
	files   []int
}

const (
	samples = 60
	// A heap that has found its size still moves with the collector's turns.
	growthShare = 0.10
	growthBytes = 16 << 20
	growthFiles = 64
)

func newWatch(gateway *stand.Process, length time.Duration) *watch {
	w := &watch{gateway: gateway, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(max(length/samples, 10*time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				w.rss = append(w.rss, gateway.Memory().RSS)
				w.files = append(w.files, gateway.Descriptors())
			case <-w.quit:
				return
			}
		}
	}()
	return w
}

func (w *watch) stop() {
	close(w.quit)
	<-w.done
}

// judge compares the least of the last third with the most of the first third, warm-up left out: what only swings passes, what
// grows without end does not.
func (w *watch) judge(r *report) {
	n := len(w.rss)
	if n < samples/2 {
		return // too short to tell
	}
	first, last := slices.Max(w.rss[n/10:n/3]), slices.Min(w.rss[2*n/3:])
	r.Memory["rss_first_third_bytes"], r.Memory["rss_last_third_bytes"] = float64(first), float64(last)
	if grown := last - first; grown > growthBytes && float64(grown) > growthShare*float64(first) {
		r.fault("memory grew from %d to %d MiB", first>>20, last>>20)
	}
	if before, after := slices.Max(w.files[n/10:n/3]), slices.Min(w.files[2*n/3:]); after > before+growthFiles {
		r.fault("open files and sockets grew from %d to %d", before, after)
	}
}
