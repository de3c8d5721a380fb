package sim

import (
	"errors"

	"penstock/http1"
	"penstock/loop"
)

// phase is what an HTTP/1.1 connection does at the moment.
type phase uint8

const (
	inHead   phase = iota // reading a request's head
	inBody                // reading its body
	inAnswer              // answering
	inEnd                 // nothing more is read
)

// h1conn is an HTTP/1.1 connection: one request after the other.
type h1conn struct {
	x        exchange
	lane     *lane
	c        *loop.Conn
	parser   http1.Parser
	body     http1.Body
	in       []byte // a slab: bytes not used yet
	gathered []byte // a slab: the body so far

	phase     phase
	minor     uint8
	keepAlive bool
	chunked   bool // of the answer
	working   bool // work is on the stack
}

func newH1(l *lane, c *loop.Conn) *h1conn {
	h := l.conns1.Get()
	if h.lane == nil {
		h.lane = l
		h.x.init(h, l)
	}
	h.c, h.phase = c, inHead
	h.parser.Reset()
	return h
}

// OnData reads requests and answers them.
func (h *h1conn) OnData(_ *loop.Conn, b []byte) {
	h.lane.s.stats.bytesIn.Add(int64(len(b)))
	if h.phase == inEnd {
		return
	}
	if len(h.in) > 0 {
		h.in = append(h.lane.loop.Slabs.Grow(h.in, len(b)), b...)
		h.workHeld()
		return
	}
	if n := h.work(b); n < len(b) && h.phase != inEnd {
		h.in = append(h.lane.loop.Slabs.Get(len(b)-n), b[n:]...)
	}
	h.holdBack()
}

// workHeld goes on with bytes that had to wait.
func (h *h1conn) workHeld() {
	n := h.work(h.in)
	if n == len(h.in) || h.phase == inEnd {
		h.lane.loop.Slabs.Put(h.in)
		h.in = nil
	} else if n > 0 {
		h.in = h.in[:copy(h.in, h.in[n:])]
	}
	h.holdBack()
}

// holdBack stops reading while too much of a next request waits for its turn.
func (h *h1conn) holdBack() {
	if h.phase == inAnswer && len(h.in) > pipelineLimitBytes {
		h.c.Pause()
	} else if h.c.Paused() {
		h.c.Resume()
	}
}

// work takes requests from b and returns how much of it was used.
func (h *h1conn) work(b []byte) (used int) {
	h.working = true
	for {
		n, before := 0, h.phase
		switch before {
		case inHead:
			n = h.readHead(b[used:])
		case inBody:
			n = h.readBody(b[used:])
		case inAnswer, inEnd:
			h.working = false
			return used
		}
		used += n
		if n == 0 && h.phase == before {
			h.working = false
			return used
		}
	}
}

func (h *h1conn) readHead(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	head := &h.lane.head
	n, err := h.parser.Parse(b, head)
	if err != nil {
		h.fail(err)
		return 0
	}
	if n == 0 {
		return 0
	}
	r := &h.x.req
	r.reset()
	r.setMethod(head.Method)
	r.setPath(head.Path)
	for i := range head.Fields {
		r.field(head.Fields[i].Name, head.Fields[i].Value)
	}
	h.minor, h.keepAlive = uint8(head.Minor), head.KeepAlive
	if head.ContentLength > bodyLimitBytes {
		h.refuse(errTooLarge)
		return n
	}
	h.body.Start(head, nil)
	h.phase = inBody
	if head.Expect100 && len(b) == n {
		h.c.Write([]byte(http1.Continue))
	}
	if head.ContentLength > int64(len(b)-n) {
		h.gathered = h.lane.loop.Slabs.Get(int(min(head.ContentLength, gatherMostBytes)))
	}
	return n
}

