package gateway

import (
	"bytes"
	"errors"
	"net/netip"
	"time"

	"penstock/http1"
	"penstock/loop"
	"penstock/server/dialect"
	"penstock/server/observe"
)

type phase uint8

const (
	phaseHead    phase = iota // a request head is awaited, or has begun
	phaseBody                 // its body is being read
	phaseSkip                 // the body of a request that was refused is read and thrown away
	phaseAnswer               // the exchange is with the provider, or its response is on the way
	phaseClosing              // nothing more is read
)

// client is one downstream connection: requests come in and are answered one after the other, in order.
type client struct {
	g          *Gateway
	c          *loop.Conn
	next, prev *client
	ex         *exchange // the request being read or answered

	in     []byte // bytes that have come and belong to a head not yet complete, or to later requests
	parser http1.Parser
	body   http1.Body
	length int64 // Content-Length of the current request, -1 where it has none
	skip   int   // body bytes still thrown away in phaseSkip before the connection is given up
	remote netip.AddrPort

	timer   loop.Timer // idle, head or body
	idleAt  int64      // since when the next request is awaited
	phase   phase
	closing bool // close when the current response is out
	began   bool // a byte of the next request has come
	pumping bool
	pumpDue bool
	using   bool // within consume
	behind  bool // and bytes of a later request follow the current one there
}

// OnData implements loop.Handler.
func (cl *client) OnData(_ *loop.Conn, b []byte) {
	if cl.phase == phaseClosing {
		return
	}
	if len(cl.in) > 0 {
		cl.in = append(cl.g.loop.Slabs.Grow(cl.in, len(b)), b...)
		cl.pump()
		return
	}
	rest := cl.consume(b)
	if cl.phase != phaseClosing {
		cl.hold(rest)
	}
}

// hold keeps what could not be used yet, and pauses reading where it is much.
func (cl *client) hold(rest []byte) {
	if len(rest) == 0 {
		return
	}
	cl.in = append(cl.g.loop.Slabs.Get(len(rest)), rest...)
	if cl.full() {
		cl.c.Pause()
	}
}

// full says that no more requests are to be read until answers have got away.
func (cl *client) full() bool {
	return cl.phase == phaseHead && cl.c.Blocked() || cl.phase == phaseAnswer && len(cl.in) > pipelineBytes
}

// pump goes on with bytes that were kept.
func (cl *client) pump() {
	if cl.pumping || len(cl.in) == 0 {
		return
	}
	cl.pumping = true
	rest := cl.consume(cl.in)
	cl.pumping = false
	switch {
	case cl.phase == phaseClosing || len(rest) == 0:
		cl.release()
	case len(rest) < len(cl.in):
		cl.in = cl.in[:copy(cl.in, rest)]
	}
	if cl.full() {
		cl.c.Pause()
	} else {
		cl.c.Resume()
	}
}

func (cl *client) release() {
	if cl.in != nil {
		cl.g.loop.Slabs.Put(cl.in)
		cl.in = nil
	}
}

// pipelined says that bytes of a later request are here already.
func (cl *client) pipelined() bool {
	if cl.using {
		return cl.behind
	}
	return len(cl.in) > 0
}

// consume uses bytes as far as the phase allows, and returns the rest.
func (cl *client) consume(b []byte) []byte {
	cl.using = true
	defer func() { cl.using = false }()
	for len(b) > 0 {
		switch cl.phase {
		case phaseHead:
			if cl.c.Blocked() {
				return b // the answers before this one have to get away first
			}
			if !cl.began {
				cl.parser.Limits = &cl.g.policy.Head // a reload holds for the next request, not for the next connection
			}
			n, err := cl.parser.Parse(b, &cl.g.head)
			if err != nil {
				cl.badHead(b, err)
				return nil
			}
			if n == 0 {
				if !cl.began {
					cl.began = true
					cl.g.loop.Arm(&cl.timer, cl.g.policy.HeadTimeout)
				}
				return b
			}
			cl.behind = n < len(b) && cl.g.head.ContentLength <= 0 && !cl.g.head.Chunked
			cl.g.begin(cl, &cl.g.head, n)
			b = b[n:]
		case phaseBody:
			data, n, err := cl.body.Next(b)
			if err != nil {
				cl.badBody(err)
				return nil
			}
			b = b[n:]
			if !cl.ex.gather(data, cl.body.Announced()) {
				return nil
			}
			if cl.body.Done() {
				cl.behind = len(b) > 0
				cl.ex.complete()
			} else if len(data) > 0 {
				// The body timer runs between two pieces; the exchange's total time bounds a client that drips.
				left := cl.ex.startAt + int64(cl.g.policy.TotalTimeout) - cl.g.loop.Now()
				cl.g.loop.Arm(&cl.timer, min(cl.g.policy.BodyTimeout, time.Duration(max(left, 0))))
			}
			if n == 0 && cl.phase == phaseBody {
				return b
			}
		case phaseSkip:
			_, n, err := cl.body.Next(b)
			if cl.skip -= n; err != nil || cl.skip < 0 {
				cl.giveUp()
				return nil
			}
			b = b[n:]
			if cl.body.Done() {
				cl.idle()
			} else if n == 0 {
				return b
			}
		default:
			return b
		}
	}
	return nil
}

