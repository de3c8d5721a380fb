package looptest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"penstock/loop"
)

// echo sends back what it gets, and is held back by the client's reading.
type echo struct {
	c      *loop.Conn
	closed int
	err    error
	drains int
}

func (h *echo) OnData(c *loop.Conn, b []byte) {
	c.Write(b)
	if c.Blocked() {
		c.Pause()
	}
}

func (h *echo) OnDrain(c *loop.Conn) {
	h.drains++
	c.Resume()
}

func (h *echo) OnClose(_ *loop.Conn, err error) {
	h.closed++
	h.err = err
}

// sender writes all it has and gathers what comes back.
type sender struct {
	got   []byte
	ended bool
	err   error
	times []int64
	w     *World
}

func (s *sender) OnBytes(_ *End, b []byte) {
	s.got = append(s.got, b...)
	s.times = append(s.times, s.w.Now())
}

func (s *sender) OnEnd(e *End, err error) {
	s.ended, s.err = true, err
	if err == nil {
		e.Close()
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func run(seed uint64) (*World, *Host, *sender, *echo) {
	w := NewWorld(seed)
	h := w.NewHost(loop.Options{})
	near, far := w.Pipe(w.DrawLink())
	s, e := &sender{w: w}, &echo{}
	near.Play(s)
	h.Do(0, func() { e.c = h.Attach(far, func(*loop.Conn) loop.Handler { return e }) })
	near.Write(pattern(3000))
	w.Run(time.Hour, func() bool { return len(s.got) == 3000 })
	near.Close()
	w.Run(time.Minute, func() bool { return e.closed > 0 })
	return w, h, s, e
}

// TestSimulationEcho: whatever the network does, all bytes come back in order, the close is heard once, nothing is left.
func TestSimulationEcho(t *testing.T) {
	Seeds(t, 300, nil, func(r *Run) error {
		_, h, s, e := run(r.Seed)
		if !bytes.Equal(s.got, pattern(3000)) {
			return fmt.Errorf("%d bytes came back, or others than were sent", len(s.got))
		}
		if e.closed != 1 || e.err != nil {
			return fmt.Errorf("closed %d times, %w", e.closed, e.err)
		}
		return h.Leaks(0)
	})
}

func TestSameSeedSameWorld(t *testing.T) {
	for seed := range uint64(50) {
		a, _, sa, _ := run(seed)
		b, _, sb, _ := run(seed)
		if a.Steps != b.Steps || a.Now() != b.Now() || len(sa.times) != len(sb.times) {
			t.Fatalf("seed %d ran differently: %d and %d steps", seed, a.Steps, b.Steps)
		}
		for i := range sa.times {
			if sa.times[i] != sb.times[i] {
				t.Fatalf("seed %d: read %d at another time", seed, i)
			}
		}
	}
}

// answering writes an answer of n bytes to the first byte and closes as told.
type answering struct {
	n      int
	close  func(*loop.Conn)
	closed int
	err    error
}

func (h *answering) OnData(c *loop.Conn, _ []byte) {
	c.Write(pattern(h.n))
	if h.close != nil {
		h.close(c)
	}
}
func (h *answering) OnDrain(*loop.Conn) {}
func (h *answering) OnClose(_ *loop.Conn, err error) {
	h.closed++
	h.err = err
}

func talk(link Link, h *answering, script func(*World, *End)) (*sender, *Host, *World) {
	w := NewWorld(1)
	host := w.NewHost(loop.Options{})
	near, far := w.Pipe(link)
	s := &sender{w: w}
	near.Play(s)
	host.Do(0, func() { host.Attach(far, func(*loop.Conn) loop.Handler { return h }) })
	script(w, near)
	w.Pass(30 * time.Second)
	return s, host, w
}

// A client that sends its request and ends its sending in one go (nc, a raw probe) is answered all the same where the answer is
// made in the batch that sees both.
func TestAnswerBeforeEndOfFileArrives(t *testing.T) {
	for name, h := range map[string]*answering{
		"kept open": {n: 500},
		"closed":    {n: 500, close: (*loop.Conn).Close},
		"lingering": {n: 500, close: (*loop.Conn).CloseLinger},
		"large":     {n: 300 << 10, close: (*loop.Conn).CloseLinger},
	} {
		for seed := range 8 {
			h.closed = 0
			s, host, _ := talk(Link{}, h, func(w *World, e *End) {
				w.RNG = NewRNG(uint64(seed))
				e.Write([]byte("x"))
				e.Shutdown()
			})
			if !bytes.Equal(s.got, pattern(h.n)) {
				t.Errorf("%s, seed %d: %d of %d bytes of the answer came", name, seed, len(s.got), h.n)
			}
			if err := host.Leaks(0); err != nil || h.closed != 1 {
				t.Errorf("%s: closed %d times, %v", name, h.closed, err)
			}
		}
	}
}

// A closing connection whose peer does not read ends by a timer, with loop.ErrSlow.
func TestCloseIsBounded(t *testing.T) {
	h := &answering{n: 100 << 10, close: (*loop.Conn).Close}
	s, host, _ := talk(Link{BufferBytes: 1000}, h, func(w *World, e *End) {
		e.Write([]byte("x"))
		w.After(0, e.Pause)
	})
	if h.closed != 1 || h.err != loop.ErrSlow {
		t.Errorf("closed %d times, %v", h.closed, h.err)
	}
	if err := host.Leaks(0); err != nil {
		t.Error(err)
	}
	if s.ended && s.err == nil {
		t.Error("an end that had stopped reading heard of a clean end")
	}
}

// sip is a reader that takes what one read gives it, once a second.
type sip struct{ sender }

func (s *sip) OnBytes(e *End, b []byte) {
	s.sender.OnBytes(e, b)
	e.Pause()
	s.w.After(time.Second, e.Resume)
}

// A closing connection whose peer reads slowly but steadily goes on, although the socket takes nothing for longer than a timer: a kernel
// says that there is room when a third of the buffer is free.
func TestCloseWaitsForSlowReader(t *testing.T) {
	h := &answering{n: 150, close: (*loop.Conn).Close}
	w := NewWorld(1)
	host := w.NewHost(loop.Options{})
	near, far := w.Pipe(Link{BufferBytes: 100, LowBytes: 10, Split: SplitBytes})
	s := &sip{sender: sender{w: w}}
	near.Play(s)
	host.Do(0, func() { host.Attach(far, func(*loop.Conn) loop.Handler { return h }) })
	near.Write([]byte("x"))
	w.Pass(4 * time.Minute)
	if !bytes.Equal(s.got, pattern(150)) || h.closed != 1 || h.err != nil || s.err != nil {
		t.Errorf("%d bytes came, closed %d times, %v; the reader: %v", len(s.got), h.closed, h.err, s.err)
	}
	if err := host.Leaks(0); err != nil {
		t.Error(err)
	}
}

// Closing with unread input resets, as TCP does; the bytes on the way are lost.
func TestCloseWithUnreadInputResets(t *testing.T) {
	w := NewWorld(1)
	a, b := w.Pipe(Link{})
	sa, sb := &sender{w: w}, &sender{w: w}
	a.Play(sa)
	b.Play(sb)
	b.Pause()
	b.Write([]byte("answer"))
	a.Write([]byte("request"))
	b.Close()
	w.Pass(time.Second)
	if sa.err == nil || len(sa.got) != 0 {
		t.Errorf("got %q, %v", sa.got, sa.err)
	}
}

func TestEventsComeInOrderOfTime(t *testing.T) {
	w := NewWorld(9)
	last, n := int64(0), 0
	for range 500 {
		w.After(w.RNG.Duration(0, time.Second), func() {
			if w.Now() < last {
				t.Errorf("%d after %d", w.Now(), last)
			}
			last = w.Now()
			n++
		})
	}
	w.Pass(time.Second)
	if n != 500 {
		t.Errorf("%d events", n)
	}
}

func TestMailboxAndTimersRunOnVirtualTime(t *testing.T) {
	w := NewWorld(3)
	h := w.NewHost(loop.Options{})
	k := &tick{h: h}
	k.timer.Init(k)
	ran := false
	h.Loop.PostOffLoop(func() {
		ran = true
		h.Loop.Arm(&k.timer, 50*time.Millisecond)
	})
	start := w.Now()
	w.Pass(time.Second)
	if !ran || k.at-start < int64(50*time.Millisecond) || k.at-start > int64(52*time.Millisecond) {
		t.Errorf("mailbox ran: %v, the timer fired after %v", ran, time.Duration(k.at-start))
	}
}

type tick struct {
	h     *Host
	timer loop.Timer
	at    int64
}

func (k *tick) OnTimer(*loop.Timer) { k.at = k.h.Loop.Now() }
