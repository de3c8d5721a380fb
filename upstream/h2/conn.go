package h2

import (
	"penstock/pool"
	"penstock/upstream/stream"
)

// Backlog is what an Output may offer besides stream.Output: how many of the bytes that were appended to its buffers the transport
// has not taken yet. With it bodies wait while there are many; whoever offers it calls Drained.
type Backlog interface{ Unsent() int }

// Config is what a Conn is made with. Zero values mean the defaults of limits.go.
type Config struct {
	// Output takes what goes out. A Buffer call that finds the transport broken may call Fail: it is then done as soon as the
	// call into the connection is through. It may also be a Backlog.
	Output stream.Output

	// FallBack is called where the server answers HTTP_1_1_REQUIRED (RFC 9113 §7), before the stream's sink hears of it. The connection
	// takes no more streams then, and the one that was refused counts as not processed. Nil where the owner cannot speak HTTP/1.1 to
	// this server: the code is then one like others.
	FallBack func()

	StreamWindowBytes  int // what we grant per stream, at most 2^31-1; default 256 KiB
	ConnWindowBytes    int // what we grant for the connection, at least 65,535 (RFC 9113 §6.9.2); default 16 MiB
	MaxHeaderListBytes int // bound of a decoded head, and of trailers; default 64 KiB
	MaxConcurrent      int // our own bound of open streams, default 250; the server's is kept as well
	EarlyStreams       int // the bound until the server's SETTINGS have come; default MaxConcurrent
	Floods             Floods
}

// Conn is the client half of one HTTP/2 connection. Loop thread only.
type Conn struct {
	cfg     Config
	backlog Backlog // nil where the Output is none

	// Thresholds from which a WINDOW_UPDATE is worth its frame: a quarter of what was granted.
	streamCreditBytes, connCreditBytes int

	server serverSettings
	enc    encoder
	dec    *Decoder
	head   head
	block  headerBlock
	emit   func(name, value []byte) error // head.field, bound once
	ignore func(name, value []byte) error

	streams        pool.List[Stream]
	table          streamTable
	closed         closedStreams
	oldest, newest *Stream // open streams by age
	active         int
	nextID         uint32
	dying          []*Stream // ended, but perhaps still in use by a sink further up the stack

	sendBytes           int64 // window of the connection
	sendFirst, sendLast *Stream
	sending             bool
	recvBytes           int // window: what the server may still send
	due                 int // free again and not yet announced

	// Receiving: what the next byte is.
	state    recvState
	frame    FrameHeader
	current  *Stream // of the DATA frame; nil where its bytes are dropped
	dataLeft int
	padLeft  int
	partial  []byte // gathered bytes of an incomplete frame header or payload
	floods   Floods

	ready     bool
	closing   bool
	goAway    *GoAwayError // the last one received
	pingOut   bool
	pings     uint64
	depth     int // calls into the connection on the stack
	shutdown  bool
	lost      bool // Fail was called
	lostCause error
	err       error // what Feed returns from now on

	headBytes []byte // scratch of Open
	void      []byte // takes what is written when it is too late
	stats     Stats
}

var _ stream.Conn = (*Conn)(nil)

// Stats counts what a connection did since it was made.
type Stats struct {
	FramesIn, FramesOut uint64
	BytesIn, BytesOut   uint64
	Opened, Completed   uint64 // streams
	ResetsIn, ResetsOut uint64 // RST_STREAM
	Refused             uint64 // streams the server did not process
	ConnStalls          uint64 // times that bodies had to wait for the connection's window
	StreamStalls        uint64 // times that a body had to wait for its stream's window
	LateFrames          uint64 // frames of streams already gone
}

