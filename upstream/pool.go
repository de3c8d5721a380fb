package upstream

import (
	"errors"
	"time"

	"penstock/loop"
	"penstock/upstream/stream"
)

// Ticket is one request's claim on a connection: it waits in the pool's queue, or it has a stream. It lives inside its exchange.
type Ticket struct {
	Request stream.Request
	Sink    stream.Sink
	// Fresh asks for a connection that has not served anything yet, where one can be had; whoever waits for one is in nobody's way. It is
	// for one Open: putting the request on a connection clears it.
	Fresh bool
	// Class is whose request it is, a small number from 0: requests that wait are served in turns of classes.
	Class int

	pool       *Pool
	conn       *conn
	stream     stream.Stream
	openedAt   int64 // when it got its stream
	next, prev *Ticket
	in         *queue // that it waits in; nil: none
}

// Pool is one loop's connections to one provider. Loop thread only.
type Pool struct {
	Provider *Provider

	loop   *loop.Loop
	dialer Dialer
	conns  []*conn

	waiting queue // for a stream
	fresh   queue // for a connection that has served nothing: those that are free do not help
	dialing int

	failedAt int64 // when the last dial failed; 0: it did not
	failure  stream.Failure
	backoff  time.Duration
	short    bool // the last connection to end had lived for less than a moment
	warm     loop.Timer
	closed   bool
	serving  bool
	stats    Stats
}

// Stats counts what a pool did.
type Stats struct {
	Created, Closed, DialFailures uint64
	Pings, PingTimeouts           uint64
	Stuck                         uint64 // connections closed because the provider took nothing
	Opened                        uint64
	Conns, Active, Waiting        int
}

// NewPool makes the pool and starts its warm connections.
func NewPool(l *loop.Loop, p *Provider, d Dialer) *Pool {
	pl := &Pool{Provider: p, loop: l, dialer: d, backoff: warmBackoffStart}
	pl.warm.Init(pl)
	pl.keepWarm()
	return pl
}

// Stats returns a copy of the counters and gauges.
func (pl *Pool) Stats() Stats {
	s := pl.stats
	s.Conns, s.Waiting = len(pl.conns), pl.queued()
	for _, c := range pl.conns {
		s.Active += c.codec.Active()
	}
	return s
}

// Open puts t.Request on a connection, or into the queue until there is one. Sink methods other than OnSent are not called from
// within it. An error means that the request was refused and the sink will not be called.
func (pl *Pool) Open(t *Ticket) *stream.Failure {
	t.pool, t.conn, t.stream, t.in = pl, nil, nil, nil
	if pl.closed {
		return &stream.Failure{Kind: stream.KindShutdown}
	}
	if t.Fresh {
		if c := pl.free(true); c != nil {
			return pl.start(c, t)
		}
		if pl.reserve() {
			pl.fresh.push(t)
			pl.dial()
			return nil
		}
	}
	if pl.waiting.count == 0 {
		if c := pl.free(false); c != nil {
			return pl.start(c, t)
		}
	}
	var yields *Ticket
	if pl.waiting.count >= queueLimit {
		if yields = pl.waiting.yields(t.Class); yields == nil {
			return &stream.Failure{Kind: stream.KindBusy, Cause: errQueueFull}
		}
	}
	if pl.failedAt != 0 && pl.dialing == 0 && pl.usable() == 0 && pl.loop.Now()-pl.failedAt < int64(redialWait) {
		f := pl.failure
		return &f
	}
	pl.waiting.push(t)
	pl.grow()
	if yields != nil {
		yields.leave()
		yields.Sink.OnFail(stream.Failure{Kind: stream.KindBusy, Cause: errQueueFull})
	}
	return nil
}

var errQueueFull = errors.New("queue is full")

// Credit says that the consumer has drained n more body bytes of t's response.
func (t *Ticket) Credit(n int) {
	if t.stream != nil {
		t.stream.Credit(n)
		t.conn.credited()
	}
}

