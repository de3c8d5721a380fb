package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"penstock/bench/stand"
)

const (
	sampleEvery = 10 * time.Second
	quietTime   = 30 * time.Second // after the last answer, until everything has to be as it was
	// growthLimit is what resident memory may grow by over the second half of the load, by a line fitted through its samples: what
	// collections and bursts leave is less, a leak of a hundred bytes per request at 1,000 requests/s in an hour is 172 MiB.
	growthLimit = 12 << 20
	// In the first minutes every pool and heap still finds its size.
	shortRun, shortGrowthLimit = 10 * time.Minute, 24 << 20
	// lentSlack is what slabs lent at rest may differ by: connections to providers hold some.
	lentSlack = 1 << 20
	fileSlack = 3 // the admin port answers at that moment
)

// sample is the gateway at one moment, as it is seen from outside.
type sample struct {
	At                                time.Duration
	RSS, PSS, Heap, Lent, Idle        int64 // bytes
	Files, Goroutines                 int
	Exchanges, Clients, Upstream      int
	Streams, Timers                   int
	GC                                int           // collections since the last sample
	Lag                               time.Duration // bound of 99.9 % of the turns since the last sample
	GatewayCPU, OtherCPU              float64       // cores since the last sample; the other is this program
	Requests, Rate                    float64       // of this program, since the last sample; per second
	Faults                            int64
	Panics, Dropped, LogErrors, Stale float64
}

// watch takes samples.
type watch struct {
	run     *run
	first   sample
	last    sample
	mu      sync.Mutex
	samples []sample
	before  struct {
		at       time.Time
		gc       float64
		cpu, own time.Duration
		requests int64
		lag      map[string]float64
	}
}

func newWatch(r *run) *watch { return &watch{run: r} }

// take reads everything.
func (w *watch) take() (sample, error) {
	m, err := stand.ReadMetrics(w.run.stage.admin())
	if err != nil {
		return sample{}, err
	}
	g, b := w.run.stage.gateway, &w.before
	n := func(name string) int { return int(m.Sum(name)) }
	s := sample{
		RSS: g.Memory().RSS, PSS: g.PSS(), Heap: int64(m.Sum("go_memstats_heap_inuse_bytes")),
		Lent: int64(labelled(m, "penstock_memory_bytes", `state="lent"`)), Idle: int64(labelled(m, "penstock_memory_bytes", `state="idle"`)),
		Files: g.Descriptors(), Goroutines: n("go_goroutines"), Exchanges: n("penstock_exchanges_open"), Clients: n("penstock_connections"),
		Upstream: n("llm_connection_pool_active"), Streams: n("penstock_upstream_streams_open"), Timers: n("penstock_loop_timers"),
		Panics: m.Sum("penstock_panics_total"), Dropped: m.Sum("penstock_access_log_dropped_total"),
		LogErrors: m.Sum("penstock_access_log_write_errors_total"), Stale: m.Sum("penstock_loop_stale"),
	}
	now, gc, cpu, own, lag := time.Now(), m.Sum("go_gc_duration_seconds_count"), g.CPU(), ownCPU(), lagBuckets(m)
	requests, faults, _ := w.run.tally.totals()
	if !b.at.IsZero() {
		passed := now.Sub(b.at).Seconds()
		s.GC, s.Lag = int(gc-b.gc), quantile(lag, b.lag, .999)
		s.GatewayCPU, s.OtherCPU = (cpu-b.cpu).Seconds()/passed, (own-b.own).Seconds()/passed
		s.Requests = float64(requests - b.requests)
		s.Rate = s.Requests / passed
	}
	if !w.run.started.IsZero() {
		s.At = now.Sub(w.run.started)
	}
	s.Faults = faults
	b.at, b.gc, b.cpu, b.own, b.lag, b.requests = now, gc, cpu, own, lag, requests
	return s, nil
}