// New returns a connection and writes the client's preface to its output: the magic, SETTINGS and the WINDOW_UPDATE that
// raises the connection's window. It takes streams at once (RFC 9113 §3.4: the server's SETTINGS need not be waited for).
func New(cfg Config) *Conn {
	setDefault(&cfg.StreamWindowBytes, defaultStreamWindowBytes)
	setDefault(&cfg.ConnWindowBytes, defaultConnWindowBytes)
	setDefault(&cfg.MaxHeaderListBytes, defaultMaxHeaderListBytes)
	setDefault(&cfg.MaxConcurrent, defaultMaxConcurrent)
	setDefault(&cfg.EarlyStreams, cfg.MaxConcurrent)
	cfg.Floods.setDefaults()
	cfg.ConnWindowBytes = max(cfg.ConnWindowBytes, initialWindowBytes)
	if cfg.StreamWindowBytes < 0 || cfg.StreamWindowBytes > maxWindow || cfg.ConnWindowBytes > maxWindow {
		panic("h2: window out of range")
	}
	c := &Conn{
		cfg:               cfg,
		streamCreditBytes: max(cfg.StreamWindowBytes/4, 1),
		connCreditBytes:   cfg.ConnWindowBytes / 4,
		server:            initialServerSettings,
		dec:               NewDecoder(initialTableBytes),
		nextID:            1,
		sendBytes:         initialWindowBytes,
		recvBytes:         cfg.ConnWindowBytes,
		floods:            cfg.Floods,
	}
	c.backlog, _ = cfg.Output.(Backlog)
	c.streams.Keep = keepFreeStreams
	c.table.slots = make([]tableSlot, 16)
	c.enc.init()
	c.emit = c.head.field
	c.ignore = func(_, _ []byte) error { return nil }
	c.writePreface()
	return c
}

// Open starts a request. Its errors are stream.ErrBusy and stream.ErrClosing; nothing was sent then. The server's
// SETTINGS_MAX_HEADER_LIST_SIZE is advice (RFC 9113 §6.5.2): it refuses what it will not have.
func (c *Conn) Open(r *stream.Request, sink stream.Sink) (stream.Stream, error) {
	if c.Closing() {
		return nil, stream.ErrClosing
	}
	if c.Slots() == 0 {
		return nil, stream.ErrBusy
	}
	checkRequest(r)
	c.depth++
	defer c.leave()
	c.stats.Opened++
	s := c.newStream(sink)
	s.headOnly = r.Block.Method == "HEAD" || string(r.Method) == "HEAD"
	s.sent = r.BodyBytes <= 0
	c.headBytes = c.enc.appendHead(c.headBytes[:0], r)
	c.writeHead(s.id, c.headBytes, s.sent)
	if s.sent {
		sink.OnSent()
	} else {
		s.body, s.remaining = r.Body, r.BodyBytes
		c.enqueue(s)
		c.send()
	}
	if c.lost && s.open {
		// The transport broke under the writing: the caller hears it as the answer to this call, not by its sink.
		c.forget(s, false)
		return nil, stream.ErrClosing
	}
	return s, nil
}

// Feed takes bytes of the server; b is borrowed. The error is a *ConnError, GOAWAY with its code is in the output by then, and
// every open stream has had its OnFail; or what Fail was called with. It stays the same for all later calls.
func (c *Conn) Feed(b []byte) error {
	if c.err != nil {
		return c.err
	}
	c.depth++
	defer c.leave()
	c.stats.BytesIn += uint64(len(b))
	if e := c.receive(b); e != nil {
		c.fatal(e)
	}
	return c.err
}

// fatal ends the connection for a fault of the server.
func (c *Conn) fatal(e *ConnError) {
	c.closing = true
	// The server opens no streams, so the last one we processed is always 0.
	b := c.room(FrameHeaderBytes + 8)
	*b = AppendGoAway(*b, 0, e.Code)
	c.err = e
	// Where several streams share the connection, most of them are no part of the fault.
	kind := stream.KindProtocol
	if c.active > 1 {
		kind = stream.KindReset
	}
	for c.oldest != nil {
		c.drop(c.oldest, kind, e.Code, e)
	}
}

// Fail tells the connection that its transport is gone, cause being nil for a clean end of file. Open streams fail with
// KindClosed or KindReset, oldest first. From within a callback it takes effect when the outermost call returns.
func (c *Conn) Fail(cause error) {
	if c.lost {
		return
	}
	c.lost, c.lostCause, c.closing = true, cause, true
	c.depth++
	c.leave()
}

// errGone is what Feed returns after Fail(nil).
const errGone stream.Error = "connection is gone"

func (c *Conn) dropAll() {
	kind, code, cause := stream.KindClosed, ErrCodeNo, c.lostCause
	if cause != nil {
		kind = stream.KindReset
	}
	if c.goAway != nil && c.goAway.Code != ErrCodeNo {
		code = c.goAway.Code
		if cause == nil {
			cause = c.goAway
		}
	}
	if c.err == nil {
		if c.err = c.lostCause; c.err == nil {
			c.err = errGone
		}
	}
	for c.oldest != nil {
		c.drop(c.oldest, kind, code, cause)
	}
}