// Cancel gives the request up, wherever it is. The sink is not called any more.
func (t *Ticket) Cancel() {
	switch {
	case t.in != nil:
		t.leave()
	case t.stream != nil:
		s, c := t.stream, t.conn
		t.stream, t.conn = nil, nil
		c.doubt(t.openedAt)
		s.Cancel()
		c.settle()
	}
}

func (t *Ticket) leave() { t.in.remove(t) }

// Done says that the request is over (the sink's OnEnd or OnFail was called); the ticket may be opened again.
func (t *Ticket) Done() { t.stream, t.conn = nil, nil }

// OnConnection says whether the request has a stream: what it waits for now is the provider's answer.
func (t *Ticket) OnConnection() bool { return t.stream != nil }

func (pl *Pool) start(c *conn, t *Ticket) *stream.Failure {
	s, err := c.codec.Open(&t.Request, t.Sink)
	if err != nil {
		return &stream.Failure{Kind: stream.KindProtocol, Cause: err}
	}
	pl.stats.Opened++
	c.usedAt = pl.loop.Now()
	t.conn, t.stream, t.openedAt, t.Fresh = c, s, c.usedAt, false
	return nil
}

// free returns a connection that can take one more stream. The first one is filled before the next: frames of many streams then
// leave in one write.
func (pl *Pool) free(fresh bool) *conn {
	for _, c := range pl.conns {
		if fresh && c.h1 != nil && c.h1.Served() > 0 {
			continue
		}
		if !c.retired && !c.doubted && c.lc.Open() && c.codec.Slots() > 0 {
			return c
		}
	}
	return nil
}

// usable is how many connections take requests, now or when a stream of theirs has ended.
func (pl *Pool) usable() (n int) {
	for _, c := range pl.conns {
		if !c.retired && !c.doubted && c.lc.Open() && !c.codec.Closing() {
			n++
		}
	}
	return n
}

// serve gives waiting requests the streams that have become free, and dials for the others.
func (pl *Pool) serve() {
	if pl.serving {
		return
	}
	pl.share()
	if pl.queued() > 0 {
		pl.grow()
	}
}

// share gives waiting requests the streams that have become free.
func (pl *Pool) share() {
	if pl.serving {
		return
	}
	pl.serving = true
	defer func() { pl.serving = false }() // also when a sink panics
	for pl.fresh.count > 0 {
		c := pl.free(true)
		if c == nil && pl.dialing == 0 {
			c = pl.free(false) // nothing better is to come
		}
		if c == nil {
			break
		}
		pl.begin(c, pl.fresh.pop())
	}
	for pl.waiting.count > 0 {
		c := pl.free(false)
		if c == nil {
			break
		}
		pl.begin(c, pl.waiting.pop())
	}
}

// begin is start for a request that has waited.
func (pl *Pool) begin(c *conn, t *Ticket) {
	if f := pl.start(c, t); f != nil {
		t.Sink.OnFail(*f)
	}
}

// queued is how many requests wait.
func (pl *Pool) queued() int { return pl.waiting.count + pl.fresh.count }

// grow dials for the requests that wait, within the provider's limit over all loops.
func (pl *Pool) grow() {
	per := 1
	if pl.Provider.expected() == HTTP2 {
		per = streamsPerDial
		if n := pl.Provider.streams.Load(); n > 0 {
			per = min(per, int(n))
		}
	}
	coming := pl.dialing
	for _, c := range pl.conns {
		if c.h2 == nil || c.retired || c.doubted || c.codec.Closing() {
			continue
		}
		switch _, ok := c.h2.StreamLimit(); {
		case !ok:
			coming++ // how many it takes will be known soon
		case c.h2.Active() == 0 && c.h2.Slots() == 0:
			return // the provider takes nothing now, and would take nothing on another connection
		}
	}
	for ; coming*per < pl.queued() && pl.reserve(); coming++ {
		pl.dial()
	}
	if pl.queued() > 0 && pl.dialing == 0 && pl.usable() == 0 {
		// The other loops hold all connections that the provider may have; one each is the least that works.
		pl.Provider.conns.Add(1)
		pl.dial()
	}
}

