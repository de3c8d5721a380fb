package gateway_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/server/gateway"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// usualSeeds is how many schedules run where nobody asks for more.
const usualSeeds = 1000

// keptSeeds failed once.
var keptSeeds = []uint64{}

func TestSimulationGateway(t *testing.T) {
	total := map[int]int{}
	looptest.Seeds(t, usualSeeds, keptSeeds, func(seed uint64) error {
		r, users := schedule(seed)
		err := r.simulate(users)
		for _, u := range users {
			for s, n := range u.statuses {
				total[s] += n
			}
		}
		return err
	})
	t.Logf("answers by status: %v", total)
}

// schedule draws a gateway, its providers and its clients from a seed.
func schedule(seed uint64) (*rig, []*user) {
	r := newRig(seed, func(p *gateway.Policy) {
		rng := looptest.NewRNG(seed ^ 0xABCD)
		if rng.Chance(20) {
			p.KeepAlive = 0
		}
		if rng.Chance(20) {
			p.RequestsPerLoop = rng.Between(1, 6)
		}
		if rng.Chance(20) {
			p.Retry.Attempts = 1
		}
	})
	rng := r.w.RNG
	r.calm = rng.Chance(25)
	r.timed = rng.Chance(70)
	if r.calm {
		r.pol.RequestsPerLoop = 0
	}
	for _, name := range []string{"alpha", "beta"} {
		t := r.d.targets[name]
		t.link = func() looptest.Link {
			l := r.link()
			if l.Split == looptest.SplitBytes && (r.calm || rng.Chance(70)) {
				l.Split = looptest.SplitRandom
			}
			return l
		}
		if r.calm {
			continue
		}
		t.delay = func() time.Duration { return rng.Duration(0, 20*time.Millisecond) }
		t.failure = func() stream.Kind {
			if rng.Chance(10) {
				return []stream.Kind{stream.KindConnect, stream.KindResolve, stream.KindTLS}[rng.Intn(3)]
			}
			return stream.KindNone
		}
	}
	var users []*user
	number := uint32(0)
	for range rng.Between(1, 8) {
		l := r.link()
		var qs []*request
		for range rng.Between(1, 6) {
			number++
			size := byte('s')
			if l.Split != looptest.SplitBytes && rng.Chance(8) {
				size = 'B'
			}
			k := kind(rng.Intn(int(kindHead)))
			switch {
			case rng.Chance(10):
				k = kind(rng.Intn(int(kinds)))
			case l.Split == looptest.SplitBytes:
				k = kind(rng.Intn(int(kindTooLarge)))
			}
			if (k == kindTooLarge || k == kindTooLargeChunked) && l.Split == looptest.SplitBytes {
				k = kindChat
			}
			model := []string{"m-alpha", "m-beta", "both"}[rng.Intn(3)]
			qs = append(qs, newRequest(k, model, makeToken(size, number+uint32(rng.Intn(1000))<<12)))
		}
		u := newUser(r, l, qs)
		u.pipelined = rng.Chance(40)
		if rng.Chance(30) {
			u.thinks = 500 * time.Millisecond
		}
		r.w.After(rng.Duration(0, 300*time.Millisecond), u.begin)
		if !r.calm && rng.Chance(35) {
			how := rng.Intn(3)
			r.w.After(rng.Duration(0, 2*time.Second), func() { u.leave(how) })
		}
		if rng.Chance(20) { // a slow reader
			for range 3 {
				at := rng.Duration(0, time.Second)
				r.w.After(at, u.e.Pause)
				r.w.After(at+rng.Duration(0, time.Second), u.e.Resume)
			}
		}
		users = append(users, u)
	}
	return r, users
}

// link draws a connection; where all has to go well it is not so narrow that a timer ends what is on it.
func (r *rig) link() looptest.Link {
	l := r.w.DrawLink()
	if r.calm {
		l.BufferBytes, l.MaxDelay = max(l.BufferBytes, 8<<10), min(l.MaxDelay, time.Millisecond)
	}
	return l
}

// simulate runs the clients to their end and checks what has to hold.
func (r *rig) simulate(users []*user) error {
	all := func() bool {
		if len(r.bad) > 0 {
			return true
		}
		for _, u := range users {
			if !u.done() && u.answers < len(u.requests) {
				return false
			}
		}
		return true
	}
	if !r.w.Run(4*time.Minute, all) {
		for i, u := range users {
			if !u.done() && u.answers < len(u.requests) {
				r.fail("client %d has %d answers to %d requests after four minutes (kind %d)", i, u.answers, u.next, u.requests[u.answers].kind)
			}
		}
	}
	if err := r.err(); err != nil {
		return err
	}
	for i, u := range users {
		if u.left {
			continue
		}
		if len(u.in) > 0 && u.cur == nil && !u.over {
			r.fail("client %d got more than its answers: %q", i, u.in)
		}
		if r.calm && !u.closing && u.answers < len(u.requests) {
			r.fail("client %d was left with %d answers to %d requests", i, u.answers, len(u.requests))
		}
		u.e.Resume()
		u.e.Close()
		u.left = true
	}
	err := r.end()
	if err == nil {
		err = r.checkCost(users)
	}
	return err
}

// checkCost compares what the gateway has counted with what clients have got and what providers have sent.
func (r *rig) checkCost(users []*user) error {
	var least, most, got [2]uint64
	for _, u := range users {
		least[0] += u.cost[0]
		least[1] += u.cost[1]
	}
	for _, a := range r.asks {
		if a.cost {
			most[0] += uint64(inputTokens(a.token))
			most[1] += uint64(outputTokens(a.token))
		}
	}
	r.g.Counters.EachProvider(func(_ string, p *observe.ProviderStats) {
		got[0] += p.Input
		got[1] += p.Output
	})
	for i := range got {
		if got[i] < least[i] || got[i] > most[i] {
			return fmt.Errorf("tokens counted: %v, at least %v and at most %v were used", got, least, most)
		}
	}
	return nil
}

// TestSimulationFindsPlantedFaults shows that the oracle is awake: each of these has to be found in a few schedules.
func TestSimulationFindsPlantedFaults(t *testing.T) {
	var kept string
	for name, planted := range map[string]func(*ask, []byte) []byte{
		"the answer to another": func(a *ask, b []byte) []byte {
			if kept == "" {
				kept = a.token
			}
			return bytes.ReplaceAll(b, []byte(a.token), []byte(kept))
		},
		"a chunk twice": func(a *ask, b []byte) []byte {
			if !a.stream {
				return b
			}
			i := bytes.Index(b, []byte("\n\n")) + 2
			return append(append([]byte(nil), b[:i]...), b...)
		},
		"a chunk lost": func(a *ask, b []byte) []byte {
			if i := bytes.Index(b, []byte("#1")); a.stream && i > 0 {
				return b[bytes.Index(b, []byte("\n\n"))+2:]
			}
			return b
		},
		"usage twice": func(a *ask, b []byte) []byte {
			return []byte(strings.Replace(string(b), `"completion_tokens":`, `"completion_tokens":1`, 1))
		},
	} {
		found := false
		for seed := uint64(1); seed <= 50 && !found; seed++ {
			kept = ""
			r, users := schedule(seed)
			r.planted = planted
			found = r.simulate(users) != nil
		}
		if !found {
			t.Errorf("nothing was found in 50 schedules with %s", name)
		}
	}
}
