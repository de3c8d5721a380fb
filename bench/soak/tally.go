package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"penstock/bench/stand"
)

// faultsKept bounds how many faults are written down in words; all are counted.
const faultsKept = 100

// verdict is what became of one request.
type verdict struct {
	what  string // short: a column of the report
	fault string // why it is one, "" where it is none

	excusable bool // no connection, or none that lasted: where the machine stood still, timers had to end it
}

// lost is the verdict of what got no proper answer because the machine stood still.
const lost = "lost in a stall of the machine"

func fine(what string) verdict { return verdict{what: what} }

func fault(format string, args ...any) verdict {
	return verdict{what: "FAULT", fault: fmt.Sprintf(format, args...)}
}

// cannot is the fault of a client that did not get to its answer.
func cannot(what string, err error) verdict {
	v := fault("cannot %s: %v", what, err)
	v.excusable = true
	return v
}

// tally counts what became of all requests. Any thread.
type tally struct {
	mu      sync.Mutex
	kinds   map[string]map[string]int64 // by kind and verdict
	count   int64
	bad     int64
	unsent  int64 // due while too many were under way
	words   []string
	chat    stand.Histogram // of plain chats that were answered, and no event was on
	slowest map[string]time.Duration
	begun   time.Time
}

func newTally() *tally {
	return &tally{kinds: map[string]map[string]int64{}, slowest: map[string]time.Duration{}, begun: time.Now()}
}

// note counts one request of a kind.
func (t *tally) note(kind string, v verdict, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds[kind] == nil {
		t.kinds[kind] = map[string]int64{}
	}
	t.kinds[kind][v.what]++
	t.count++
	t.slowest[kind] = max(t.slowest[kind], took)
	if v.fault == "" {
		return
	}
	t.bad++
	if len(t.words) < faultsKept {
		t.words = append(t.words, fmt.Sprintf("%s after %v, at %s: %s", kind, took.Round(time.Millisecond), time.Since(t.begun).Round(time.Millisecond), v.fault))
	}
}

func (t *tally) answered(took time.Duration) {
	t.mu.Lock()
	t.chat.Record(took)
	t.mu.Unlock()
}

func (t *tally) dropped() {
	t.mu.Lock()
	t.unsent++
	t.mu.Unlock()
}

func (t *tally) totals() (requests, faults, unsent int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count, t.bad, t.unsent
}

// of is how many requests of all kinds had a verdict.
func (t *tally) of(what string) (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, row := range t.kinds {
		n += row[what]
	}
	return n
}

func (t *tally) faults() int64 {
	_, n, _ := t.totals()
	return n
}

// columns are the verdicts that occurred, in order of their names.
func (t *tally) columns() []string {
	var all []string
	for _, row := range t.kinds {
		for what := range row {
			if !slices.Contains(all, what) {
				all = append(all, what)
			}
		}
	}
	slices.Sort(all)
	return all
}