func (pl *Pool) reserve() bool {
	if pl.Provider.conns.Add(1) > int32(pl.Provider.Max) {
		pl.Provider.conns.Add(-1)
		return false
	}
	return true
}

func (pl *Pool) dial() {
	pl.dialing++
	c := &conn{pool: pl}
	c.timer.Init(c)
	pl.dialer.Dial(pl.loop, pl.Provider, c, func(d Dialed) {
		pl.dialing--
		if d.Conn == nil {
			pl.dialFailed(d.Failure)
			return
		}
		c.open(d)
	})
}

// fallBack leaves HTTP/2 for good: what runs on it goes on, what comes goes elsewhere.
func (pl *Pool) fallBack() {
	pl.Provider.fallBack()
	for _, c := range pl.conns {
		c.retired = c.retired || c.h2 != nil
	}
}

// dialFailed fails what waits, where no other connection could still serve it. Who waited for this one takes what there is: nothing else
// may happen here for long.
func (pl *Pool) dialFailed(f stream.Failure) {
	pl.Provider.conns.Add(-1)
	pl.stats.DialFailures++
	pl.failedAt, pl.failure = pl.loop.Now(), f
	if pl.dialing == 0 && pl.usable() == 0 {
		pl.failWaiting(f)
	} else {
		pl.share()
	}
	pl.keepWarm()
}

func (pl *Pool) failWaiting(f stream.Failure) {
	// Failing a request may open another one here, which waits for its own dial, or cancel one that is to fail next.
	var list queue
	for _, q := range []*queue{&pl.fresh, &pl.waiting} {
		for q.count > 0 {
			list.push(q.pop())
		}
	}
	for list.count > 0 {
		list.pop().Sink.OnFail(f)
	}
}

// keepWarm restores the warm connections, at once or, after failures, with growing pauses.
func (pl *Pool) keepWarm() {
	if pl.closed || len(pl.conns)+pl.dialing >= pl.Provider.Warm || pl.warm.Armed() {
		return
	}
	if pl.failedAt == 0 && !pl.short {
		for len(pl.conns)+pl.dialing < pl.Provider.Warm && pl.reserve() {
			pl.dial()
		}
		return
	}
	pl.loop.Arm(&pl.warm, pl.backoff)
	pl.backoff = min(2*pl.backoff, warmBackoffMax)
}

// OnTimer tries again to restore warm connections. For the loop.
func (pl *Pool) OnTimer(*loop.Timer) {
	if !pl.closed && len(pl.conns)+pl.dialing < pl.Provider.Warm && pl.reserve() {
		pl.dial()
	}
}

// Close takes no more requests; connections end when their streams have. Waiting requests fail.
func (pl *Pool) Close() {
	pl.closed = true
	pl.loop.Disarm(&pl.warm)
	pl.failWaiting(stream.Failure{Kind: stream.KindShutdown})
	for _, c := range append([]*conn(nil), pl.conns...) {
		c.retired = true
		c.settle()
	}
}

// Idle says that the pool is closed and its last connection has ended.
func (pl *Pool) Idle() bool { return pl.closed && len(pl.conns) == 0 && pl.dialing == 0 }

func (pl *Pool) drop(c *conn) {
	for i, x := range pl.conns {
		if x == c {
			pl.conns = append(pl.conns[:i], pl.conns[i+1:]...)
			break
		}
	}
	pl.Provider.conns.Add(-1)
	pl.stats.Closed++
	// A provider that accepts and closes at once is not dialled at the speed of the network.
	if pl.short = pl.loop.Now()-c.bornAt < int64(warmBackoffStart); !pl.short {
		pl.backoff = warmBackoffStart
	}
	pl.serve()
	pl.keepWarm()
}
