package loop

import (
	"syscall"
	"testing"
)

// stubBackend takes some bytes of each write and then says err.
type stubBackend struct {
	takes int
	err   error
}

func (b *stubBackend) Write(_ *Conn, p []byte) (int, error) { return min(b.takes, len(p)), b.err }
func (b *stubBackend) Unacked(*Conn) int                    { return 0 }
func (b *stubBackend) ShutdownWrite(*Conn)                  {}
func (b *stubBackend) Reread(*Conn)                         {}
func (b *stubBackend) Release(*Conn, bool)                  {}
func (b *stubBackend) Wake()                                {}

// TestHoldOnABrokenSocket: a socket may take a part of what comes before the held bytes and then break, in one write.
func TestHoldOnABrokenSocket(t *testing.T) {
	b := &stubBackend{takes: 3, err: syscall.ECONNRESET}
	l := New(0, b, 0, 0, Options{})
	c := l.Adopt(-1, nil, closedHandler{})
	l.Enter(1)
	c.Write([]byte("before"))
	c.Hold()
	c.Write([]byte("held"))
	c.flush()
	if c.Open() || c.Held() != 0 {
		t.Errorf("open %v, %d bytes are held", c.Open(), c.Held())
	}
	c.Rollback()
	c.Release()
	l.Leave()
	if s := l.Stats(); s.Conns != 0 || s.Slabs.LentBytes != 0 {
		t.Errorf("%d connections, %d bytes are left", s.Conns, s.Slabs.LentBytes)
	}
}
