package upstream

import (
	"net"
	"testing"

	"penstock/loop"
	"penstock/upstream/stream"
)

// gatedDialer dials as the one within does, once the gate is open, or fails.
type gatedDialer struct {
	within Dialer
	held   []func(fail bool)
	closed bool // the gate
}

func (d *gatedDialer) Dial(l *loop.Loop, p *Provider, h loop.Handler, done func(Dialed)) {
	if !d.closed {
		d.within.Dial(l, p, h, done)
		return
	}
	d.held = append(d.held, func(fail bool) {
		if fail {
			done(Dialed{Failure: stream.Failure{Kind: stream.KindConnect, Cause: net.ErrClosed}})
			return
		}
		d.within.Dial(l, p, h, done)
	})
}

// freshRig has one idle connection that has served a request, a ticket that wants a fresh one, and its dial, which is held.
func freshRig(t *testing.T) (*rig, *gatedDialer, *call) {
	s, _ := provider(t, false, false, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeHTTP1})
	r.want(r.get("/first", nil), 200, "/first over HTTP/1.1")
	d := &gatedDialer{within: r.dialer, closed: true}
	c := &call{done: make(chan struct{})}
	p := r.pool.Provider
	c.ticket.Sink, c.ticket.Fresh = c, true
	c.ticket.Request = stream.Request{Block: &stream.Block{Method: "GET", Scheme: p.Scheme, Authority: p.Authority, Path: "/fresh"}, BodyBytes: -1}
	r.on(func() {
		r.pool.dialer = d
		if f := r.pool.Open(&c.ticket); f != nil {
			t.Error(f)
		}
	})
	r.on(func() {
		if len(d.held) != 1 || c.ticket.OnConnection() {
			t.Errorf("%d dials", len(d.held))
		}
	})
	return r, d, c
}

// TestFreshWaitsInNobodysWay: a request that waits for a fresh connection does not keep others from the connections that are free.
func TestFreshWaitsInNobodysWay(t *testing.T) {
	r, d, c := freshRig(t)
	for range 3 {
		on := false
		next := r.get("/next", nil)
		r.on(func() { on = next.ticket.OnConnection() || next.status != 0 })
		if !on {
			t.Fatal("the request waits although a connection is free")
		}
		r.want(next, 200, "/next over HTTP/1.1")
	}
	r.on(func() {
		d.closed = false
		d.held[0](false)
	})
	r.want(c, 200, "/fresh over HTTP/1.1")
	r.on(func() {
		if n := len(r.pool.conns); n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

// TestFreshTakesWhatThereIsAfterAFailedDial: who waits for a fresh connection goes on with another one where none can be made.
func TestFreshTakesWhatThereIsAfterAFailedDial(t *testing.T) {
	r, d, c := freshRig(t)
	r.on(func() { d.held[0](true) })
	on := false
	r.on(func() { on = c.ticket.OnConnection() || c.status != 0 })
	if !on {
		t.Fatal("the request waits for nothing")
	}
	r.want(c, 200, "/fresh over HTTP/1.1")
}

// canceller is a sink that gives another request up when its own fails.
type canceller struct {
	call
	other *Ticket
}

func (c *canceller) OnFail(f stream.Failure) {
	c.other.Cancel()
	c.call.OnFail(f)
}

// TestCancelWhileAllFail: of two requests that are to fail, one gives the other up.
func TestCancelWhileAllFail(t *testing.T) {
	r := newRig(t, Settings{BaseURL: "http://127.0.0.1:9", Mode: ModeHTTP1})
	d := &gatedDialer{within: r.dialer, closed: true}
	a, b := &canceller{call: call{done: make(chan struct{})}}, &call{done: make(chan struct{})}
	a.ticket.Sink, b.ticket.Sink, a.other = a, b, &b.ticket
	b.ticket.Class = 3
	panics := uint64(0)
	r.on(func() {
		r.pool.dialer = d
		for _, k := range []*Ticket{&a.ticket, &b.ticket} {
			if f := r.pool.Open(k); f != nil {
				t.Error(f)
			}
		}
	})
	r.loop.PostOffLoop(func() { // not on: it would not return where this panics
		for _, end := range d.held {
			end(true)
		}
	})
	r.on(func() { panics = r.loop.Stats().Panics })
	if panics != 0 {
		t.Fatalf("%d panics", panics)
	}
	<-a.done
	if b.failure != nil || b.ticket.in != nil {
		t.Fatalf("the request that was given up got %v", b.failure)
	}
}

// TestAllWarmConnectionsComeBack: after an outage every warm connection is restored, not the one alone that found out that it is over.
func TestAllWarmConnectionsComeBack(t *testing.T) {
	s, _ := provider(t, false, true, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C})
	d := &gatedDialer{within: r.dialer, closed: true}
	r.on(func() {
		r.pool.dialer, r.pool.Provider.Warm = d, 3
		r.pool.keepWarm()
		for _, end := range d.held {
			end(true)
		}
		d.closed = false
	})
	until(t, "warm connections are missing", func() (all bool) {
		r.on(func() { all = len(r.pool.conns) == 3 })
		return all
	})
}
