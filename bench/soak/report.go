package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"penstock/bench/stand"
)

const rowsShown = 40 // of the samples

// write writes the report to a file, or to standard output where there is no name.
func (r *run) write(file string) error {
	if file == "" {
		return r.report(os.Stdout)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := r.report(out); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

func (r *run) report(out io.Writer) error {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	requests, faults, unsent := r.tally.totals()
	outcome := "passed"
	if faults > 0 {
		outcome = fmt.Sprintf("**%d faults**", faults)
	}
	say("# Soak: %v at %.0f requests/s: %s\n", r.took.Round(time.Second), r.rate, outcome)
	say("Made by `go run ./bench/soak -duration %v -rate %.0f -seed %d` on %s, %d CPUs, Linux %s, %s, commit %s, %s, load average at the end %s.\n", r.length, r.rate, r.seed,
		host(), runtime.NumCPU(), kernel(), runtime.Version(), commit(), r.started.UTC().Format("2006-01-02 15:04"), stand.LoadAverage())
	say("One gateway with keys, metrics and access log; providers over %s. %d requests (%.0f/s), %d not sent.", strings.Join(speeches, ", "), requests,
		float64(requests)/max(r.took.Seconds(), 1), unsent)
	say("Plain chats while no event was on: P50 %v, P99 %v, P99.9 %v, max %v.", rounded(r.tally.chat.Quantile(.5)), rounded(r.tally.chat.Quantile(.99)),
		rounded(r.tally.chat.Quantile(.999)), rounded(r.tally.chat.Max()))
	if r.chaos.stalls > 0 {
		say("The machine stood still %d times for %v or longer, %v in all; what that touched is excused like an event.", r.chaos.stalls, stallLimit,
			r.chaos.still.Round(100*time.Millisecond))
	}
	if grown, ok := r.watch.growth(rss); ok {
		say("Resident memory over the second half, by a fitted line: %+.1f MiB (%.1f are allowed: what idle slabs grew by counts twice, beside a fixed part).", grown/(1<<20), r.growthLimit()/(1<<20))
	}
	r.reportFaults(say)
	r.reportKinds(say)
	r.reportEvents(say)
	r.reportSamples(say)
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *run) reportFaults(say func(string, ...any)) {
	if len(r.tally.words) == 0 {
		return
	}
	say("\n## Faults, the first %d\n", len(r.tally.words))
	for _, text := range r.tally.words {
		say("- %s", strings.ReplaceAll(text, "\n", " "))
	}
}

func (r *run) reportKinds(say func(string, ...any)) {
	say("\n## What became of the requests\n")
	columns := r.tally.columns()
	say("| kind | %s | slowest |", strings.Join(columns, " | "))
	say("|---|%s---|", strings.Repeat("---|", len(columns)))
	var names []string
	for name := range r.tally.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		cells := make([]string, len(columns))
		for i, what := range columns {
			if n := r.tally.kinds[name][what]; n > 0 {
				cells[i] = fmt.Sprint(n)
			}
		}
		say("| %s | %s | %v |", name, strings.Join(cells, " | "), rounded(r.tally.slowest[name]))
	}
}

func (r *run) reportEvents(say func(string, ...any)) {
	say("\n## Events\n\n| event | times |\n|---|---|")
	for i := range events {
		say("| %s | %d |", events[i].name, r.chaos.counts[events[i].name])
	}
}

func (r *run) reportSamples(say func(string, ...any)) {
	say("\n## Samples of the gateway\n")
	say("| at | requests/s | RSS MiB | PSS MiB | heap MiB | slabs lent KiB | slabs idle KiB | fds | goroutines | exchanges | clients | upstream | GCs | lag p99.9 | CPU gateway | CPU clients |")
	say("|%s", strings.Repeat("---|", 16))
	w := r.watch
	row := func(name string, s *sample) {
		say("| %s | %.0f | %.1f | %.1f | %.1f | %d | %d | %d | %d | %d | %d | %d | %d | %v | %.2f | %.2f |", name, s.Rate, mebi(s.RSS), mebi(s.PSS), mebi(s.Heap),
			s.Lent>>10, s.Idle>>10, s.Files, s.Goroutines, s.Exchanges, s.Clients, s.Upstream, s.GC, s.Lag, s.GatewayCPU, s.OtherCPU)
	}
	row("before", &w.first)
	step := max((len(w.samples)+rowsShown-1)/rowsShown, 1)
	for i := step - 1; i < len(w.samples); i += step {
		row(w.samples[i].At.Round(time.Second).String(), &w.samples[i])
	}
	row("after", &w.last)
}

func mebi(n int64) float64 { return float64(n) / (1 << 20) }

func rounded(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

func host() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown CPU"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "of an unknown release"
	}
	return strings.TrimSpace(string(text))
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
