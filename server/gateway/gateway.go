package gateway

import (
	"net/netip"
	"slices"

	"penstock/http1"
	"penstock/loop"
	"penstock/pool"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream"
	"penstock/upstream/stream"
)

// Deps is what a Gateway is given.
type Deps struct {
	Dialer upstream.Dialer
	// Clock reads a monotonic clock in ns, for stage timings within one poll batch.
	Clock func() int64
	// Lane takes the access log's lines; nil for none.
	Lane *observe.LogLane
	// Lookups reads how many questions were put to DNS and how many failed, for the whole process; nil for none. Safe on the loop.
	Lookups func() (asked, failed uint64)
	// Seed makes request ids differ between processes and loops.
	Seed [2]uint64
}

// Gateway is one loop's share of the gateway. Loop thread only.
type Gateway struct {
	Counters *observe.Loop

	loop   *loop.Loop
	deps   Deps
	policy *Policy
	pools  map[*upstream.Provider]*upstream.Pool
	state  *route.State
	// elder are policies before this one that exchanges still go by: their providers' pools stay as well.
	elder []*Policy

	head      http1.Head // of the request being parsed
	date      http1.DateCache
	ids       ids
	exchanges pool.List[exchange]
	clients   clientList
	turn      int // of provider keys
	replica   int // of base URLs: a count of its own, or both would turn in step
	seq       uint64
	sweep     loop.Timer
	admission admission
	draining  bool
	drainAt   int64
	open      int // exchanges in flight
	entry     observe.Entry
	pass      []stream.Field // of the request being begun: what goes on to the provider
	names     []byte         // their names in lower case
	scratch   []byte         // for bodies that are built before they are written
	remote    []byte
}

// New makes the gateway of a loop.
func New(l *loop.Loop, p *Policy, d Deps) *Gateway {
	g := &Gateway{loop: l, deps: d, pools: map[*upstream.Provider]*upstream.Pool{}, ids: ids{d.Seed[0], d.Seed[1]}}
	g.exchanges.Keep = 1024
	g.Counters = observe.NewLoop(p.Dims)
	g.sweep.Init(g)
	l.Arm(&g.sweep, sweepEvery)
	l.OnBatch = g.batch
	g.Swap(p)
	return g
}

// batch notes how long the last event of a poll batch had to wait.
func (g *Gateway) batch(events int, lag int64) {
	g.Counters.LoopLag.Record(lag)
	g.Counters.BatchSize.Record(events)
	g.admission.lag(g.loop.Now(), lag)
}

// Swap takes a new policy for requests that begin from now on. An exchange goes by the policy that it began under to its end, retries
// and fallbacks included, so pools of providers that are gone end when the last such exchange has.
func (g *Gateway) Swap(p *Policy) {
	if g.policy != nil && g.open > 0 {
		g.elder = append(g.elder, g.policy)
	}
	g.policy = p
	g.state = route.NewState(p.Routes)
	g.Counters.Resize(p.Dims)
	g.settlePools()
}

// forget lets go of elder policies that no exchange goes by any more.
func (g *Gateway) forget() {
	used := make(map[*Policy]bool, len(g.elder))
	for cl := g.clients.first; cl != nil; cl = cl.next {
		if cl.ex != nil {
			used[cl.ex.policy] = true
		}
	}
	n := len(g.elder)
	g.elder = slices.DeleteFunc(g.elder, func(p *Policy) bool { return !used[p] })
	if len(g.elder) < n {
		g.settlePools()
	}
}

// settlePools makes the pools that the policies in use need, and closes the others.
func (g *Gateway) settlePools() {
	keep := map[*upstream.Provider]bool{}
	for _, p := range append(g.elder[:len(g.elder):len(g.elder)], g.policy) {
		for _, pr := range p.Providers {
			g.keepPool(pr, keep)
			for _, r := range pr.Replicas {
				g.keepPool(r, keep)
			}
		}
	}
	for up, pl := range g.pools {
		if !keep[up] {
			delete(g.pools, up)
			pl.Close()
		}
	}
}

func (g *Gateway) keepPool(p *Provider, keep map[*upstream.Provider]bool) {
	keep[p.Up] = true
	if g.pools[p.Up] == nil {
		g.pools[p.Up] = upstream.NewPool(g.loop, p.Up, g.deps.Dialer)
	}
}

// Accept takes a client's connection. The result is its handler.
func (g *Gateway) Accept(c *loop.Conn, remote netip.AddrPort) loop.Handler {
	cl := &client{g: g, c: c, remote: remote}
	cl.timer.Init(cl)
	g.clients.add(cl)
	cl.idle()
	return cl
}

// ApplyLog takes over the access log's format and sampling.
func (g *Gateway) ApplyLog(o observe.LogOptions) {
	if g.deps.Lane != nil {
		g.deps.Lane.Apply(o)
	}
}

// Drain lets connections end with their current exchange, or with the next one, whose answer says that the connection closes; idle
// ones close when they have been silent for a while.
func (g *Gateway) Drain() {
	if !g.draining {
		g.draining, g.drainAt = true, g.loop.Now()
	}
}

