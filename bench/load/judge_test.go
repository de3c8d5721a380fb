package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"penstock/bench/stand"
)

func TestJudge(t *testing.T) {
	test := func(scenarioName string, p paced, sheds, wantFault bool) {
		t.Helper()
		r := &run{report: &report{}, scenario: &scenario{name: scenarioName}}
		r.judge(&p, sheds)
		if got := len(r.Faults) > 0; got != wantFault {
			t.Errorf("%s, %+v: faults %v", scenarioName, p, r.Faults)
		}
	}
	test("smoke", paced{Requests: 100_000, OK: 100_000}, false, false)
	test("smoke", paced{Requests: 100_000, OK: 99_999, Errors: 1}, false, true)
	test("load", paced{Requests: 100_000, OK: 99_990, Errors: 10}, false, false)
	test("load", paced{Requests: 100_000, OK: 99_989, Errors: 11}, false, true)
	test("load", paced{Requests: 100_000, OK: 90_000, Shed: 10_000}, false, true)
	test("stress", paced{Requests: 100_000, OK: 90_000, Shed: 10_000}, true, false)
	test("stress", paced{Requests: 100_000, OK: 90_000, Errors: 10_000}, true, true)
	test("stress", paced{Requests: 100_000, Shed: 100_000}, true, true)
}

func TestGrowth(t *testing.T) {
	test := func(name string, rss func(i int) int64, files func(i int) int, wantFault string) {
		t.Helper()
		w := new(watch)
		for i := range samples {
			w.rss, w.files = append(w.rss, rss(i)), append(w.files, files(i))
		}
		r := &report{Memory: map[string]float64{}}
		w.judge(r)
		if wantFault == "" && len(r.Faults) > 0 || wantFault != "" && !slices.ContainsFunc(r.Faults, func(s string) bool { return strings.HasPrefix(s, wantFault) }) {
			t.Errorf("%s: %v", name, r.Faults)
		}
	}
	still := func(int) int { return 400 }
	test("flat", func(int) int64 { return 100 << 20 }, still, "")
	test("swings", func(i int) int64 { return int64(80+40*(i%2)) << 20 }, still, "")
	test("warms up", func(i int) int64 { return int64(min(20+20*i, 100)) << 20 }, still, "")
	test("leaks", func(i int) int64 { return int64(100+i) << 20 }, still, "memory grew")
	test("leaks descriptors", func(int) int64 { return 100 << 20 }, func(i int) int { return 400 + 5*i }, "open files")
}

func TestRecovered(t *testing.T) {
	r := &run{report: &report{}, scenario: &scenario{}}
	r.recovered(&stand.Tally{Windows: []stand.Window{
		{OK: 90, Shed: 10, P99: time.Millisecond}, {OK: 100, P99: time.Second}, {OK: 100, P99: 20 * time.Millisecond},
	}}, 3*time.Second)
	if r.Recovery != 3 || len(r.Missed) > 0 {
		t.Errorf("recovered in second %v: %v", r.Recovery, r.Missed)
	}
	r.Recovery = 0
	r.recovered(&stand.Tally{Windows: []stand.Window{{OK: 1, P99: time.Second}}}, time.Second)
	if len(r.Missed) != 1 {
		t.Error("not recovered, and nothing said")
	}
}
