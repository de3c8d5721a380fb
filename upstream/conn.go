package upstream

import (
	"penstock/loop"
	"penstock/upstream/h1"
	"penstock/upstream/h2"
	"penstock/upstream/stream"
)

// conn is one connection: a socket of the loop, the codec that speaks on it, and the timers that keep it honest.
type conn struct {
	pool  *Pool
	lc    *loop.Conn
	codec stream.Conn
	h2    *h2.Conn // codec, where it speaks HTTP/2
	h1    *h1.Conn // codec, where it speaks HTTP/1.1

	timer   loop.Timer
	bornAt  int64
	usedAt  int64  // last request opened
	heardAt int64  // last bytes of the provider
	pingAt  int64  // when the outstanding PING was sent; 0: none
	taken   uint64 // bytes that the provider's kernel has acknowledged, at most
	takenAt int64  // when that last grew, or nothing was waiting
	doubted bool   // a request waited on it in vain: it gets no other one until something is heard
	retired bool   // takes no more streams
	feeding bool
}

// output tells the codecs also what the socket has not taken yet: HTTP/1.1 knows from it whether a request has left, HTTP/2 when to
// wait with bodies.
type output struct{ *loop.Conn }

// Unsent implements h1.Backlog and h2.Backlog.
func (o output) Unsent() int { return o.Queued() }

func (c *conn) open(d Dialed) {
	pl := c.pool
	p := pl.Provider
	p.last.Store(int32(d.Protocol) + 1)
	c.lc = d.Conn
	c.lc.KeepInput()
	now := pl.loop.Now()
	c.bornAt, c.usedAt, c.heardAt, c.takenAt = now, now, now, now
	if d.Protocol == HTTP2 {
		// The connection's window has room for every stream's: slow clients hold back their own streams only.
		cfg := h2.Config{
			Output: output{c.lc}, StreamWindowBytes: p.StreamWindowBytes,
			ConnWindowBytes: connWindowStreams * p.StreamWindowBytes, EarlyStreams: p.streamsAtOnce(),
		}
		if p.canFallBack() {
			cfg.FallBack = pl.fallBack
		}
		c.h2 = h2.New(cfg)
		c.codec = c.h2
	} else {
		c.h1 = h1.New(h1.Config{Output: output{c.lc}})
		c.codec = c.h1
	}
	pl.conns = append(pl.conns, c)
	pl.stats.Created++
	pl.failedAt = 0
	pl.loop.Arm(&c.timer, checkEvery)
	if pl.closed {
		c.retired = true
		c.settle()
		return
	}
	pl.serve()
	pl.keepWarm() // one dial has tried whether the provider is back: the others may follow
}

// OnData implements loop.Handler.
func (c *conn) OnData(lc *loop.Conn, b []byte) {
	if c.codec == nil {
		// Bytes before the dial's outcome was taken: nothing was asked, so nothing can be an answer.
		lc.Abort()
		return
	}
	c.heardAt, c.doubted = c.pool.loop.Now(), false
	c.feeding = true
	err := c.codec.Feed(b)
	c.feeding = false
	if err != nil {
		c.retired = true
		if c.h1 != nil && lc.Queued() > 0 {
			lc.Abort() // the rest of a request that failed here and may be sent again elsewhere
		} else {
			lc.Close()
		}
		return
	}
	if c.h2 != nil {
		if c.pingAt != 0 && !c.h2.PingOutstanding() {
			c.pingAt = 0
		}
		if n, ok := c.h2.StreamLimit(); ok && c.pool.Provider.streams.Load() != int32(n) {
			c.pool.Provider.streams.Store(int32(n)) // all loops read it: written only where it changes
		}
	}
	if c.h1 != nil && c.h1.Buffered() > c.pool.Provider.ResponseBufferBytes {
		lc.Pause()
	}
	c.settle()
	if c.pool.queued() > 0 {
		c.pool.serve()
	}
}

// credited reads on once a slow consumer has caught up.
func (c *conn) credited() {
	if c.h1 != nil && c.lc.Paused() && c.h1.Buffered() <= c.pool.Provider.ResponseBufferBytes/2 {
		c.lc.Resume()
	}
}