// closeIdle closes connections on which nothing is likely to be on its way: HTTP/1.1 has no word for the server's wish to end an idle
// connection, so a request that crosses the close is lost to a client that does not dare to repeat it (RFC 9112 §9.3.1). What has
// arrived by now is served, so that only requests that are on the wire in this moment can be hit.
func (g *Gateway) closeIdle() {
	now := g.loop.Now()
	for cl := g.clients.first; cl != nil; cl = cl.next {
		if cl.phase == phaseHead && len(cl.in) == 0 && now-cl.idleAt >= int64(drainSilence) && !cl.c.Unread() {
			cl.phase = phaseClosing
			g.loop.Disarm(&cl.timer)
			cl.c.Close()
		}
	}
}

// Cut ends what still runs after the drain time: requests without an answer get one that says so, event streams end with the error
// event of their API, other answers break off. Connections close when that has been written.
func (g *Gateway) Cut() {
	g.draining = true
	for cl := g.clients.first; cl != nil; cl = cl.next {
		if cl.phase == phaseClosing {
			continue
		}
		cl.release() // later requests are not served, and the answer to this one may say so
		if ex := cl.ex; ex != nil {
			ex.cancel()
			ex.failed(&stream.Failure{Kind: stream.KindShutdown, Sent: ex.sent, Answered: ex.answered})
		}
		if cl.phase != phaseClosing {
			cl.giveUp()
		}
	}
	for _, pl := range g.pools {
		pl.Close()
	}
}

// Clients is how many client connections are open; Open how many exchanges are in flight.
func (g *Gateway) Clients() int { return g.clients.count }

// Open is how many exchanges are in flight.
func (g *Gateway) Open() int { return g.open }

// Pools calls f for each provider's pool.
func (g *Gateway) Pools(f func(*upstream.Provider, *upstream.Pool)) {
	for up, pl := range g.pools {
		f(up, pl)
	}
}

// OnTimer hands the access log over. For the loop.
func (g *Gateway) OnTimer(*loop.Timer) {
	if g.deps.Lane != nil {
		g.deps.Lane.Flush()
	}
	if g.draining && g.loop.Now()-g.drainAt >= int64(drainGrace) {
		g.closeIdle()
	}
	if len(g.elder) > 0 {
		g.forget()
	}
	g.loop.Arm(&g.sweep, sweepEvery)
}

// Gauges brings the figures that are read, not counted, up to date. To be called before Counters are copied.
func (g *Gateway) Gauges() {
	f := &g.Counters.Figures
	s := g.loop.Stats()
	f.Batches, f.Events, f.TimersFired, f.MailboxRuns, f.Panics = s.Batches, s.Events, s.TimersFired, s.MailboxRuns, s.Panics
	f.BusyNS, f.IdleNS, f.TimersSet, f.Accepted = uint64(s.BusyNS), uint64(s.SleepNS), int64(s.Timers), s.Accepted
	f.Handshakes = s.Handshakes
	f.ConnectionsOpen, f.ConnectionsIdle, f.ExchangesOpen = int64(g.clients.count), int64(g.clients.count-g.open), int64(g.open)
	f.Pools[observe.PoolSlabs] = observe.PoolStats{Gets: s.Slabs.Gets, Hits: s.Slabs.Hits, IdleBytes: s.Slabs.IdleBytes, LentBytes: s.Slabs.LentBytes}
	gets, hits := g.exchanges.Stats()
	f.Pools[observe.PoolExchanges] = observe.PoolStats{Gets: gets, Hits: hits}
	if g.loop.ID() == 0 && g.deps.Lookups != nil {
		f.DNSQueries, f.DNSFailures = g.deps.Lookups()
	}
	for i := range g.Counters.Dims().Providers {
		u := g.Counters.Upstream(i)
		u.ConnectionsActive, u.StreamsOpen, u.Queued, u.ConnectionsMax = 0, 0, 0, 0
		u.ConnectionsCreated, u.ConnectionsClosed, u.PingsSent, u.PingsLost = 0, 0, 0, 0
		u.HandshakesFull, u.HandshakesResumed = 0, 0
	}
	for up, pl := range g.pools {
		st, u := pl.Stats(), g.Counters.Upstream(up.Index)
		u.ConnectionsActive += int64(st.Conns)
		u.StreamsOpen += int64(st.Active)
		u.Queued += int64(st.Waiting)
		if g.loop.ID() == 0 { // what is the process's is shown by one loop
			full, resumed := up.Handshakes()
			u.ConnectionsMax += int64(up.Max)
			u.HandshakesFull += full
			u.HandshakesResumed += resumed
		}
		u.ConnectionsCreated += st.Created
		u.ConnectionsClosed += st.Closed
		u.PingsSent += st.Pings
		u.PingsLost += st.PingTimeouts
	}
}

// clientList is the loop's connections, so that draining finds them.
type clientList struct {
	first *client
	count int
}

func (l *clientList) add(c *client) {
	c.next = l.first
	if l.first != nil {
		l.first.prev = c
	}
	l.first = c
	l.count++
}

func (l *clientList) remove(c *client) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev = nil, nil
	l.count--
}
