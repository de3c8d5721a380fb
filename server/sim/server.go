package sim

import (
	"sync"
	"sync/atomic"

	"penstock/http1"
	"penstock/loop"
	"penstock/pool"
	"penstock/upstream/h2"
)

// Server is one simulated provider. Its connections may live on any number of loops.
type Server struct {
	options  Options // immutable
	base     plan    // immutable
	lanes    sync.Map
	sequence atomic.Uint64 // of requests
	minute   minute
	leaving  atomic.Bool // each answer is the last of its connection
	stats    stats
}

// New makes a server; it owns no thread and no socket.
func New(o Options) *Server {
	return &Server{options: o, base: o.plan()}
}

// lane is what the connections of one loop share. Loop thread only.
type lane struct {
	s       *Server
	loop    *loop.Loop
	date    http1.DateCache
	head    http1.Head // the one being read
	scratch []byte     // the output being made
	value   []byte     // the field value being made
	fields  []byte     // the header block being made
	conns1  pool.List[h1conn]
	conns2  pool.List[h2conn]
	streams pool.List[h2stream]
}

func (s *Server) lane(l *loop.Loop) *lane {
	if x, ok := s.lanes.Load(l); ok {
		return x.(*lane)
	}
	n := &lane{s: s, loop: l}
	s.lanes.Store(l, n)
	return n
}

// keepScratch keeps the memory of b, which was made from scratch, for the next answer, unless it has become large.
func (l *lane) keepScratch(b []byte) {
	if cap(b) <= keepBytes {
		l.scratch = b[:0]
	} else {
		l.scratch = nil
	}
}

// Accept returns the handler of a new connection: HTTP/2 where its first bytes are the client's preface, else HTTP/1.1.
// TLS, where there is any, is the loop's. Loop thread.
func (s *Server) Accept(c *loop.Conn) loop.Handler {
	l := s.lane(c.Loop())
	s.stats.connections.Add(1)
	s.stats.connectionsOpen.Add(1)
	return &sniffer{lane: l}
}

// sniffer holds a connection until its first bytes tell which protocol it speaks.
type sniffer struct {
	lane *lane
	held []byte
}

// OnData decides as soon as the bytes differ from the preface, or are all of it.
func (n *sniffer) OnData(c *loop.Conn, b []byte) {
	if len(n.held) > 0 {
		n.held = append(n.held, b...)
		b = n.held
	}
	if len(b) < len(h2.ClientPreface) && string(b) == h2.ClientPreface[:len(b)] {
		if len(n.held) == 0 {
			n.held = append(n.held, b...)
		}
		return
	}
	var h loop.Handler
	if len(b) >= len(h2.ClientPreface) && string(b[:len(h2.ClientPreface)]) == h2.ClientPreface {
		b = b[len(h2.ClientPreface):]
		h = newH2(n.lane, c)
	} else {
		h = newH1(n.lane, c)
	}
	c.SetHandler(h)
	h.OnData(c, b)
}

// OnDrain has nothing to go on with.
func (n *sniffer) OnDrain(*loop.Conn) {}

// OnClose counts.
func (n *sniffer) OnClose(*loop.Conn, error) { n.lane.s.stats.connectionsOpen.Add(-1) }

// minute keeps Options.RateLimit: it counts requests in minutes that begin with a request.
type minute struct {
	word atomic.Uint64 // start of the minute in ms, shifted, and its count
}

const minuteCountBits = 24

// take counts a request, and fills in what its answer says about limits. It returns false where the limit is reached.
func (m *minute) take(x *exchange) bool {
	limit := uint64(min(x.lane.s.options.RateLimit, 1<<minuteCountBits-1))
	now := uint64(x.startAt)/1e6 + 1
	for {
		old := m.word.Load()
		start, count := old>>minuteCountBits, old&(1<<minuteCountBits-1)
		if start == 0 || now >= start+60_000 {
			start, count = now, 0
		}
		x.head.limit = int(limit)
		x.head.remaining = int(limit - count)
		x.head.resetAfter = int((start+60_000-min(now, start+60_000))/1000) + 1
		if count >= limit {
			return false
		}
		x.head.remaining--
		if m.word.CompareAndSwap(old, start<<minuteCountBits|(count+1)) {
			return true
		}
	}
}