// ping asks an HTTP/2 connection for a sign of life.
func (c *conn) ping() {
	if c.h2.Ping() {
		c.pool.stats.Pings++
		c.pingAt = c.pool.loop.Now()
	}
}

// silent is how long nothing has been heard, in ns, since a PING is out.
func (c *conn) silent(now int64) int64 { return now - max(c.pingAt, c.heardAt) }

// doubt looks at a connection on which a request that was put there at openedAt is given up. Where nothing has come since, the
// provider or the way to it may be gone: HTTP/1.1 closes anyway, an HTTP/2 connection has to show that it is alive before it gets
// another request.
func (c *conn) doubt(openedAt int64) {
	if c.h2 == nil || c.pool.loop.Now()-max(openedAt, c.heardAt) < int64(doubtAfter) {
		return
	}
	c.doubted = true
	c.ping()
}

// settle closes a connection that has no further use.
func (c *conn) settle() {
	if c.feeding || c.lc == nil || !c.lc.Open() {
		return
	}
	if c.codec.Closing() {
		c.retired = true
	}
	if c.retired && c.codec.Active() == 0 {
		switch {
		case c.h2 != nil && !c.codec.Closing():
			c.h2.Shutdown()
			c.lc.Close()
		case c.h1 != nil && c.lc.Queued() > 0:
			c.lc.Abort() // the rest of a request that was given up
		default:
			c.lc.Close()
		}
		return
	}
	if !c.retired && c.pool.queued() > 0 && c.codec.Slots() > 0 {
		// Not from here: the caller may be in the middle of an exchange.
		c.pool.loop.Defer(c.pool)
	}
}

// OnBatchEnd serves the queue after streams have become free by cancelling. For the loop.
func (pl *Pool) OnBatchEnd() { pl.serve() }

// OnDrain implements loop.Handler.
func (c *conn) OnDrain(*loop.Conn) {
	if c.h2 != nil {
		c.h2.Drained()
	}
}

// stuck says that the provider has taken nothing for too long although something waits for it.
func (c *conn) stuck(now int64) bool {
	if !c.lc.Blocked() {
		c.takenAt = now
		return false
	}
	// The socket's own buffer is megabytes: what counts is what has arrived.
	if taken := c.h2.Stats().BytesOut - min(uint64(c.lc.Unsent()), c.h2.Stats().BytesOut); taken > c.taken {
		c.taken, c.takenAt = taken, now
	}
	return now-c.takenAt > int64(takeWait)
}

// OnClose implements loop.Handler.
func (c *conn) OnClose(_ *loop.Conn, err error) {
	c.pool.loop.Disarm(&c.timer)
	c.retired = true
	if c.codec == nil {
		return
	}
	c.codec.Fail(err)
	c.pool.drop(c)
}

// OnTimer looks at idleness, age and liveness. For the loop.
func (c *conn) OnTimer(*loop.Timer) {
	pl := c.pool
	now := pl.loop.Now()
	if !c.lc.Open() {
		return
	}
	if now-c.bornAt > int64(ageLimit) {
		c.retired = true
	}
	active := c.codec.Active()
	if active == 0 && now-c.usedAt > int64(idleTimeout) && len(pl.conns) > pl.Provider.Warm {
		c.retired = true
	}
	if c.h2 != nil {
		c.h2.Tick()
		switch {
		case c.pingAt != 0 && (c.silent(now) > int64(pingWait) || c.doubted && c.silent(now) > int64(doubtWait)):
			// Neither an answer to the PING nor anything else, or nothing more: the provider is not there any more.
			pl.stats.PingTimeouts++
			c.lc.Abort()
			return
		case c.stuck(now):
			pl.stats.Stuck++
			c.lc.Abort()
			return
		case c.pingAt == 0 && now-c.heardAt > int64(pingEvery):
			c.ping()
		}
	}
	pl.loop.Arm(&c.timer, checkEvery)
	c.settle()
}
