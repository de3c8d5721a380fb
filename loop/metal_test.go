package loop

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echo sends back what it gets.
type echo struct{ closed chan error }

func (e *echo) OnData(c *Conn, b []byte) { c.Write(b) }
func (e *echo) OnDrain(*Conn)            {}
func (e *echo) OnClose(_ *Conn, err error) {
	if e.closed != nil {
		e.closed <- err
	}
}

// startEngine runs loops that accept with accept, and returns the address; all ends with the test.
func startEngine(t *testing.T, loops int, accept func(*Conn, netip.AddrPort) Handler) (*Engine, string) {
	t.Helper()
	ls, err := Bind("127.0.0.1:0", ListenOptions{Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	e, err := Start(Config{Loops: loops}, func(l *Loop) {
		if err := l.AcceptOn(ls, AcceptOptions{}, accept); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.StopOffLoop)
	return e, ls.Addr()
}

func TestEchoOverSockets(t *testing.T) {
	_, addr := startEngine(t, 2, func(*Conn, netip.AddrPort) Handler { return &echo{} })
	var wg sync.WaitGroup
	for range 20 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			sent := make([]byte, 3<<20)
			_, _ = rand.Read(sent)
			go func() { _, _ = c.Write(sent) }()
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil {
				t.Error(err)
				return
			}
			if !bytes.Equal(sent, got) {
				t.Error("echo differs")
			}
		}()
	}
	wg.Wait()
}

func TestAcceptedSocketsHaveNoDelay(t *testing.T) {
	got := make(chan int, 1)
	_, addr := startEngine(t, 1, func(c *Conn, _ netip.AddrPort) Handler {
		v, _ := unix.GetsockoptInt(c.FD, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		got <- v
		return &echo{}
	})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if v := <-got; v == 0 {
		t.Fatal("TCP_NODELAY is off")
	}
}

func TestPeerGone(t *testing.T) {
	closed := make(chan error, 1)
	_, addr := startEngine(t, 1, func(*Conn, netip.AddrPort) Handler { return &echo{closed: closed} })
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-closed; err != nil {
		t.Fatalf("a clean close is no error, got %v", err)
	}
	c, _ = net.Dial("tcp", addr)
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-closed; err == nil {
		t.Fatal("a reset is an error")
	}
}

type ticker struct {
	l     *Loop
	timer Timer
	fired chan int64
}

func (k *ticker) OnTimer(*Timer) { k.fired <- k.l.Now() }

func TestTimersAndMailboxOnMetal(t *testing.T) {
	e, _ := startEngine(t, 1, func(*Conn, netip.AddrPort) Handler { return &echo{} })
	l := e.Loops()[0]
	k := &ticker{l: l, fired: make(chan int64, 1)}
	var set int64
	posted := make(chan struct{})
	l.PostOffLoop(func() {
		k.timer.Init(k)
		set = l.Now()
		l.Arm(&k.timer, 20*time.Millisecond)
		close(posted)
	})
	<-posted
	if at := <-k.fired; at-set < int64(20*time.Millisecond) {
		t.Fatalf("fired %v after it was set to 20ms", time.Duration(at-set))
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	closed := make(chan error, 1)
	first := true
	e, addr := startEngine(t, 1, func(*Conn, netip.AddrPort) Handler {
		if first {
			first = false
			return &panics{echo{closed: closed}}
		}
		return &echo{}
	})
	a, _ := net.Dial("tcp", addr)
	defer a.Close()
	_, _ = a.Write([]byte("x"))
	if err := <-closed; err != ErrPanic {
		t.Fatalf("got %v", err)
	}
	b, _ := net.Dial("tcp", addr)
	defer b.Close()
	_, _ = b.Write([]byte("still here"))
	got := make([]byte, 10)
	if _, err := io.ReadFull(b, got); err != nil || string(got) != "still here" {
		t.Fatalf("%q %v", got, err)
	}
	stats := make(chan Stats, 1)
	l := e.Loops()[0]
	l.PostOffLoop(func() { stats <- l.Stats() })
	if s := <-stats; s.Panics != 1 {
		t.Fatalf("%d panics counted", s.Panics)
	}
}

type panics struct{ echo }

func (p *panics) OnData(*Conn, []byte) { panic("planted") }
