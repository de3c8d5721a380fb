package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"penstock/bench/stand"
)

// write writes the report to a file, or to standard output where there is no name.
func (r *result) write(file string) error {
	text := r.report()
	if file == "" {
		_, err := io.WriteString(os.Stdout, text)
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// times collects how long it took until the provider heard of those that are chosen.
func (r *result) times(chosen func(*leaver) bool) (h stand.Histogram, late int) {
	for i := range r.leavers[:r.count] {
		left, told := r.provider.records[i].left.Load(), r.provider.records[i].told.Load()
		if left == 0 || told == 0 || !chosen(&r.leavers[i]) {
			continue
		}
		d := time.Duration(told - left)
		h.Record(d)
		if d > promised {
			late++
		}
	}
	return h, late
}

func (r *result) report() string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# %d clients that leave\n", r.count)
	say("Made by `go run ./bench/aborts -count %d -clients %d -seed %d`, %s, commit %s, %d CPUs, %s, shared with provider and clients and, at a load average of %s, with others.\n", r.count, r.clients, r.seed,
		r.when.Format("2006-01-02 15:04"), commit(), runtime.NumCPU(), runtime.Version(), stand.LoadAverage())
	say("In %v: %.0f a second, %.0f µs of the gateway's CPU for each, connecting and TLS included.\n", r.took.Round(time.Second), float64(r.count)/r.took.Seconds(),
		float64(r.cpu.Microseconds())/float64(r.count))
	if len(r.faults) == 0 {
		say("Every request was cancelled at the provider, counted once and billed once; nothing was left over.\n")
	}
	for _, text := range r.faults {
		say("- **FAULT** %s", text)
	}
	say("\n## From a client's close until the provider hears of it, ms\n")
	say("| clients | number | P50 | P99 | P99.9 | max | over %v |\n|---|---|---|---|---|---|---|", promised)
	row := func(name string, chosen func(*leaver) bool) {
		h, late := r.times(chosen)
		ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
		say("| %s | %d | %.2f | %.2f | %.2f | %.2f | %d |", name, h.Count(), ms(h.Quantile(.5)), ms(h.Quantile(.99)), ms(h.Quantile(.999)), ms(h.Max()), late)
	}
	row("all", func(*leaver) bool { return true })
	for m, name := range momentNames {
		row(name, func(l *leaver) bool { return l.moment == m })
	}
	for i, speech := range speeches {
		row("provider over "+speech, func(l *leaver) bool { return l.upstream == i })
	}
	row("with a FIN", func(l *leaver) bool { return !l.reset })
	row("with a reset", func(l *leaver) bool { return l.reset })
	row("client over TLS", func(l *leaver) bool { return l.secure })
	say("\n## The gateway\n")
	say("| after | requests | clients gone | cancelled | input tokens billed | exchanges | streams | goroutines | fds | upstream | slabs lent | RSS MiB | PSS MiB |")
	say("|%s", strings.Repeat("---|", 13))
	f := &r.states[0]
	for i := range r.states {
		s := &r.states[i]
		say("| %d | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %d | %d | %.0f | %.0f | %.1f | %.1f |", s.done, s.requests-f.requests, s.gone-f.gone, s.cancelled-f.cancelled,
			s.claudeInput-f.claudeInput, s.exchanges, s.streams, s.goroutines, s.files, s.upstream, s.lent, float64(s.rss)/(1<<20), float64(s.pss)/(1<<20))
	}
	return b.String()
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