// idle waits for the next request.
func (cl *client) idle() {
	cl.phase, cl.began, cl.idleAt = phaseHead, false, cl.g.loop.Now()
	cl.parser.Reset()
	cl.g.loop.Arm(&cl.timer, cl.g.policy.IdleTimeout)
	if len(cl.in) == 0 && cl.c.Paused() && !cl.c.Blocked() { // else pump decides: each answer would let one more read in
		cl.c.Resume()
	}
}

// answered ends the current exchange's hold on the connection, after its last byte is in the write batch. Where the answer did not say
// that the connection closes, the client may have sent the next request by now, also while draining.
func (cl *client) answered() {
	cl.ex = nil
	if cl.closing {
		cl.giveUp()
		return
	}
	cl.idle()
	if len(cl.in) > 0 && !cl.pumping && !cl.pumpDue {
		cl.pumpDue = true
		cl.g.loop.Defer(cl)
	}
}

// OnBatchEnd goes on with pipelined requests. For the loop.
func (cl *client) OnBatchEnd() {
	cl.pumpDue = false
	if cl.phase != phaseClosing {
		cl.pump()
	}
}

// giveUp closes after what is in the write batch; what the client still sends is thrown away for a while, so that it gets to read
// the answer.
func (cl *client) giveUp() {
	cl.phase = phaseClosing
	cl.g.loop.Disarm(&cl.timer)
	cl.c.CloseLinger()
}

// isHEAD says whether a head, whole or not, valid or not, began as that of a HEAD request: its refusal has no body (RFC 9110 §9.3.2).
func isHEAD(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(b, "\r\n"), []byte("HEAD "))
}

// badHead refuses bytes that are no request head.
func (cl *client) badHead(b []byte, err error) {
	g := cl.g
	var e *http1.Error
	if !errors.As(err, &e) {
		e = &http1.Error{Status: 400, Reason: "malformed request"}
	}
	ex := g.newExchange(cl)
	ex.setPath(&g.head)
	ex.api = dialect.APIOf(ex.path, false)
	ex.keepAlive, ex.noBody = false, isHEAD(b)
	ex.refuse(observe.RefusedBadRequest, fault{status: e.Status, code: "bad_request", message: e.Reason})
}

// badBody refuses bytes that are no valid body: where the next request would begin is not known.
func (cl *client) badBody(err error) {
	var e *http1.Error
	if !errors.As(err, &e) {
		e = &http1.Error{Status: 400, Reason: "malformed request body"}
	}
	cl.ex.keepAlive = false
	cl.ex.refuse(observe.RefusedBadRequest, fault{status: e.Status, code: "bad_request", message: e.Reason})
}

// OnTimer implements loop.Firer: an idle connection closes, a head or body that does not come is refused.
func (cl *client) OnTimer(*loop.Timer) {
	switch cl.phase {
	case phaseHead:
		if !cl.began {
			cl.giveUp()
			return
		}
		ex := cl.g.newExchange(cl)
		ex.keepAlive, ex.noBody = false, isHEAD(cl.in)
		ex.refuse(observe.RefusedTimeout, fault{status: 408, code: "request_timeout", message: "the request head did not come in time"})
	case phaseBody:
		cl.ex.keepAlive = false
		cl.ex.refuse(observe.RefusedTimeout, fault{status: 408, code: "request_timeout", message: "the request body did not come in time"})
	case phaseSkip:
		cl.giveUp()
	}
}

// OnDrain implements loop.Handler.
func (cl *client) OnDrain(*loop.Conn) {
	if cl.ex != nil {
		cl.ex.drained()
		return
	}
	if cl.phase == phaseClosing {
		return
	}
	if len(cl.in) == 0 {
		cl.c.Resume()
	} else if !cl.pumpDue {
		cl.pumpDue = true
		cl.g.loop.Defer(cl)
	}
}

// OnInputEnd implements loop.InputEnder: what was answered before may still drain, but the exchange at hand has lost its client.
func (cl *client) OnInputEnd(*loop.Conn) {
	cl.phase = phaseClosing
	cl.g.loop.Disarm(&cl.timer)
	if cl.ex != nil {
		cl.ex.clientGone()
	}
}

// OnClose implements loop.Handler: a client that is gone cancels its exchange upstream in the same turn.
func (cl *client) OnClose(*loop.Conn, error) {
	cl.phase = phaseClosing
	cl.g.loop.Disarm(&cl.timer)
	cl.release()
	cl.g.clients.remove(cl)
	if cl.ex != nil {
		cl.ex.clientGone()
	}
}
