package gateway_test

import (
	"time"

	"penstock/server/gateway"
	"penstock/server/observe"
)

const (
	streamWindow   = 64 << 10
	responseBuffer = 64 << 10

	// queueBound is what may wait for one client: what a provider may send before it is held back (a stream window on HTTP/2, on
	// HTTP/1.1 the response buffer and one more read), a write batch that was being filled when the socket refused bytes, and the
	// beginning of an event that is kept back; an eighth for heads and chunk sizes.
	queueBound = (responseBuffer + 64<<10 + 64<<10 + 64<<10) * 9 / 8

	// crumbs is how much more it may be where a provider's bytes come one by one: each is a chunk of six then.
	crumbs = 6

	// keptBound is what of later requests may be kept: pipelineBytes, and one read.
	keptBound = 64<<10 + 64<<10

	// tickSlack is how late a timer may be.
	tickSlack = 5 * time.Millisecond
)

// tally is tokens, input and output.
type tally [2]uint64

func (t *tally) add(token string, op *operation) {
	t[0] += uint64(inputTokens(token))
	if op.name != "embeddings" { // which tells of no output
		t[1] += uint64(outputTokens(token))
	}
}

// check is what has to hold after every step.
func (r *rig) check() {
	g := r.g
	if g == nil || len(r.bad) > 0 {
		return
	}
	clients, exchanges, running, admitted := 0, 0, 0, 0
	g.Look(func(l *gateway.Look) {
		clients++
		if l.Exchange {
			exchanges++
		}
		if l.Running {
			running++
		}
		if l.Admitted {
			admitted++
		}
		switch {
		case l.Exchange && l.Age > r.longest+tickSlack:
			r.fail("an exchange is %v old, beyond its total timeout", l.Age)
		case l.Open && !l.Timed:
			r.fail("a connection or its exchange waits without a timer: %+v", *l)
		case l.Queued > queueBound && (!r.crumbs || l.Queued > crumbs*queueBound):
			r.fail("%d bytes wait for a client, %d may", l.Queued, queueBound)
		case l.Kept > keptBound:
			r.fail("%d bytes of requests are kept, %d may be", l.Kept, keptBound)
		}
	})
	if clients != g.Clients() || exchanges != g.Open() {
		r.fail("%d connections and %d exchanges are counted, %d and %d there are", g.Clients(), g.Open(), clients, exchanges)
	}
	if all, byKey := g.Admitted(); all != admitted || byKey != admitted {
		r.fail("%d requests are in flight, the admission knows of %d, %d by key", admitted, all, byKey)
	}
	if bound := r.pol.RequestsPerLoop; bound > 0 && admitted > bound+max(bound/8, 1) {
		r.fail("%d requests are in flight where %d may be", admitted, bound)
	}
	conns, tickets := 0, 0
	r.notePools()
	for _, pl := range r.pools {
		s := pl.Stats()
		conns += s.Conns
		tickets += s.Active + s.Waiting
	}
	if tickets != running {
		r.fail("%d exchanges are at a provider, pools know of %d", running, tickets)
	}
	if n := r.host.Loop.Conns(); n != clients+conns {
		r.fail("%d connections are open, %d of clients and %d to providers", n, clients, conns)
	}
	if done := r.accounted(); done != g.Begun()-uint64(exchanges) {
		r.fail("%d exchanges are accounted, %d have ended", done, g.Begun()-uint64(exchanges))
	}
	if used := r.used(); used[0] > r.most[0] || used[1] > r.most[1] {
		r.most = tally{}
		for _, a := range r.asks {
			if a.cost && a.op.counts {
				r.most.add(a.token, a.op)
			}
		}
		if used[0] > r.most[0] || used[1] > r.most[1] {
			r.fail("tokens counted: %v, at most %v were used", used, r.most)
		}
	}
}

// accounted is how many exchanges were written down.
func (r *rig) accounted() uint64 {
	c := r.g.Counters
	n := c.Key(-1).Requests
	for i := range c.Dims().Keys {
		n += c.Key(i).Requests
	}
	return n
}

// used is the usage that was counted.
func (r *rig) used() (t tally) {
	for i := range providers {
		p := r.g.Counters.Upstream(i)
		t[0] += p.Input
		t[1] += p.Output
	}
	return t
}

// checkCounts compares, when all is over, what the gateway has counted with what clients have got.
func (r *rig) checkCounts() {
	c := r.g.Counters
	var least, byKey tally
	byStatus := map[int]uint64{}
	total := uint64(0)
	c.EachEndpoint(func(_ string, e *observe.EndpointStats) {
		e.EachStatus(func(status int, n uint64) {
			byStatus[status] += n
			total += n
		})
	})
	if n := r.accounted(); total != n {
		r.fail("%d requests are counted by status, %d by key", total, n)
	}
	sent := uint64(0)
	for _, u := range r.users {
		sent += uint64(u.next) + 1 // a head that was begun
		for i, n := range u.paid {
			least[i] += n
		}
		for s, n := range u.statuses {
			byStatus[s] -= uint64(n)
		}
	}
	for s, n := range byStatus {
		// Elsewhere a client may have all of an answer whose provider, it turns out, never ends it.
		if r.calm && int64(n) < 0 {
			r.fail("%d answers with status %d are counted less than clients have got", -int64(n), s)
		}
	}
	if r.seen != nil && total > sent {
		r.fail("%d requests are counted, %d were sent", total, sent)
	}
	c.EachKey(func(_ string, k *observe.KeyStats) {
		byKey[0] += k.Input
		byKey[1] += k.Output
	})
	if used := r.used(); byKey != used {
		r.fail("tokens counted by key: %v, by provider: %v", byKey, used)
	}
	for i, n := range r.used() {
		if n < least[i] {
			r.fail("tokens counted: %v, at least %v were used", r.used(), least)
		}
	}
}
