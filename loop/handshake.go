package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// HandshakeResult is how a TLS handshake with a client ended.
type HandshakeResult uint8

// The results of a handshake.
const (
	HandshakeFull    HandshakeResult = iota
	HandshakeResumed                 // a session went on
	HandshakeFailed                  // an alert of either side, a certificate that was not taken, a connection that broke
	HandshakeTimeout                 // it was not complete in time
	HandshakeNotTLS                  // the first bytes were another protocol's
	HandshakeCrowded                 // given up for a newer one, because the loop had as many as it may have
	HandshakeResults = iota
)

// handshake is one that is in progress on a goroutine. Those of a loop are chained in the order in which they began.
type handshake struct {
	next, prev *handshake // loop thread

	conn    atomic.Pointer[net.Conn] // set once the goroutine has it
	crowded atomic.Bool
}

// handshakes are those in progress on one loop. Loop thread.
type handshakes struct {
	first, last *handshake
	count, max  int
}

func (hs *handshakes) add(h *handshake) {
	if h.prev = hs.last; h.prev != nil {
		h.prev.next = h
	} else {
		hs.first = h
	}
	hs.last = h
	hs.count++
}

func (hs *handshakes) remove(h *handshake) {
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		hs.first = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	} else {
		hs.last = h.prev
	}
	h.next, h.prev = nil, nil
	hs.count--
}

// crowdOut ends the oldest handshake that was not ended yet. An honest client is done within a few round trips, so whoever has been
// at it for longest is the likeliest to be there for the sake of the place alone.
func (hs *handshakes) crowdOut() {
	for h := hs.first; h != nil; h = h.next {
		if h.crowded.CompareAndSwap(false, true) {
			h.giveUp()
			return
		}
	}
}

// giveUp has whatever the goroutine waits for end at once. A deadline does that without waiting, as Close would not.
func (h *handshake) giveUp() {
	if nc := h.conn.Load(); nc != nil {
		_ = (*nc).SetDeadline(time.Unix(1, 0))
	}
}

// acceptSecure has the handshake run on a goroutine of its own: it waits for the client, and a loop never waits.
func (m *metal) acceptSecure(ln *listener, fd int, sa unix.Sockaddr) {
	h := &handshake{}
	if m.shaking.count >= m.shaking.max {
		m.shaking.crowdOut()
	}
	m.shaking.add(h)
	m.loop.handshakes++
	m.loop.conns++ // a handshake counts as a connection
	m.clients++
	go func() {
		s, result := m.shake(ln, h, fd)
		m.loop.PostOffLoop(func() {
			m.shaking.remove(h)
			m.loop.handshakes--
			m.loop.conns--
			m.loop.stats.Handshakes[result]++
			if s == nil {
				m.clients--
				return
			}
			c, err := m.loop.JoinSecure(s, closedHandler{})
			if err != nil {
				m.clients--
				return
			}
			c.accepted = true
			m.open1(c, ln, sa)
		})
	}()
}

// shake is listener.shake with a panic confined to its connection.
func (m *metal) shake(ln *listener, h *handshake, fd int) (s *Secure, result HandshakeResult) {
	defer func() {
		if r := recover(); r != nil {
			s, result = nil, HandshakeFailed
			if nc := h.conn.Load(); nc != nil {
				_ = (*nc).Close()
			}
			stack := stackTrace()
			m.loop.PostOffLoop(func() { m.loop.panicked("handshake", r, stack) })
		}
	}()
	return ln.shake(h, fd)
}

// shake runs the handshake of a client on an accepted descriptor, which it takes. Without a Secure the connection is closed. It
// runs on a goroutine of its own.
func (ln *listener) shake(h *handshake, fd int) (*Secure, HandshakeResult) {
	f := os.NewFile(uintptr(fd), "")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, HandshakeFailed
	}
	wait := ln.wait
	if wait == 0 {
		wait = handshakeTime
	}
	err = nc.SetDeadline(time.Now().Add(wait))
	h.conn.Store(&nc)
	if h.crowded.Load() { // before conn was there to be given up
		h.giveUp()
	}
	var s *Secure
	if err == nil {
		s, err = secured(nc, ln.tls(), true)
	}
	var other tls.RecordHeaderError
	switch {
	case err == nil && s.State().DidResume:
		return s, HandshakeResumed
	case err == nil:
		return s, HandshakeFull
	case h.crowded.Load():
		_ = nc.Close()
		return nil, HandshakeCrowded
	case errors.As(err, &other) && other.Conn != nil:
		ln.answerPlain(h, nc, other.RecordHeader[:])
		return nil, HandshakeNotTLS
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = nc.Close()
		return nil, HandshakeTimeout
	}
	h.closeHalf(nc)
	_ = nc.Close()
	return nil, HandshakeFailed
}

// answerPlain tells a client that does not speak TLS so, where there is a way to put it, and closes.
func (ln *listener) answerPlain(h *handshake, nc net.Conn, first []byte) {
	defer nc.Close()
	if ln.notTLS == nil {
		return
	}
	reply := ln.notTLS(first)
	if len(reply) == 0 {
		return
	}
	if _, err := nc.Write(reply); err == nil {
		h.closeHalf(nc)
	}
}

// closeHalf ends the output, then reads and drops what the client still sends: a close with unread input would be a reset, which may
// overtake the last words. In TLS 1.3 a client sends its request before it can hear that its certificate was refused (RFC 8446 §2).
func (h *handshake) closeHalf(nc net.Conn) {
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = nc.SetReadDeadline(time.Now().Add(lingerSilence))
	if h.crowded.Load() { // before the deadline above, which would have been taken back
		return
	}
	_, _ = io.CopyN(io.Discard, nc, failedLingerBytes)
}
