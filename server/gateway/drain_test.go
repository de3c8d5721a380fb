package gateway_test

import (
	"testing"
	"time"

	"penstock/loop/looptest"
)

// While draining, a connection that is used hears from an answer that it ends; one that is not closes when it has been silent for long
// enough that a request is unlikely to be on its way.
func TestDrainOfIdleConnections(t *testing.T) {
	r := calmRig(nil)
	ask := func(u *user) {
		t.Helper()
		n := u.answers
		u.begin()
		if !r.w.Run(time.Second, func() bool { return u.answers > n }) {
			t.Fatal("no answer")
		}
	}
	some := func(n int) (qs []*request) {
		for i := range n {
			qs = append(qs, newRequest(kindModels, "", makeToken('s', uint32(i)<<12)))
		}
		return qs
	}
	long, fresh, used := newUser(r, looptest.Link{}, some(1)), newUser(r, looptest.Link{}, some(1)), newUser(r, looptest.Link{}, some(1))
	r.w.Pass(time.Millisecond)
	ask(long)
	r.w.Pass(4500 * time.Millisecond)
	ask(fresh)
	ask(used)
	r.host.Do(0, r.g.Drain)
	r.w.Pass(900 * time.Millisecond)
	if long.over || fresh.over || used.over {
		t.Error("a connection closes before requests on their way can have come")
	}
	r.w.Pass(300 * time.Millisecond)
	if !long.over || fresh.over || used.over {
		t.Errorf("after more than five seconds of silence: %v, after one: %v, %v", long.over, fresh.over, used.over)
	}
	r.w.Pass(2 * time.Second)
	used.requests = append(used.requests, some(2)[1])
	ask(used)
	r.w.Pass(time.Millisecond)
	if !used.closing || !used.over {
		t.Errorf("the answer says that the connection ends: %v; it does: %v", used.closing, used.over)
	}
	r.w.Pass(1500 * time.Millisecond)
	if fresh.over {
		t.Error("a connection closes before it was silent for five seconds")
	}
	r.w.Pass(500 * time.Millisecond)
	if !fresh.over {
		t.Error("an idle connection stays")
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}
