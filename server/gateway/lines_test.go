package gateway_test

import (
	"encoding/binary"
	"strconv"
	"time"

	"penstock/loop/looptest"
	"penstock/upstream/stream"
)

// provider is one connection to a scripted provider, whatever it speaks.
type provider interface {
	end2end() (*looptest.End, *h2Provider) // the second is nil on HTTP/1.1
	lost()
}

// lineRow is a fault of a connection to a provider, whatever the requests on it are.
type lineRow struct {
	name   string
	weight int
	on     protocols
	begin  func(r *rig, e *looptest.End, p provider)
}

type protocols uint8

const (
	onBoth protocols = iota
	onH1
	onH2
)

// lineFaults are all of them: a new one is an entry here.
var lineFaults = []lineRow{
	{"reset at a byte", 4, onBoth, func(r *rig, e *looptest.End, p provider) {
		atByte(r, e, func() { p.lost(); e.Reset() })
	}},
	{"close at a byte", 4, onBoth, func(r *rig, e *looptest.End, p provider) {
		atByte(r, e, func() { p.lost(); e.Close() })
	}},
	{"silence from a byte on", 3, onBoth, func(r *rig, e *looptest.End, _ provider) {
		atByte(r, e, e.Pause)
	}},
	{"deaf for a while", 3, onBoth, func(r *rig, e *looptest.End, _ provider) {
		r.w.After(r.soon(), e.Pause)
		r.w.After(2*time.Second+r.soon(), e.Resume)
	}},
	{"drips", 3, onBoth, func(r *rig, e *looptest.End, _ provider) {
		(&trickle{r: r, pause: 3 * time.Millisecond, most: 40, budget: 600}).on(e)
	}},
	{"short life", 3, onBoth, func(r *rig, e *looptest.End, p provider) {
		r.w.After(r.w.RNG.Duration(0, 20*time.Millisecond), func() { p.lost(); e.Close() })
	}},
	{"close race", 6, onBoth, func(r *rig, e *looptest.End, p provider) {
		// A keep-alive time that ends at any moment, also as a request is on its way.
		r.w.After(r.soon(), func() { p.lost(); e.Close() })
	}},
	{"unasked bytes", 3, onH1, func(r *rig, e *looptest.End, p provider) {
		r.w.After(r.soon(), func() {
			if p.(*h1Provider).ask == nil { // within a body they would be a part of it
				e.Write([]byte("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\ntoks00000000z"))
			}
		})
	}},
	{"settings change", 6, onH2, func(r *rig, e *looptest.End, p provider) {
		_, h := p.end2end()
		for range r.w.RNG.Between(1, 5) {
			r.w.After(r.soon(), func() {
				if !h.dead {
					h.settings(h2Settings{r.w.RNG.Intn(3) * r.w.RNG.Intn(40000), r.w.RNG.Intn(4)})
					h.flush()
				}
			})
		}
		r.w.After(2500*time.Millisecond, func() {
			if !h.dead {
				h.settings(h2Settings{65535, 10})
				h.flush()
			}
		})
	}},
	{"settings flood", 2, onH2, floodOf(func(h *h2Provider) { h.settings(h2Settings{65535, 10}) })},
	{"ping flood", 2, onH2, floodOf(func(h *h2Provider) {
		for range 8 {
			h.out = appendFrame(h.out, framePing, 0, 0, make([]byte, 8))
		}
	})},
	{"window updates", 2, onH2, floodOf(func(h *h2Provider) {
		h.recv++
		h.out = appendNumber(h.out, frameWindowUpdate, 0, 1)
	})},
	{"empty data", 2, onH2, floodOf(func(h *h2Provider) {
		for _, s := range h.order {
			if !s.closed && s.ask != nil && s.ask.status != 0 {
				h.out = appendFrame(h.out, frameData, 0, s.id, nil)
			}
		}
	})},
	{"unknown frames", 2, onH2, floodOf(func(h *h2Provider) { h.out = appendFrame(h.out, 0xbb, 0xff, 1, []byte("unknown")) })},
	{"goes away", 5, onH2, func(r *rig, _ *looptest.End, p provider) {
		_, h := p.end2end()
		r.w.After(r.soon(), func() { h.goAway(codeNo) })
	}},
	{"goes away twice", 3, onH2, func(r *rig, _ *looptest.End, p provider) {
		_, h := p.end2end()
		r.w.After(r.soon(), func() {
			if h.dead || h.gone {
				return
			}
			b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1<<31-1), codeNo)
			h.out = appendFrame(h.out, frameGoAway, 0, 0, b)
			h.flush()
			r.w.After(r.w.RNG.Duration(0, 50*time.Millisecond), func() { h.goAway(codeNo) })
		})
	}},
	{"goes away angry", 3, onH2, func(r *rig, e *looptest.End, p provider) {
		_, h := p.end2end()
		r.w.After(r.soon(), func() {
			h.goAway(codeCalm)
			h.lost()
			e.Close()
		})
	}},
	{"no window back", 3, onH2, func(r *rig, _ *looptest.End, p provider) {
		_, h := p.end2end()
		h.stingy = true
	}},
}

