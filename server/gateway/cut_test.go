package gateway_test

import (
	"testing"
	"time"

	"penstock/loop/looptest"
)

// A client of HTTP/1.0 reads until the end of the connection. One that ends its own sending in the middle of a stream is given up, and
// gets a reset: a clean end would make the part that it has look like the whole.
func TestHalfCloseDoesNotEndAnEndlessBody(t *testing.T) {
	for _, narrow := range []bool{false, true} {
		r := calmRig(nil)
		r.calm = false
		r.fateOf = func(*ask) fate { return "stall after all but the end" }
		l := looptest.Link{}
		if narrow {
			l.BufferBytes = 256
		}
		u := newUser(r, l, []*request{newRequest(kindNamed("1.0 stream"), "m-alpha", makeToken('s', 1<<12|20))})
		u.e.Pause()
		u.begin()
		r.w.Pass(20 * time.Millisecond)
		u.e.Shutdown()
		r.w.Pass(20 * time.Millisecond)
		u.e.Resume()
		r.w.Pass(time.Second)
		if !u.over || u.answers != 0 {
			t.Errorf("narrow %v: over %v, %d answers were taken for whole", narrow, u.over, u.answers)
		}
		u.left = true
		if err := r.end(); err != nil {
			t.Error(err)
		}
	}
}

// A client that sends far more than it waits for is held back, whatever its requests are answered with: check looks, after each step, at
// what is kept.
func TestPipelinedRequestsAreKeptWithinBounds(t *testing.T) {
	for seed := range uint64(20) {
		r := newRig(seed+1, nil)
		r.calm, r.timed = true, true
		var qs []*request
		for n := range uint32(1000) {
			qs = append(qs, newRequest(kindChat, "both", makeToken('s', n<<12|199)))
		}
		u := newUser(r, looptest.Link{BufferBytes: 256 << 10, MaxDelay: time.Millisecond, Split: looptest.SplitRandom}, qs)
		u.pipelined = true
		u.begin()
		r.w.Run(time.Second, func() bool { return len(r.bad) > 0 || u.answers == len(qs) })
		u.leave(0)
		if err := r.end(); err != nil {
			t.Fatalf("seed %d: %v", seed+1, err)
		}
	}
}
