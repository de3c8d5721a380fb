package loop

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// slow takes a millisecond for whatever comes.
type slow struct{ echo }

func (s *slow) OnData(c *Conn, b []byte) {
	time.Sleep(time.Millisecond)
	s.echo.OnData(c, b)
}

// The lag of a loop whose batches are full is how long the queue of events behind them is, not how long one batch takes.
func TestLagBehindFullBatches(t *testing.T) {
	const conns = 30
	ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	var worst atomic.Int64
	held, goOn := make(chan bool, 1), make(chan bool)
	e, err := Start(Config{Loops: 1, BatchEvents: 2}, func(l *Loop) {
		l.OnBatch = func(_ int, lag int64) { worst.Store(max(worst.Load(), lag)) }
		if err := l.AcceptOn(ls, AcceptOptions{}, func(*Conn, netip.AddrPort) Handler { return &slow{} }); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.StopOffLoop)
	var cs []net.Conn
	talk := func(c net.Conn) {
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	for range conns {
		c, err := net.Dial("tcp", ls.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Write([]byte("1"))
		talk(c)
		cs = append(cs, c)
	}
	// The loop stands still until every connection has something to say: they then wait for each other.
	e.Loops()[0].PostOffLoop(func() { held <- true; <-goOn; worst.Store(0) })
	<-held
	for _, c := range cs {
		_, _ = c.Write([]byte("2"))
	}
	goOn <- true
	for _, c := range cs {
		talk(c)
	}
	if n := time.Duration(worst.Load()); n < conns/2*time.Millisecond {
		t.Errorf("the lag seen was %v at most, with %d events of a millisecond each in the queue", n, conns)
	}
}