// labelled sums the series of a metric that carry a label.
func labelled(m stand.Metrics, name, label string) float64 {
	sum := 0.0
	for key, v := range m {
		if strings.HasPrefix(key, name+"{") && strings.Contains(key, label) {
			sum += v
		}
	}
	return sum
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// begin waits until the gateway is at rest after the warm-up, and remembers how that looks.
func (w *watch) begin() error {
	for end := time.Now().Add(quietTime); ; time.Sleep(200 * time.Millisecond) {
		s, err := w.take()
		if err != nil {
			return err
		}
		if s.Exchanges+s.Clients+s.Streams == 0 {
			w.first = s
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after the warm-up %d exchanges, %d clients and %d streams to providers stay open", s.Exchanges, s.Clients, s.Streams)
		}
	}
}

// start takes samples until what it returns is called, and prints a line a minute.
func (w *watch) start() func() {
	done, ended := make(chan struct{}), make(chan struct{})
	every := min(sampleEvery, max(w.run.length/20, time.Second))
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		said := time.Now()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if time.Since(w.run.started) > w.run.length {
				continue // the samples are of the load
			}
			from := time.Now()
			s, err := w.take()
			if err != nil {
				w.run.tally.note("sample", w.run.missed(from, err), 0)
				continue
			}
			w.mu.Lock()
			w.samples = append(w.samples, s)
			w.mu.Unlock()
			w.run.clients.prune(freshFor)
			if time.Since(said) >= time.Minute-every/2 {
				said = time.Now()
				fmt.Println(s.line())
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// missed is the verdict of a sample that the admin port did not give.
func (r *run) missed(from time.Time, err error) verdict {
	if r.chaos.stalled(from) {
		return fine(lost)
	}
	return fault("no sample: %v", err)
}

func (s *sample) line() string {
	return fmt.Sprintf("%6v  %5.0f req/s  %d faults  rss %d MiB  %d exchanges  %d clients  %d fds  %d goroutines  lag p99.9 %v  cpu %.2f + %.2f",
		s.At.Round(time.Second), s.Rate, s.Faults, s.RSS>>20, s.Exchanges, s.Clients, s.Files, s.Goroutines, s.Lag, s.GatewayCPU, s.OtherCPU)
}

// settle waits for quiet and judges what is left.
func (r *run) settle() {
	w := r.watch
	for end := time.Now().Add(quietTime); ; time.Sleep(500 * time.Millisecond) {
		s, err := w.take()
		if err != nil {
			r.tally.note("end", fault("no sample: %v", err), 0)
			return
		}
		w.last = s
		left := w.left()
		if len(left) == 0 {
			break
		}
		if time.Now().After(end) {
			for _, text := range left {
				r.tally.note("end", fault("%s", text), 0)
			}
			break
		}
	}
	if grown, ok := w.growth(rss); ok && grown > r.growthLimit() {
		r.tally.note("end", fault("resident memory grew by %.1f MiB over the second half; %.0f are allowed", grown/(1<<20), r.growthLimit()/(1<<20)), 0)
	}
	if n := r.tally.of(shedding); float64(n) > shedLimit*float64(r.tally.count) {
		r.tally.note("end", fault("%d requests were shed; %.1f in a thousand are allowed", n, 1000*shedLimit), 0)
	}
	if n, _, unsent := r.tally.totals(); float64(unsent) > shedLimit*float64(n) && r.chaos.stalls == 0 {
		r.tally.note("end", fault("%d requests were not sent because %d were under way; %.1f in a thousand are allowed", unsent, openLimit, 1000*shedLimit), 0)
	}
}

// left compares the end with the beginning.
func (w *watch) left() []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	a, b := &w.last, &w.first
	if a.Exchanges+a.Clients+a.Streams > 0 {
		say("%d exchanges, %d clients and %d streams to providers are still open", a.Exchanges, a.Clients, a.Streams)
	}
	if own, was := a.Files-a.Upstream, b.Files-b.Upstream; own > was+fileSlack {
		say("%d open files beside connections to providers, %d at the start", own, was)
	}
	if a.Goroutines > b.Goroutines+fileSlack {
		say("%d goroutines, %d at the start", a.Goroutines, b.Goroutines)
	}
	if a.Lent > b.Lent+lentSlack {
		say("%d bytes of slabs lent, %d at the start", a.Lent, b.Lent)
	}
	if a.Panics > 0 || a.LogErrors > 0 || a.Dropped > 0 {
		say("%.0f panics, %.0f errors and %.0f lost lines of the access log", a.Panics, a.LogErrors, a.Dropped)
	}
	return all
}

// growthLimit is what may be grown. Slabs that a burst needed stay idle up to a bound of their own, and the collector lets the heap grow
// to twice what is held: those are not counted as a leak.
func (r *run) growthLimit() float64 {
	limit := float64(growthLimit)
	if r.length < shortRun {
		limit = shortGrowthLimit
	}
	kept, _ := r.watch.growth(idle)
	return limit + 2*max(kept, 0)
}

func rss(s *sample) float64  { return float64(s.RSS) }
func idle(s *sample) float64 { return float64(s.Idle) }

// growth is by how many bytes something grew over the second half of the samples, by a fitted line; false where there are too few of them.
func (w *watch) growth(of func(*sample) float64) (float64, bool) {
	half := w.samples[len(w.samples)/2:]
	if len(half) < 5 {
		return 0, false
	}
	xs, ys := make([]float64, len(half)), make([]float64, len(half))
	for i := range half {
		xs[i], ys[i] = half[i].At.Seconds(), of(&half[i])
	}
	return slope(xs, ys) * (xs[len(xs)-1] - xs[0]), true
}
