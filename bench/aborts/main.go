// Command aborts opens event streams through a gateway in waves, goes away from each in the middle, and then compares what the
// provider, the gateway's metrics, its goroutines and its memory say about it:
//
//	go run ./bench/aborts -streams 10000 -wave 500
//
// Every stream that a client left must have been cancelled at the provider, and nothing of it may stay behind.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"penstock/bench/stand"
)

const (
	// model asks for a stream that goes on for longer than anybody listens.
	model = "chat?tokens=100000&tps=50"
	// patience is how long the streams of a wave may take to begin, and their cancels to arrive.
	patience = 20 * time.Second
	// promised is within what time a client's leaving is to reach the provider.
	promised = 100 * time.Millisecond
	// A heap that has found its size still moves with the collector's turns.
	growthLimitBytes = 16 << 20
	goroutineSlack   = 4 // of the admin port, which answers at that moment
)

// result is one run; its JSON form is one line of the history.
type result struct {
	When        time.Time        `json:"when"`
	Streams     int              `json:"streams"`
	Wave        int              `json:"wave"`
	HTTP        string           `json:"http"`
	Aborted     int              `json:"aborted"`
	Reset       int              `json:"aborted_with_reset"`
	Kinds       map[string]int64 `json:"other_ends"`
	Before      state            `json:"before"` // after a first wave, which brings everything to life
	After       state            `json:"after"`
	CancelP50   float64          `json:"cancel_ms_p50"` // from a wave's last abort until the provider has counted all
	CancelMax   float64          `json:"cancel_ms_max"`
	CPUMicros   float64          `json:"cpu_us_per_stream"`
	Faults      []string         `json:"faults"`
	cancelTimes []time.Duration
}

// state is what can be seen from outside.
type state struct {
	Provider    map[string]float64 `json:"provider"`
	Cancelled   float64            `json:"llm_requests_cancelled_total"`
	ClientsGone float64            `json:"penstock_clients_gone_total"`
	Exchanges   float64            `json:"penstock_exchanges_open"`
	Upstream    float64            `json:"penstock_upstream_streams_open"`
	Goroutines  int                `json:"goroutines"`
	Files       int                `json:"files"`
	RSS         int64              `json:"rss_bytes"`
}

func main() {
	streams := flag.Int("streams", 10_000, "streams to abort")
	wave := flag.Int("wave", 500, "streams at once")
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to measure; empty: built from this checkout")
	upstream := flag.String("http", "h2c", "between gateway and provider: h2c or http1")
	history := flag.String("history", "", "file that the result is appended to as a line of JSON")
	flag.Parse()
	if *streams < 1 || *wave < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	r := &result{When: time.Now().UTC(), Streams: *streams, Wave: *wave, HTTP: *upstream, Kinds: map[string]int64{}}
	if err := r.whole(stand.Options{Binary: *binary, HTTP: *upstream}); err != nil {
		fmt.Fprintf(os.Stderr, "aborts: %v\n", err)
		os.Exit(1)
	}
	r.print()
	if *history != "" {
		if err := r.keep(*history); err != nil {
			fmt.Fprintf(os.Stderr, "aborts: cannot keep the result: %v\n", err)
			os.Exit(1)
		}
	}
	if len(r.Faults) > 0 {
		os.Exit(1)
	}
}

func (r *result) whole(o stand.Options) error {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	s, err := stand.Start(o)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- r.measure(s) }()
	select {
	case err = <-ended:
	case <-interrupted:
		err = errors.New("interrupted")
	}
	return errors.Join(err, s.Stop())
}

