package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"penstock/bench/stand"
)

// report is one run of a scenario. Its JSON form is one line of the history.
type report struct {
	When     time.Time `json:"when"`
	Scenario string    `json:"scenario"`
	Duration string    `json:"duration"`
	HTTP     string    `json:"http"`
	Host     host      `json:"host"`

	Saturated *saturated         `json:"saturated,omitempty"` // the closed loop
	Peak      *paced             `json:"peak,omitempty"`      // of the overload scenario: a little more than can be served
	Paced     *paced             `json:"paced,omitempty"`
	Short     *paced             `json:"short,omitempty"` // at the same time, each on a connection of its own
	Calm      *paced             `json:"calm,omitempty"`  // afterwards
	Recovery  float64            `json:"recovery_seconds,omitempty"`
	Memory    map[string]float64 `json:"memory"` // bytes and counts, by what they are of

	Faults []string `json:"faults"` // conditions broken, whatever the machine
	Missed []string `json:"missed"` // times not kept
}

type host struct {
	Name   string `json:"name"`
	Kernel string `json:"kernel"`
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	Commit string `json:"commit"`
}

type saturated struct {
	Rate        float64 `json:"requests_per_second"`
	CPUMicros   float64 `json:"cpu_us_per_request"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	Requests    int64   `json:"requests"`
	Errors      int64   `json:"errors"`
	Connections int     `json:"connections"`
}

type paced struct {
	Rate        float64          `json:"requests_per_second"`
	CPUMicros   float64          `json:"cpu_us_per_request"`
	P50         float64          `json:"p50_ms"`
	P95         float64          `json:"p95_ms"`
	P99         float64          `json:"p99_ms"`
	Max         float64          `json:"max_ms"`
	Requests    int64            `json:"requests"`
	OK          int64            `json:"ok"`
	Shed        int64            `json:"shed"`
	Errors      int64            `json:"errors"`
	Kinds       map[string]int64 `json:"errors_by_kind"`
	Unsent      int64            `json:"unsent"`
	Late        int64            `json:"late"`
	Connections int              `json:"connections"`
	Goodput     float64          `json:"answers_per_second,omitempty"` // of the overload scenario
	Refused99   float64          `json:"refused_p99_ms,omitempty"`
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func pacedOf(t *stand.Tally, used time.Duration) *paced {
	p := &paced{
		P50: millis(t.Latency.Quantile(.5)), P95: millis(t.Latency.Quantile(.95)), P99: millis(t.Latency.Quantile(.99)),
		Max: millis(t.Latency.Max()), Requests: t.Requests(), OK: t.OK, Shed: t.Shed, Errors: t.Errors(), Kinds: t.Kinds,
		Unsent: t.Unsent, Late: t.Late, Connections: t.Conns,
	}
	p.Rate = float64(t.Requests()) / t.Elapsed.Seconds()
	if n := t.Requests(); n > 0 {
		p.CPUMicros = float64(used) / float64(time.Microsecond) / float64(n)
	}
	return p
}

func saturatedOf(s *stand.Saturation) *saturated {
	return &saturated{
		Rate: float64(s.Requests) / s.Elapsed.Seconds(), CPUMicros: float64(s.GatewayCPU) / float64(time.Microsecond), P50: millis(s.P50),
		P95: millis(s.P95), P99: millis(s.P99), Requests: s.Requests, Errors: s.Errors, Connections: s.Connections,
	}
}

func thisHost() host {
	h := host{CPUs: runtime.NumCPU(), Go: runtime.Version(), Commit: "unknown"}
	h.Name, _ = os.Hostname()
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		h.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		h.Commit = strings.TrimSpace(string(out))
	}
	return h
}

func (r *report) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

func (r *report) miss(format string, args ...any) {
	r.Missed = append(r.Missed, fmt.Sprintf(format, args...))
}

// print writes the report for people.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, provider over %s, %s with %d CPUs, Linux %s, %s, commit %s\n\n", r.Scenario, r.Duration, r.HTTP, r.Host.Name,
		r.Host.CPUs, r.Host.Kernel, r.Host.Go, r.Host.Commit)
	if s := r.Saturated; s != nil {
		fmt.Fprintf(w, "closed loop   %9.0f requests/s   %6.1f µs CPU each   P50 %.2f  P95 %.2f  P99 %.2f ms   %d errors   %d connections\n",
			s.Rate, s.CPUMicros, s.P50, s.P95, s.P99, s.Errors, s.Connections)
	}
	r.Peak.print(w, "peak")
	r.Paced.print(w, "paced")
	r.Short.print(w, "short")
	r.Calm.print(w, "calm after")
	if r.Recovery > 0 {
		fmt.Fprintf(w, "recovered within %.0f s of the end of the spike\n", r.Recovery)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		value, unit := r.Memory[name], ""
		if strings.HasSuffix(name, "bytes") {
			value, unit = value/1024, "KiB"
		}
		fmt.Fprintf(w, "%-44s %12.1f %s\n", strings.ReplaceAll(name, "_", " "), value, unit)
	}
	for _, text := range r.Missed {
		fmt.Fprintf(w, "missed: %s\n", text)
	}
	for _, text := range r.Faults {
		fmt.Fprintf(w, "FAULT: %s\n", text)
	}
}

func (p *paced) print(w io.Writer, name string) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "%-13s %9.0f requests/s   %6.1f µs CPU each   P50 %.2f  P95 %.2f  P99 %.2f  max %.0f ms   %d connections\n", name, p.Rate,
		p.CPUMicros, p.P50, p.P95, p.P99, p.Max, p.Connections)
	fmt.Fprintf(w, "%-13s %9d requests: %d answered, %d asked to come back, %d errors; %d unsent, %d sent late\n", "", p.Requests, p.OK, p.Shed,
		p.Errors, p.Unsent, p.Late)
	if p.Goodput > 0 {
		fmt.Fprintf(w, "%-13s %9.0f answers/s; refusals P99 %.2f ms\n", "", p.Goodput, p.Refused99)
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Kinds)) {
		fmt.Fprintf(w, "%-13s %9d × %s\n", "", p.Kinds[kind], kind)
	}
}

// keep appends the report to a history of JSON lines.
func (r *report) keep(file string) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
