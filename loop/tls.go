package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"penstock/pool"
)

// tlsLayer is crypto/tls between a connection's socket and its handler: the handshake ran on a worker, records run on the loop.
type tlsLayer struct {
	conn   *tls.Conn
	feed   *feedConn
	wire   []byte // sealed bytes that the socket has not taken
	owed   int    // of those, at most how many answer the peer's own TLS messages
	server bool   // the peer is a client
	ending bool   // close_notify follows what is in the write batch
}

// ErrKeyUpdates is what OnClose says of a peer that asked for more new keys (RFC 8446 §4.6.3) than it took answers.
var ErrKeyUpdates = errors.New("loop: peer asks for new keys and takes no answers")

// wouldBlock is what the record layer reads when no bytes are buffered: crypto/tls keeps its state on an error that calls
// itself temporary, and the next Read goes on where it stopped.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "loop: no bytes buffered" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// feedConn is the net.Conn beneath a tls.Conn. Until onLoop is set it passes through to a real one; then reads come from in and
// writes go to the connection's wire.
type feedConn struct {
	net.Conn
	onLoop atomic.Bool
	in     []byte
	eof    bool
	owner  *Conn
}

func (f *feedConn) Read(b []byte) (int, error) {
	if !f.onLoop.Load() {
		return f.Conn.Read(b)
	}
	if len(f.in) == 0 {
		if f.eof {
			return 0, io.EOF
		}
		return 0, wouldBlock{}
	}
	n := copy(b, f.in)
	f.in = f.in[n:]
	return n, nil
}

func (f *feedConn) Write(b []byte) (int, error) {
	if !f.onLoop.Load() {
		return f.Conn.Write(b)
	}
	t := f.owner.tls
	if t.wire == nil {
		t.wire = f.owner.loop.Slabs.Get(pool.SlabBytes)
	}
	t.wire = append(f.owner.loop.Slabs.Grow(t.wire, len(b)), b...)
	return len(b), nil
}

func (f *feedConn) SetDeadline(t time.Time) error {
	if f.onLoop.Load() {
		return nil
	}
	return f.Conn.SetDeadline(t)
}

func (f *feedConn) SetReadDeadline(t time.Time) error  { return f.SetDeadline(t) }
func (f *feedConn) SetWriteDeadline(t time.Time) error { return f.SetDeadline(t) }

func (f *feedConn) Close() error {
	if f.onLoop.Load() {
		return nil
	}
	return f.Conn.Close()
}

// Secure is a connection whose TLS handshake is done and that has not joined a loop yet.
type Secure struct {
	conn   *tls.Conn
	feed   *feedConn
	server bool
}

// State is the handshake's outcome.
func (s *Secure) State() tls.ConnectionState { return s.conn.ConnectionState() }

// Close drops a connection that will not join a loop.
func (s *Secure) Close() { _ = s.feed.Conn.Close() }

// HandshakeOffLoop runs a TLS handshake on nc, waiting at most timeout; it belongs on a worker. server says which side this is. On an
// error nc is closed.
func HandshakeOffLoop(nc net.Conn, cfg *tls.Config, server bool, timeout time.Duration) (*Secure, error) {
	err := nc.SetDeadline(time.Now().Add(timeout))
	var s *Secure
	if err == nil {
		s, err = secured(nc, cfg, server)
	}
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return s, nil
}

// secured runs a TLS handshake within the deadline that nc has, and takes the deadline off. On an error nc stays open.
func secured(nc net.Conn, cfg *tls.Config, server bool) (*Secure, error) {
	f := &feedConn{Conn: nc}
	s := &Secure{feed: f, server: server}
	if server {
		s.conn = tls.Server(f, cfg)
	} else {
		s.conn = tls.Client(f, cfg)
	}
	if err := s.conn.Handshake(); err != nil {
		return nil, err
	}
	return s, nc.SetDeadline(time.Time{})
}

// secure puts the TLS layer on a connection that has just joined the loop.
func (c *Conn) secure(s *Secure) {
	s.feed.owner = c
	c.tls = &tlsLayer{conn: s.conn, feed: s.feed, server: s.server}
	s.feed.onLoop.Store(true)
}

// plainBytes is the size of one plaintext read: a TLS record's largest payload.
const plainBytes = 16 << 10

// read opens the records in b and hands their contents on.
func (t *tlsLayer) read(c *Conn, b []byte) {
	t.feed.in = b
	buf := c.loop.Slabs.Get(plainBytes)
	defer c.loop.Slabs.Put(buf)
	for c.state == stateOpen {
		before := len(t.wire)
		n, err := t.conn.Read(buf[:plainBytes])
		if t.owed += len(t.wire) - before; t.owed > owedBytes {
			c.end(ErrKeyUpdates, true)
			return
		}
		if n > 0 {
			c.h.OnData(c, buf[:n])
		}
		if err != nil {
			var wb wouldBlock
			if errors.As(err, &wb) {
				break
			}
			if errors.Is(err, io.EOF) {
				c.inputEnded()
			} else {
				t.fail(c, err)
			}
			return
		}
	}
	t.feed.in = nil
	if len(t.wire) > 0 { // post-handshake messages of our own, such as a KeyUpdate
		c.markDirty()
	}
}

// seal moves the write batch through the record layer onto the wire.
func (t *tlsLayer) seal(c *Conn) bool {
	n := len(c.out)
	if c.heldFrom > 0 {
		n = c.heldFrom - 1
	}
	if n > 0 {
		_, err := t.conn.Write(c.out[:n])
		if err != nil {
			c.end(err, true)
			return false
		}
	}
	if c.heldFrom > 0 {
		if n > 0 {
			c.keepFrom(n)
		}
	} else if c.out != nil {
		c.loop.Slabs.Put(c.out)
		c.out = nil
	}
	if c.state == stateClosing || t.ending {
		_ = t.conn.CloseWrite() // says close_notify, once
	}
	return true
}

// fail ends a connection whose records cannot be read. The alert that says why is on the wire already and goes out, so no reset.
func (t *tlsLayer) fail(c *Conn, err error) {
	alerted := len(t.wire) > 0 && !c.blocked
	if alerted {
		t.send(c)
	}
	c.end(err, !alerted)
}

// send gives the socket what is sealed.
func (t *tlsLayer) send(c *Conn) {
	if t.wire = c.send(t.wire); t.wire == nil {
		t.owed = 0
	}
}

func (t *tlsLayer) release(l *Loop) {
	if t.wire != nil {
		l.Slabs.Put(t.wire)
		t.wire = nil
	}
}
