package gateway_test

import (
	"time"

	"penstock/loop/looptest"
	"penstock/server/gateway"
)

// actionRow is something that the operator does.
type actionRow struct {
	name   string
	chance int  // percent of schedules
	calm   bool // no request may fail for it
	do     func(r *rig)
}

// actions are all of them: a new one is an entry here.
var actions = []actionRow{
	{"reloads what there is", 8, true, func(r *rig) {
		p := *r.pol
		r.swap(&p)
	}},
	{"reloads all anew", 10, true, func(r *rig) { r.reload("alpha", "beta") }},
	{"reloads, one after the other", 4, true, func(r *rig) {
		for i := range 4 {
			r.w.After(time.Duration(i)*r.w.RNG.Duration(0, 5*time.Millisecond), func() { r.reload("alpha", "beta") })
		}
	}},
	{"adds a provider", 8, true, func(r *rig) { r.reload("alpha", "beta", "gamma") }},
	{"puts providers in another order", 4, true, func(r *rig) { r.reload("beta", "gamma", "alpha") }},
	{"takes one away", 6, false, func(r *rig) {
		r.reloaded = true
		r.reload([]string{"alpha", "beta"}[r.w.RNG.Intn(2)])
	}},
	{"takes one away and brings it back", 4, false, func(r *rig) {
		r.reloaded = true
		r.reload("beta")
		r.w.After(r.w.RNG.Duration(0, 400*time.Millisecond), func() { r.reload("alpha", "beta") })
	}},
	{"drains", 6, false, func(r *rig) {
		r.drained = true
		r.host.Do(0, r.g.Drain)
	}},
	{"drains and cuts", 5, false, func(r *rig) {
		r.drained = true
		r.host.Do(0, r.g.Drain)
		r.w.After(r.w.RNG.Duration(0, 3*time.Second), func() {
			r.cut = true
			r.host.Do(0, r.g.Cut)
		})
	}},
}

// reload takes a configuration with these providers, all of whose connections are new.
func (r *rig) reload(names ...string) {
	p := policyOf(names...)
	p.Retry, p.KeepAlive, p.RequestsPerLoop, p.MemoryPerLoop = r.pol.Retry, r.pol.KeepAlive, r.pol.RequestsPerLoop, r.pol.MemoryPerLoop
	r.swap(p)
}

// draws makes a policy what a schedule wants of it.
func draws(rng *looptest.RNG) func(*gateway.Policy) {
	return func(p *gateway.Policy) {
		if rng.Chance(20) {
			p.KeepAlive = 0
		}
		if rng.Chance(20) {
			p.RequestsPerLoop = rng.Between(1, 6)
		}
		if rng.Chance(5) {
			p.MemoryPerLoop = int64(rng.Between(100, 400)) << 10
		}
		p.Retry.Timeout = rng.Chance(30)
		switch {
		case rng.Chance(20):
			p.Retry.Attempts = 1
		case rng.Chance(20):
			p.Retry.Reset = false
		case rng.Chance(10):
			p.Retry.Connect = false
		}
	}
}
