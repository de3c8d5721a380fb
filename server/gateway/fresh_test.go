package gateway_test

import (
	"bytes"
	"testing"
	"time"

	"penstock/loop/looptest"
)

// TestFreshConnectionIsForOneRequest: a request that met a kept-alive connection which was just being closed asks for a new one. Its
// exchange serves other requests later, and those use what is open.
func TestFreshConnectionIsForOneRequest(t *testing.T) {
	r := calmRig(nil)
	dials := 0
	accept := r.d.targets["beta"].accept
	r.d.targets["beta"].accept = func(e *looptest.End) {
		dials++
		accept(e)
	}
	r.fateOf = func(*ask) fate {
		if len(r.asks) == 2 { // the second request, on the connection of the first
			return fateHangUp
		}
		return fateWell
	}
	seen := &transcript{}
	e := r.connect(looptest.Link{}, seen)
	ask := func(n uint32) {
		t.Helper()
		seen.got = nil
		e.Write(newRequest(kindChat, "m-beta", makeToken('s', n)).wire)
		r.w.Pass(100 * time.Millisecond)
		if !bytes.HasPrefix(seen.got, []byte("HTTP/1.1 200 ")) {
			t.Fatalf("request %d got %q", n, seen.got)
		}
	}
	ask(1)
	ask(2)
	if len(r.asks) != 3 {
		t.Fatalf("the provider saw %d requests, want one of them twice", len(r.asks))
	}
	before := dials
	for n := range uint32(10) {
		ask(3 + n)
	}
	if dials != before {
		t.Errorf("%d connections were opened for ten requests one after the other", dials-before)
	}
	e.Close()
	if err := r.end(); err != nil {
		t.Error(err)
	}
}