// leave ends a call into the connection. At the end of the outermost one nobody can hold an ended stream any more.
func (c *Conn) leave() {
	if c.depth == 1 {
		if c.lost {
			c.dropAll()
		}
		for i, s := range c.dying {
			c.dying[i] = nil
			s.sink = nil
			c.streams.Put(s)
		}
		c.dying = c.dying[:0]
	}
	c.depth--
}

// Slots is how many streams can be opened now.
func (c *Conn) Slots() int {
	if c.Closing() {
		return 0
	}
	return max(0, c.streamLimit()-c.active)
}

func (c *Conn) streamLimit() int {
	if !c.ready {
		return c.cfg.EarlyStreams
	}
	return int(min(int64(c.cfg.MaxConcurrent), int64(c.server.maxStreams)))
}

// StreamLimit is how many streams may be open at once by the server's SETTINGS and our own bound; ok is false until those have come.
func (c *Conn) StreamLimit() (n int, ok bool) { return c.streamLimit(), c.ready }

// Active is how many streams are open.
func (c *Conn) Active() int { return c.active }

// Closing says that no stream can be opened any more: GOAWAY either way, a fault, a lost transport, or ids used up.
func (c *Conn) Closing() bool { return c.closing || c.nextID > maxStreamID }

// Ready says that the server's SETTINGS have come.
func (c *Conn) Ready() bool { return c.ready }

// Stats returns a copy of the counters.
func (c *Conn) Stats() Stats { return c.stats }

// GoAway returns the last GOAWAY of the server, or nil.
func (c *Conn) GoAway() *GoAwayError { return c.goAway }

// Ping queues a PING unless one is out already or the connection is gone, and says whether it did.
func (c *Conn) Ping() bool {
	if c.pingOut || c.err != nil || c.lost {
		return false
	}
	c.depth++
	c.pingOut = true
	c.pings++
	b := c.room(FrameHeaderBytes + 8)
	*b = AppendPing(*b, 0, c.pings)
	c.leave()
	return true
}

// PingOutstanding says that a PING is not answered yet; the owner's timers decide what that means.
func (c *Conn) PingOutstanding() bool { return c.pingOut }

// Drained goes on with bodies that waited for the transport, which has taken all that was in the output.
func (c *Conn) Drained() {
	if c.sendFirst == nil || c.err != nil || c.lost {
		return
	}
	c.depth++
	c.send()
	c.leave()
}

// Shutdown queues GOAWAY(NO_ERROR): no stream can be opened any more, open ones go on.
func (c *Conn) Shutdown() {
	if c.err != nil || c.lost || c.shutdown {
		return
	}
	c.depth++
	c.shutdown, c.closing = true, true
	b := c.room(FrameHeaderBytes + 8)
	*b = AppendGoAway(*b, 0, ErrCodeNo)
	c.leave()
}

// Tick fills the flood budgets up. The owner calls it about once a second from its own timers; a connection whose owner does
// not lives on what progress gives back.
func (c *Conn) Tick() { c.floods = c.cfg.Floods }

// room returns the output with room for one frame of n bytes, which the caller appends. What sinks still cause when the
// connection is over goes nowhere: the output may be gone with the transport, and nothing may follow our GOAWAY.
func (c *Conn) room(n int) *[]byte {
	if c.lost || c.err != nil {
		c.void = c.void[:0]
		return &c.void
	}
	c.stats.FramesOut++
	c.stats.BytesOut += uint64(n)
	return c.cfg.Output.Buffer(n)
}

func (c *Conn) writeReset(id uint32, code ErrCode) {
	c.stats.ResetsOut++
	b := c.room(FrameHeaderBytes + 4)
	*b = AppendRSTStream(*b, id, code)
}

// writeHead writes a header block as HEADERS and, where it is larger than a frame, CONTINUATION.
func (c *Conn) writeHead(id uint32, block []byte, endStream bool) {
	typ, flags := FrameHeaders, Flags(0)
	if endStream {
		flags = FlagEndStream
	}
	for {
		n := min(len(block), initialFrameBytes)
		if n == len(block) {
			flags |= FlagEndHeaders
		}
		b := c.room(FrameHeaderBytes + n)
		*b = AppendFrameHeader(*b, n, typ, flags, id)
		*b = append(*b, block[:n]...)
		if block = block[n:]; len(block) == 0 {
			return
		}
		typ, flags = FrameContinuation, 0
	}
}
