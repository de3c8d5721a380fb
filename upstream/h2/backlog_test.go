package h2

import (
	"testing"

	"penstock/upstream/stream"
)

// deafOutput is an Output whose transport takes what it is told to.
type deafOutput struct {
	output
	taken int
}

func (o *deafOutput) Unsent() int { return len(o.b) - o.taken }

// TestBodiesWaitForTheTransport: wide windows do not bring more of a body into the output than the transport takes.
func TestBodiesWaitForTheTransport(t *testing.T) {
	o := &deafOutput{}
	c := New(Config{Output: o})
	wide := u32(1 << 30)
	feed := func(typ FrameType, id uint32, payload []byte) {
		t.Helper()
		b := AppendFrameHeader(nil, len(payload), typ, 0, id)
		if err := c.Feed(append(b, payload...)); err != nil {
			t.Fatal(err)
		}
	}
	feed(FrameSettings, 0, append([]byte{0, 4}, wide...))
	feed(FrameWindowUpdate, 0, wide)
	const size = 5 << 20
	var sinks []*sink
	for range 3 {
		k := &sink{t: t}
		s, err := c.Open(postOf(make([]byte, size)), k)
		if err != nil {
			t.Fatal(err)
		}
		k.s = s
		sinks = append(sinks, k)
	}
	rounds := 0
	for ; sinks[0].sent == 0 || sinks[1].sent == 0 || sinks[2].sent == 0; rounds++ {
		if n := o.Unsent(); n > maxBacklogBytes+2*initialFrameBytes || n == 0 {
			t.Fatalf("%d bytes wait in round %d", n, rounds)
		}
		o.taken = len(o.b)
		c.Drained()
	}
	if least := 3 * size / (maxBacklogBytes + 2*initialFrameBytes); rounds < least {
		t.Errorf("%d rounds, want at least %d", rounds, least)
	}
	sinks[0].s.Cancel()
	c.Fail(nil)
	c.Drained()
}

// TestFallBackIsHeardFirst: HTTP_1_1_REQUIRED reaches the owner before the stream's sink, which may open the request again.
func TestFallBackIsHeardFirst(t *testing.T) {
	for _, goAway := range []bool{false, true} {
		told := 0
		runWith(t, "", Config{FallBack: func() { told++ }}, func(sc *script) {
			told = 0
			sc.start()
			k := sc.get()
			k.onFail = func() {
				if told == 0 || !sc.c.Closing() {
					t.Error("the sink heard of it first")
				}
			}
			if goAway {
				sc.feedGoAway(0, ErrCodeHTTP11Required, "")
			} else {
				sc.feedReset(1, ErrCodeHTTP11Required)
			}
			if !k.over || k.failure.Kind != stream.KindRefused || !k.failure.Retryable() || told != 1 {
				t.Errorf("GOAWAY %v: told %d times, %+v", goAway, told, k.failure)
			}
		})
	}
}
