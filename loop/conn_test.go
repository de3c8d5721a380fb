package loop_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"time"

	"penstock/loop"
	"penstock/loop/looptest"
)

// calls notes what a connection tells its handler.
type calls struct {
	data   []byte
	drains int
	closes int
	err    error
	onData func(*loop.Conn, []byte)
}

func (h *calls) OnData(c *loop.Conn, b []byte) {
	h.data = append(h.data, b...)
	if h.onData != nil {
		h.onData(c, b)
	}
}
func (h *calls) OnDrain(*loop.Conn) { h.drains++ }
func (h *calls) OnClose(_ *loop.Conn, err error) {
	h.closes++
	h.err = err
}

// far is the other end of the connection.
type far struct {
	got   []byte
	ended bool
	err   error
}

func (s *far) OnBytes(_ *looptest.End, b []byte) { s.got = append(s.got, b...) }
func (s *far) OnEnd(_ *looptest.End, err error)  { s.ended, s.err = true, err }

type pair struct {
	w    *looptest.World
	host *looptest.Host
	c    *loop.Conn
	h    *calls
	end  *looptest.End
	far  *far
}

func newPair(l looptest.Link) *pair {
	p := &pair{w: looptest.NewWorld(1), h: new(calls), far: new(far)}
	p.host = p.w.NewHost(loop.Options{OnPanic: func(string, any, []byte) {}})
	near, end := p.w.Pipe(l)
	p.end = near
	near.Play(p.far)
	p.do(func() { p.c = p.host.Attach(end, func(*loop.Conn) loop.Handler { return p.h }) })
	return p
}

// do runs f in a batch and lets follow what follows at once.
func (p *pair) do(f func()) {
	p.host.Do(0, f)
	p.w.Pass(time.Millisecond)
}

func (p *pair) over(t *testing.T) {
	t.Helper()
	p.w.Pass(30 * time.Second)
	if p.h.closes != 1 {
		t.Errorf("OnClose was called %d times", p.h.closes)
	}
	if err := p.host.Leaks(0); err != nil {
		t.Error(err)
	}
}

func TestOneWritePerBatch(t *testing.T) {
	p := newPair(looptest.Link{})
	p.do(func() {
		for range 100 {
			p.c.Write([]byte("0123456789"))
		}
	})
	if n := p.host.Loop.Stats().Writes; n != 1 || len(p.far.got) != 1000 {
		t.Errorf("%d writes for %d bytes", n, len(p.far.got))
	}
	p.do(p.c.Close)
	p.over(t)
}

func TestBlockedThenDrained(t *testing.T) {
	p := newPair(looptest.Link{BufferBytes: 100})
	p.end.Pause()
	sent := bytes.Repeat([]byte("abcdefgh"), 4000)
	p.do(func() { p.c.Write(sent) })
	if !p.c.Blocked() || p.c.Queued() != len(sent)-100 || p.h.drains != 0 {
		t.Errorf("blocked %v, %d queued, %d drains", p.c.Blocked(), p.c.Queued(), p.h.drains)
	}
	p.end.Resume()
	p.w.Pass(time.Second)
	if p.c.Blocked() || p.c.Queued() != 0 || p.h.drains != 1 || !bytes.Equal(p.far.got, sent) {
		t.Errorf("blocked %v, %d queued, %d drains, %d bytes", p.c.Blocked(), p.c.Queued(), p.h.drains, len(p.far.got))
	}
	p.do(p.c.Abort)
	p.over(t)
}

func TestPauseHoldsBack(t *testing.T) {
	p := newPair(looptest.Link{BufferBytes: 100})
	p.do(func() { p.c.Pause() })
	p.end.Write(make([]byte, 1000))
	p.w.Pass(time.Second)
	if len(p.h.data) != 0 || p.end.Unsent() != 900 {
		t.Errorf("%d bytes came, %d wait at the sender", len(p.h.data), p.end.Unsent())
	}
	p.do(p.c.Resume)
	p.w.Pass(time.Second)
	if len(p.h.data) != 1000 {
		t.Errorf("%d bytes came", len(p.h.data))
	}
	p.end.Close()
	p.over(t)
}