var lineTotal = func() (n int) {
	for i := range lineFaults {
		n += lineFaults[i].weight
	}
	return n
}()

// lineFault draws what is wrong with a new connection to a provider, if anything.
func (r *rig) lineFault(p provider) {
	if r.calm || r.lines == nil || !r.lines() {
		return
	}
	e, h := p.end2end()
	n := r.w.RNG.Intn(lineTotal)
	for i := range lineFaults {
		f := &lineFaults[i]
		if n -= f.weight; n >= 0 {
			continue
		}
		if f.on == onH1 && h != nil || f.on == onH2 && h == nil {
			f = &lineFaults[0]
		}
		r.count("line " + f.name)
		r.trace("%s: %s", e.Label, f.name)
		f.begin(r, e, p)
		return
	}
}

// soon is a moment in which things happen.
func (r *rig) soon() time.Duration { return r.w.RNG.Duration(0, 1500*time.Millisecond) }

// atByte lets so many bytes of the provider through, and none of those behind; then f is called.
func atByte(r *rig, e *looptest.End, f func()) {
	left := 1 + r.w.RNG.Intn(1<<r.w.RNG.Between(4, 13))
	e.Tap(func(b []byte, write func([]byte)) {
		if left <= 0 {
			return
		}
		n := min(left, len(b))
		write(b[:n])
		if left -= n; left <= 0 {
			f()
		}
	})
}

// floodOf sends a hundred and more of what f appends, some at a time.
func floodOf(f func(h *h2Provider)) func(*rig, *looptest.End, provider) {
	return func(r *rig, _ *looptest.End, p provider) {
		_, h := p.end2end()
		n := r.w.RNG.Between(20, 100)
		for range 3 {
			r.w.After(r.soon(), func() {
				for range n {
					if !h.dead {
						f(h)
					}
				}
				h.flush()
			})
		}
	}
}

// trickle is a tap that lets bytes through in pieces, each after a while.
type trickle struct {
	r       *rig
	pause   time.Duration // before a piece, at most
	most    int           // bytes of a piece, at most
	budget  int           // bytes that are held up so; the rest passes whole
	waiting []byte
	due     bool
	write   func([]byte)
}

func (t *trickle) on(e *looptest.End) { e.Tap(t.tap) }

func (t *trickle) tap(b []byte, write func([]byte)) {
	if t.budget <= 0 && !t.due {
		write(b)
		return
	}
	t.write = write
	t.waiting = append(t.waiting, b...)
	t.next()
}

func (t *trickle) next() {
	if t.due || len(t.waiting) == 0 {
		return
	}
	t.due = true
	t.r.w.After(t.r.w.RNG.Duration(0, t.pause), func() {
		t.due = false
		n := len(t.waiting)
		if t.budget > 0 {
			n = min(n, t.r.w.RNG.Between(1, t.most))
		}
		t.budget -= n
		b := t.waiting[:n]
		t.waiting = t.waiting[n:]
		t.write(b)
		t.next()
	})
}

// dialRow is what becomes of a dial.
type dialRow struct {
	name   string
	weight int
	kind   stream.Kind // KindNone: it succeeds
	least  time.Duration
	most   time.Duration
}

// dials are all of them.
var dials = []dialRow{
	{"well", 80, stream.KindNone, 0, 20 * time.Millisecond},
	{"slow", 4, stream.KindNone, 500 * time.Millisecond, 3 * time.Second},
	{"too slow", 2, stream.KindNone, 3 * time.Second, 9 * time.Second},
	{"connect", 4, stream.KindConnect, 0, 20 * time.Millisecond},
	{"connect, late", 2, stream.KindConnect, time.Second, 9 * time.Second},
	{"resolve", 4, stream.KindResolve, 0, 2 * time.Second},
	{"tls", 4, stream.KindTLS, 0, time.Second},
}

func (r *rig) drawDial(name string) (time.Duration, stream.Kind) {
	n := r.w.RNG.Intn(100)
	for i := range dials {
		if n -= dials[i].weight; n < 0 {
			d := &dials[i]
			r.count("dial " + d.name)
			r.trace("a dial to %s: %s", name, d.name)
			return r.w.RNG.Duration(d.least, d.most), d.kind
		}
	}
	return 0, stream.KindNone
}

// label numbers connections for the trace.
func (r *rig) label(name string) string {
	r.labels++
	return name + "#" + strconv.Itoa(r.labels)
}
