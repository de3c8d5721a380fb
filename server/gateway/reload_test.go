package gateway_test

import (
	"bytes"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/server/gateway"
	"penstock/upstream"
)

// An exchange that began before a reload ends well, on the connections of the providers that it began with, whether the new
// configuration has them, has others under their names, or has none. Pools that nobody uses any more end.
func TestReloadInTheMiddleOfAnExchange(t *testing.T) {
	for _, gone := range []bool{false, true} {
		testReload(t, gone)
	}
}

func testReload(t *testing.T, gone bool) {
	for _, model := range []string{"m-alpha", "m-beta"} {
		for _, k := range []kind{kindChat, kindStream} {
			r := calmRig(nil)
			q := newRequest(k, model, makeToken('s', 3<<12|5))
			for at := 1; at < len(q.wire); at += 37 {
				u := newUser(r, looptest.Link{}, []*request{q})
				u.next = 1
				u.e.Write(q.wire[:len(q.wire)-at])
				r.w.Pass(time.Millisecond)
				began := r.g.Open() > 0
				r.host.Do(0, func() {
					r.pol = newPolicy()
					for _, p := range r.pol.Providers {
						if gone {
							p.Name += "-of-another-kind"
						}
					}
					r.g.Swap(r.pol)
				})
				r.w.Pass(time.Millisecond)
				u.e.Write(q.wire[len(q.wire)-at:])
				if began && (!r.w.Run(time.Second, func() bool { return u.answers == 1 }) || u.statuses[200] != 1) {
					t.Fatalf("%s, kind %s, %d bytes after the reload: %v", model, k, at, u.statuses)
				}
				u.leave(0)
				r.w.Pass(time.Second)
				r.g.Pools(func(up *upstream.Provider, pl *upstream.Pool) {
					if up != r.pol.Providers[up.Index].Up {
						t.Fatalf("a pool of an older configuration is left")
					}
				})
			}
			r.ids = map[string]bool{}
			if err := r.end(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A new bound of heads holds for the next request on a connection that was open before the reload.
func TestReloadOfHeadLimitsReachesOpenConnections(t *testing.T) {
	r := calmRig(nil)
	seen := &transcript{}
	e := r.connect(looptest.Link{}, seen)
	e.Write(newRequest(kindModels, "", makeToken('s', 1)).wire)
	r.w.Pass(10 * time.Millisecond)
	if !bytes.HasPrefix(seen.got, []byte("HTTP/1.1 200 ")) {
		t.Fatalf("got %q", seen.got)
	}
	next := *r.pol
	next.Head.HeadBytes = 40
	r.host.Do(0, func() { r.g.Swap(&next) })
	r.w.Pass(time.Millisecond)
	seen.got = nil
	e.Write(newRequest(kindModels, "", makeToken('s', 2)).wire)
	r.w.Pass(10 * time.Millisecond)
	if !bytes.HasPrefix(seen.got, []byte("HTTP/1.1 431 ")) {
		t.Errorf("got %q", seen.got)
	}
	e.Close()
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// Requests take turns over a provider's base URLs and over its keys, also where there are as many of one as of the other.
func TestReplicasTakeTurns(t *testing.T) {
	r := calmRig(nil)
	set := upstream.Settings{Name: "alpha", BaseURL: "http://alpha.test/v1", Mode: upstream.ModeH2C, Max: 4, StreamWindowBytes: 64 << 10}
	var replicas []*gateway.Provider
	hits := make([]int, 2)
	for i := range 2 {
		set.Name = []string{"one", "two"}[i]
		up := must(upstream.NewProvider(set))
		p := gateway.NewProvider(up, [3]bool{true, true}, []gateway.Credential{{Secret: "a-provider-key", Weight: 1}, {Secret: "b-provider-key", Weight: 1}}, nil, "")
		replicas = append(replicas, p)
		was := *r.d.targets["alpha"]
		accept := was.accept
		was.accept = func(e *looptest.End) {
			hits[i]++ // one connection per replica: counts those that were used
			accept(e)
		}
		r.d.targets[set.Name] = &was
	}
	next := *r.pol
	whole := *replicas[0]
	whole.Replicas = replicas
	next.Providers = []*gateway.Provider{&whole, r.pol.Providers[1]}
	r.host.Do(0, func() { r.g.Swap(&next) })
	var qs []*request
	for n := range uint32(8) {
		qs = append(qs, newRequest(kindChat, "m-alpha", makeToken('s', n<<12)))
	}
	u := newUser(r, looptest.Link{}, qs)
	u.begin()
	if !r.w.Run(time.Second, func() bool { return u.answers == len(qs) }) {
		t.Fatal("no answers")
	}
	for i, n := range hits {
		if n == 0 {
			t.Errorf("replica %d got nothing", i)
		}
	}
	if err := r.simulate([]*user{u}); err != nil {
		t.Fatal(err)
	}
}

// A probe that sends its requests and the end of its sending in one go gets the answers that the gateway makes by itself.
func TestAnswersBeforeEndOfSending(t *testing.T) {
	for _, pipelined := range []int{1, 3} {
		r := calmRig(nil)
		var qs []*request
		for range pipelined {
			qs = append(qs, newRequest(kindModels, "", makeToken('s', 1)))
		}
		u := newUser(r, looptest.Link{}, qs)
		u.pipelined = true
		u.begin()
		u.e.Shutdown()
		r.w.Pass(time.Second)
		if u.answers != pipelined {
			t.Errorf("%d answers to %d requests", u.answers, pipelined)
		}
		if err := r.simulate([]*user{u}); err != nil {
			t.Error(err)
		}
	}
}