func TestLingerReadsAndDropsForABoundedTime(t *testing.T) {
	p := newPair(looptest.Link{})
	p.h.onData = func(c *loop.Conn, _ []byte) {
		c.Write([]byte("refused"))
		c.CloseLinger()
	}
	p.end.Write([]byte("x"))
	p.w.Pass(time.Millisecond)
	p.end.Write(make([]byte, 50_000))
	p.w.Pass(time.Second)
	if string(p.far.got) != "refused" || !p.far.ended || p.far.err != nil {
		t.Errorf("the peer got %q, end %v, %v", p.far.got, p.far.ended, p.far.err)
	}
	if p.h.closes != 0 || len(p.h.data) != 1 {
		t.Errorf("closed %d times, %d bytes reached the handler", p.h.closes, len(p.h.data))
	}
	p.over(t)
	if p.h.err != nil {
		t.Errorf("closed with %v", p.h.err)
	}
}

func TestResetByPeer(t *testing.T) {
	p := newPair(looptest.Link{})
	p.do(func() { p.c.Write([]byte("x")) })
	p.end.Reset()
	p.over(t)
	if !errors.Is(p.h.err, syscall.ECONNRESET) {
		t.Errorf("closed with %v", p.h.err)
	}
}

func TestAbortDropsOutput(t *testing.T) {
	p := newPair(looptest.Link{})
	p.do(func() {
		p.c.Write([]byte("lost"))
		p.c.Abort()
		p.c.Close()
	})
	p.over(t)
	if len(p.far.got) != 0 || !errors.Is(p.far.err, syscall.ECONNRESET) || p.h.err != nil {
		t.Errorf("the peer got %q, %v; closed with %v", p.far.got, p.far.err, p.h.err)
	}
}

func TestPanicIsConfined(t *testing.T) {
	p := newPair(looptest.Link{})
	p.h.onData = func(*loop.Conn, []byte) { panic("planted") }
	p.end.Write([]byte("x"))
	p.over(t)
	if !errors.Is(p.h.err, loop.ErrPanic) || p.host.Loop.Stats().Panics != 1 {
		t.Errorf("closed with %v, %d panics", p.h.err, p.host.Loop.Stats().Panics)
	}
}

// What is held stays while what came before it leaves, and leaves or is dropped as a whole.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*loop.Conn)
		want string
	}{
		{"released", func(c *loop.Conn) { c.Release() }, "before held after"},
		{"taken back", func(c *loop.Conn) { c.Rollback() }, "before  after"},
		{"closed", func(c *loop.Conn) { c.Close() }, "before held"},
		{"dropped with the connection", func(c *loop.Conn) { c.Abort() }, "before "},
	} {
		for _, size := range []int{64 << 10, 4} { // 4: the socket takes what comes before in several turns
			p := newPair(looptest.Link{BufferBytes: size})
			p.do(func() {
				p.c.Write([]byte("before "))
				p.c.Hold()
				p.c.Write([]byte("held"))
				if p.c.Held() != 4 || p.c.Queued() != 11 {
					t.Errorf("%s: %d bytes held, %d queued", c.name, p.c.Held(), p.c.Queued())
				}
			})
			p.do(func() {})
			if string(p.far.got) != "before " {
				t.Errorf("%s: %q left", c.name, p.far.got)
			}
			p.do(func() {
				c.end(p.c)
				if p.c.Held() != 0 {
					t.Errorf("%s: %d bytes are still held", c.name, p.c.Held())
				}
				if p.c.Open() {
					p.c.Write([]byte(" after"))
				}
			})
			p.w.Pass(100 * time.Millisecond)
			if string(p.far.got) != c.want {
				t.Errorf("%s, buffer of %d: %q arrived, want %q", c.name, size, p.far.got, c.want)
			}
			p.do(func() { p.c.Abort() })
			p.over(t)
		}
	}
}
