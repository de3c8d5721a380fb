package gateway_test

import (
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
)

// coverage counts how often things happened in schedules.
type coverage struct{ n map[string]int }

func newCoverage() *coverage { return &coverage{n: map[string]int{}} }

func (c *coverage) add(what string) { c.n[what]++ }

// total is the coverage of many schedules, which may run side by side.
type total struct {
	mu sync.Mutex
	coverage
	schedules, steps int
}

func (t *total) take(c *coverage, steps int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.schedules++
	t.steps += steps
	for what, n := range c.n {
		t.n[what] += n
	}
}

// log prints the figures, a line for each kind of thing.
func (t *total) log(to testing.TB) {
	t.mu.Lock()
	defer t.mu.Unlock()
	groups := map[string][]string{}
	for what, n := range t.n {
		group, name, _ := strings.Cut(what, " ")
		groups[group] = append(groups[group], fmt.Sprintf("%s %d", name, n))
	}
	var names []string
	for group := range groups {
		names = append(names, group)
	}
	sort.Strings(names)
	to.Logf("%d schedules, %d steps", t.schedules, t.steps)
	for _, group := range names {
		sort.Strings(groups[group])
		to.Logf("%s: %s", group, strings.Join(groups[group], " · "))
	}
}

// demand fails where something has never happened: a schedule that does not draw it tests nothing of it.
func (t *total) demand(to testing.TB) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, what := range everything() {
		if t.n[what] == 0 {
			to.Errorf("in %d schedules this never happened: %s", t.schedules, what)
		}
	}
}

// everything is what has to happen in a run of the usual size.
func everything() []string {
	all := []string{"provider early", "error event", "answer cut"}
	for _, f := range fateNames {
		all = append(all, "provider "+string(f))
	}
	for i := range lineFaults {
		all = append(all, "line "+lineFaults[i].name)
	}
	for i := range dials {
		all = append(all, "dial "+dials[i].name)
	}
	for _, op := range operations {
		all = append(all, "operation "+op.name)
	}
	for _, k := range requestKinds {
		all = append(all, "request "+k.name)
	}
	for i := range habits {
		all = append(all, "client "+habits[i].name)
	}
	for i := range actions {
		all = append(all, "operator "+actions[i].name)
	}
	for _, s := range []int{200, 204, 304, 400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 431, 500, 501, 502, 503, 504, 505, 529} {
		all = append(all, fmt.Sprint("status ", s))
	}
	return all
}
