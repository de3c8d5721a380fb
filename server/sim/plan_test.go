package sim

import (
	"strings"
	"testing"
	"time"
)

func TestKnobs(t *testing.T) {
	base := Options{}
	good := func(knobs string, want func(p *plan)) {
		t.Helper()
		p, q := base.plan(), base.plan()
		if err := p.apply(knobs); err != nil {
			t.Errorf("%q: %v", knobs, err)
			return
		}
		want(&q)
		if p != q {
			t.Errorf("%q: got %+v, want %+v", knobs, p, q)
		}
	}
	good("", func(*plan) {})
	good("ttft=50ms", func(p *plan) { p.ttft = 50 * time.Millisecond })
	good("latency=1s&tokens=0", func(p *plan) { p.latency, p.tokens = time.Second, 0 })
	good("tps=100", func(p *plan) { p.interval = 10 * time.Millisecond })
	good("tps=0", func(p *plan) { p.interval = 0 })
	good("error=429", func(p *plan) { p.status = 429 })
	good("error=quota", func(p *plan) { p.status, p.quota = 429, true })
	good("reset=5", func(p *plan) { p.end, p.after = endReset, 5 })
	good("close=0", func(p *plan) { p.end = endClose })
	good("stall=2&retry=7", func(p *plan) { p.end, p.after, p.retryAfter = endStall, 2, 7 })
	good("cut=1", func(p *plan) { p.end, p.after = endCut, 1 })
	good("fail=1", func(p *plan) { p.end, p.after = endFail, 1 })
	good("badjson&goaway&echo&stamp", func(p *plan) { p.badJSON, p.last, p.echo, p.stamp = true, true, true, true })
	good("badjson=0", func(*plan) {})
	good("tool=2&dims=8&bytes=99&", func(p *plan) { p.calls, p.dimensions, p.tokenBytes = 2, 8, 99 })
	for _, knobs := range []string{
		"nope=1", "ttft=50", "ttft=-1s", "ttft=48h", "tokens=-1", "tokens=x", "tokens=9999999", "tps=-1", "tps=NaN", "error=200",
		"error=600", "reset=x", "dims=0", "bytes=100000", "tool=99",
	} {
		p := base.plan()
		if p.apply(knobs) == nil {
			t.Errorf("%q is taken", knobs)
		}
	}
}

func TestOptionsMakeThePlan(t *testing.T) {
	o := Options{Latency: 1, TTFT: 2, TokensPerSecond: 1000, Tokens: 7}
	p := o.plan()
	if p.latency != 1 || p.ttft != 2 || p.interval != time.Millisecond || p.tokens != 7 || p.calls != -1 {
		t.Fatalf("%+v", p)
	}
	if d := Demo(); d.TTFT != 150*time.Millisecond || d.TokensPerSecond != 40 {
		t.Fatalf("%+v", d)
	}
}

// Every knob that the usage text names is one, and it names them all.
func TestUsageIsComplete(t *testing.T) {
	named := 0
	for _, line := range strings.Split(Usage(), "\n") {
		knob, ok := strings.CutPrefix(line, "  ")
		if !ok {
			continue
		}
		knob, _, _ = strings.Cut(knob, " ")
		named++
		p := (&Options{}).plan()
		if err := p.apply(knob); err != nil {
			t.Errorf("%q is in the text and no knob", knob)
		}
	}
	if named != 18 {
		t.Errorf("%d knobs are named", named)
	}
}

func FuzzKnobs(f *testing.F) {
	for _, s := range []string{"ttft=1ms&tps=3", "error=quota", "&&=", "tokens=1&tokens=2", "stall", "tps=1e400"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, knobs string) {
		p := (&Options{}).plan()
		if p.apply(knobs) != nil {
			return
		}
		if p.tokens < 0 || p.tokens > tokensLimit || p.interval < 0 || p.after < 0 || p.latency < 0 || p.ttft > delayLimit ||
			p.status != 0 && (p.status < 400 || p.status > 599) || p.tokenBytes > tokenBytesLimit {
			t.Fatalf("%q makes %+v", knobs, p)
		}
	})
}