func (r *result) measure(s *stand.Stand) error {
	defer stand.HoldThread()()
	warm := &result{Kinds: map[string]int64{}}
	if err := warm.wave(s, min(r.Wave, r.Streams)); err != nil {
		return err
	}
	var err error
	if r.Before, err = look(s); err != nil {
		return err
	}
	used := s.Gateway.CPU()
	for left := r.Streams; left > 0; left -= r.Wave {
		if err := r.wave(s, min(r.Wave, left)); err != nil {
			return err
		}
	}
	r.CPUMicros = float64(s.Gateway.CPU()-used) / float64(time.Microsecond) / float64(r.Streams)
	if r.After, err = look(s); err != nil {
		return err
	}
	slices.Sort(r.cancelTimes)
	r.CancelP50 = millis(r.cancelTimes[len(r.cancelTimes)/2])
	r.CancelMax = millis(r.cancelTimes[len(r.cancelTimes)-1])
	r.judge()
	return s.Alive()
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// cancelled reads the provider's counter, which counts requests whose client went away or reset the stream.
func cancelled(s *stand.Stand) (float64, error) {
	stats, err := s.ProviderStats()
	if err != nil {
		return 0, err
	}
	n, found := stats["cancelled"]
	if !found {
		return 0, fmt.Errorf("the provider's counters have no %q: %v", "cancelled", stats)
	}
	return n, nil
}

// wave opens n streams, aborts them, and waits until the provider knows.
func (r *result) wave(s *stand.Stand, n int) error {
	before, err := cancelled(s)
	if err != nil {
		return err
	}
	f, err := stand.NewFleet(s.Address, stand.Request(s.Address, stand.ChatBody(model, true, 0)))
	if err != nil {
		return err
	}
	defer f.Close()
	a, err := f.Abort(n, patience)
	left := time.Now()
	if err != nil {
		return err
	}
	r.Aborted += a.Aborted
	r.Reset += a.Reset
	for kind, count := range a.Kinds {
		r.Kinds[kind] += count
	}
	for {
		now, err := cancelled(s)
		if err != nil {
			return err
		}
		if took := time.Since(left); now-before >= float64(a.Aborted) {
			r.cancelTimes = append(r.cancelTimes, took)
			return nil
		} else if took > patience {
			return fmt.Errorf("%d streams were aborted, and %v later the provider has seen %.0f cancelled", a.Aborted, patience, now-before)
		}
		time.Sleep(time.Millisecond)
	}
}

// look waits until the gateway is at rest, for a while at most, and reads everything.
func look(s *stand.Stand) (state, error) {
	const rest = 3 * time.Second
	for deadline := time.Now().Add(rest); ; time.Sleep(20 * time.Millisecond) {
		m, err := s.Metrics()
		if err != nil {
			return state{}, err
		}
		at := state{
			Cancelled: m.Sum("llm_requests_cancelled_total"), ClientsGone: m.Sum("penstock_clients_gone_total"),
			Exchanges: m.Sum("penstock_exchanges_open"), Upstream: m.Sum("penstock_upstream_streams_open"),
		}
		if at.Exchanges+at.Upstream > 0 && time.Now().Before(deadline) {
			continue
		}
		if at.Provider, err = s.ProviderStats(); err != nil {
			return state{}, err
		}
		if at.Goroutines, err = s.Goroutines(); err != nil {
			return state{}, err
		}
		at.Files, at.RSS = s.Gateway.Descriptors(), s.Gateway.Memory().RSS
		return at, nil
	}
}

func (r *result) judge() {
	fault := func(format string, args ...any) { r.Faults = append(r.Faults, fmt.Sprintf(format, args...)) }
	if r.Aborted != r.Streams {
		fault("%d of %d streams were aborted; the others: %v", r.Aborted, r.Streams, r.Kinds)
	}
	want, b, a := float64(r.Aborted), r.Before, r.After
	for _, c := range []struct {
		name string
		grew float64
	}{
		{"the provider's count of cancelled requests", a.Provider["cancelled"] - b.Provider["cancelled"]},
		{"llm_requests_cancelled_total", a.Cancelled - b.Cancelled},
		{"penstock_clients_gone_total", a.ClientsGone - b.ClientsGone},
	} {
		if c.grew != want {
			fault("%s grew by %.0f with %.0f aborts", c.name, c.grew, want)
		}
	}
	if a.Exchanges+a.Upstream > 0 {
		fault("%.0f exchanges and %.0f streams to the provider are still open", a.Exchanges, a.Upstream)
	}
	if a.Goroutines > b.Goroutines+goroutineSlack {
		fault("goroutines grew from %d to %d", b.Goroutines, a.Goroutines)
	}
	if a.Files > b.Files+goroutineSlack {
		fault("open files grew from %d to %d", b.Files, a.Files)
	}
	if a.RSS > b.RSS+growthLimitBytes {
		fault("memory grew from %d to %d MiB", b.RSS>>20, a.RSS>>20)
	}
}

func (r *result) print() {
	fmt.Printf("%d streams in waves of %d, provider over %s: %d aborted in mid-stream, %d of them with a reset; other ends: %v\n\n", r.Streams, r.Wave,
		r.HTTP, r.Aborted, r.Reset, r.Kinds)
	b, a := r.Before, r.After
	fmt.Printf("%-34s %12s %12s %12s\n", "", "before", "after", "difference")
	row := func(name string, before, after float64) {
		fmt.Printf("%-34s %12.0f %12.0f %+12.0f\n", name, before, after, after-before)
	}
	for _, name := range []string{"requests", "cancelled"} {
		row("provider: "+name, b.Provider[name], a.Provider[name])
	}
	row("llm_requests_cancelled_total", b.Cancelled, a.Cancelled)
	row("penstock_clients_gone_total", b.ClientsGone, a.ClientsGone)
	row("penstock_exchanges_open", b.Exchanges, a.Exchanges)
	row("penstock_upstream_streams_open", b.Upstream, a.Upstream)
	row("goroutines", float64(b.Goroutines), float64(a.Goroutines))
	row("open files", float64(b.Files), float64(a.Files))
	row("resident KiB", float64(b.RSS>>10), float64(a.RSS>>10))
	fmt.Printf("\nlast abort of a wave until the provider had counted all: P50 %.1f, max %.1f ms (promised: %v); %.1f µs CPU per stream\n", r.CancelP50,
		r.CancelMax, promised, r.CPUMicros)
	for _, text := range r.Faults {
		fmt.Printf("FAULT: %s\n", text)
	}
}

func (r *result) keep(file string) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return errors.Join(err, out.Close())
}