func (h *h1conn) readBody(b []byte) (used int) {
	for !h.body.Done() {
		data, n, err := h.body.Next(b[used:])
		if err != nil {
			h.fail(err)
			return used
		}
		used += n
		switch {
		case h.gathered == nil && h.body.Done():
			// The whole body lies in the read buffer.
			h.serve(data)
			return used
		case len(data) > 0:
			if len(h.gathered)+len(data) > bodyLimitBytes {
				h.refuse(errTooLarge)
				return used
			}
			if h.gathered == nil {
				h.gathered = h.lane.loop.Slabs.Get(gatherFirstBytes)
			}
			h.gathered = append(h.lane.loop.Slabs.Grow(h.gathered, len(data)), data...)
		case n == 0:
			return used
		}
	}
	h.serve(h.gathered)
	return used
}

func (h *h1conn) serve(body []byte) {
	h.phase = inAnswer
	h.x.serve(body)
	h.dropGathered()
}

func (h *h1conn) dropGathered() {
	if h.gathered != nil {
		h.lane.loop.Slabs.Put(h.gathered)
		h.gathered = nil
	}
}

// fail answers a request that is no valid one, after which where the next begins is not known.
func (h *h1conn) fail(err error) {
	r := refusal{status: 400, message: "The request is not valid HTTP."}
	var e *http1.Error
	if errors.As(err, &e) {
		r.status, r.message = e.Status, e.Reason
	}
	h.x.req.reset()
	h.refuse(&r)
}

// refuse answers with an error and closes, since input that will not be read is still coming.
func (h *h1conn) refuse(r *refusal) {
	h.dropGathered()
	h.keepAlive, h.phase = false, inAnswer
	h.x.reject(r)
}

// begin writes the head. A stream goes in chunks, or until the connection closes where the client is too old for them.
func (h *h1conn) begin(head *head) {
	l := h.lane
	h.chunked = false
	if head.last {
		h.keepAlive = false
	}
	b := l.appendHead1(l.fields[:0], head)
	switch {
	case head.length >= 0:
		b = http1.AppendContentLength(b, int64(head.length))
	case h.minor == 0:
		h.keepAlive = false
	default:
		h.chunked = !h.x.req.headOnly
		b = append(b, "transfer-encoding: chunked\r\n"...)
	}
	switch {
	case !h.keepAlive:
		b = append(b, "connection: close\r\n"...)
	case h.minor == 0:
		b = append(b, "connection: keep-alive\r\n"...)
	}
	b = append(b, "\r\n"...)
	h.c.Write(b)
	l.fields = b[:0]
}

// room is none on a connection that is closing: nobody waits for more.
func (h *h1conn) room() int {
	if !h.c.Open() {
		return 0
	}
	return queueLimitBytes - h.c.Queued()
}

func (h *h1conn) send(b []byte, last bool) int {
	if h.x.req.headOnly {
		return len(b)
	}
	n := max(min(len(b), h.room()), 0)
	h.lane.s.stats.bytesOut.Add(int64(n))
	if !h.chunked {
		h.c.Write(b[:n])
		return n
	}
	for part := b[:n]; len(part) > 0; {
		piece := part[:min(len(part), turnBytes/8)]
		out := h.c.Buffer(len(piece) + len("ffff\r\n\r\n"))
		*out = http1.AppendChunk(*out, piece)
		part = part[len(piece):]
	}
	if last && n == len(b) {
		out := h.c.Buffer(len(http1.LastChunk))
		*out = append(*out, http1.LastChunk...)
	}
	return n
}

func (h *h1conn) abort() {
	h.phase = inEnd
	h.c.Abort()
}

func (h *h1conn) hangUp() {
	h.phase = inEnd
	h.c.Close()
}

func (h *h1conn) done() {
	if !h.keepAlive {
		h.phase = inEnd
		h.c.CloseLinger()
		return
	}
	h.phase = inHead
	if !h.working && len(h.in) > 0 {
		h.workHeld()
	}
}

// OnDrain goes on with an answer that had to wait for the socket.
func (h *h1conn) OnDrain(*loop.Conn) {
	if h.phase == inAnswer {
		h.x.resume()
	}
}

// OnClose gives everything back.
func (h *h1conn) OnClose(*loop.Conn, error) {
	h.x.cancel()
	h.lane.s.stats.connectionsOpen.Add(-1)
	h.dropGathered()
	if h.in != nil {
		h.lane.loop.Slabs.Put(h.in)
		h.in = nil
	}
	h.c = nil
	h.lane.conns1.Put(h)
}
