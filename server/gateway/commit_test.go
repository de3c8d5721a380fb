package gateway_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"penstock/loop/looptest"
	"penstock/server/gateway"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// TestCommitPoint plays what the first of two providers does, step by step, and says what the client gets: before the response is
// committed the second provider answers, after it nobody does.
func TestCommitPoint(t *testing.T) {
	const media, stream = "application/json", "text/event-stream"
	type play func(r *rig, a *ask, at reply, body []byte)
	wait := func(r *rig, d time.Duration) { r.w.Pass(d) }
	half := func(b []byte) []byte { return b[:len(b)/2] }
	cases := []struct {
		name   string
		kinds  []kind
		tune   func(*gateway.Policy)
		play   play
		second bool   // the second provider is asked
		status int    // of the answer; 0: the connection is cut in the middle of it
		errors string // what the error says, where there is one
		whole  bool   // no half event reached the client
	}{
		{
			name: "reset after the head of a stream", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, _ []byte) {
				at.head(200, stream, -1)
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "end after the head of a stream", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, _ []byte) {
				at.head(200, stream, -1)
				wait(r, time.Millisecond)
				at.end()
			},
		},
		{
			name: "reset within the first event of a stream", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, stream, -1)
				at.data(b[:20])
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset within the first event, after a keep-alive", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, stream, -1)
				wait(r, 1500*time.Millisecond)
				at.data(b[:20])
				wait(r, 1500*time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset after the first event of a stream", kinds: []kind{kindStream}, status: 200, errors: "broke off",
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, stream, -1)
				at.data(b[:bytes.Index(b, []byte("\n\n"))+2])
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset within a later event", kinds: []kind{kindStream, kindStreamUsage}, status: 200, errors: "broke off", whole: true,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, stream, -1)
				at.data(b[:bytes.Index(b, []byte("\n\n"))+20])
				wait(r, time.Millisecond)
				at.data(b[bytes.Index(b, []byte("\n\n"))+20:][:10])
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset after the last byte that was announced", kinds: []kind{kindChat}, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, "audio/mpeg", len(b))
				a.cost = true
				at.data(b)
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "end in the middle of a stream", kinds: []kind{kindStream}, status: 200, errors: "without finishing",
			play: func(r *rig, a *ask, at reply, b []byte) { at.head(200, stream, -1); at.data(half(b)); at.end() },
		},
		{
			name: "reset in the middle of a plain answer", kinds: []kind{kindChat, kindMessages}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, media, len(b))
				at.data(half(b))
				wait(r, 5*time.Millisecond)
				at.reset()
			},
		},
		{
			name: "connection lost in the middle of a plain answer", kinds: []kind{kindChat}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) { at.head(200, media, len(b)); at.data(half(b)); at.hangUp() },
		},
		{
			name: "a plain answer that ends in its middle", kinds: []kind{kindChat, kindMessages}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) { at.head(200, media, -1); at.data(half(b)); at.end() },
		},
		{
			name: "a plain answer that ends in its middle, no second try", kinds: []kind{kindChat}, status: 502, errors: "without finishing",
			tune: func(p *gateway.Policy) { p.Retry.Attempts = 1 },
			play: func(r *rig, a *ask, at reply, b []byte) { at.head(200, media, -1); at.data(half(b)); at.end() },
		},
		{
			name: "nonsense after the head", kinds: []kind{kindChat, kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, media, -1)
				wait(r, time.Millisecond)
				at.garbage()
			},
		},
		{
			name: "no second try", kinds: []kind{kindChat, kindMessages}, status: 502, errors: "in the middle",
			tune: func(p *gateway.Policy) { p.Retry.Attempts = 1 },
			play: func(r *rig, a *ask, at reply, b []byte) { at.head(200, media, len(b)); at.data(half(b)); at.reset() },
		},
		{
			name: "a plain answer that has been coming for long", kinds: []kind{kindChat}, status: 0,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, media, len(b))
				at.data(half(b))
				wait(r, 1100*time.Millisecond)
				at.reset()
			},
		},
		{
			name: "a media file is passed as it comes", kinds: []kind{kindChat}, status: 0,
			play: func(r *rig, a *ask, at reply, b []byte) {
				at.head(200, "audio/mpeg", -1)
				at.data(half(b))
				wait(r, time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset after a head and a keep-alive", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, _ []byte) {
				at.head(200, stream, -1)
				wait(r, 1500*time.Millisecond)
				at.reset()
			},
		},
		{
			name: "reset after a keep-alive alone", kinds: []kind{kindStream}, second: true, status: 200,
			play: func(r *rig, a *ask, at reply, _ []byte) { wait(r, 1500*time.Millisecond); at.reset() },
		},
		{
			name: "silence before the head", kinds: []kind{kindChat}, status: 504, errors: "did not answer in time",
			play: func(r *rig, _ *ask, _ reply, _ []byte) { wait(r, 4100*time.Millisecond) },
		},
		{
			name: "silence before the head, to be tried elsewhere", kinds: []kind{kindChat, kindStream}, second: true, status: 200,
			tune: func(p *gateway.Policy) { p.Retry.Timeout = true },
			play: func(r *rig, _ *ask, _ reply, _ []byte) { wait(r, 4100*time.Millisecond) },
		},
		{
			name: "silence after the head, to be tried elsewhere", kinds: []kind{kindStream}, second: true, status: 200,
			tune: func(p *gateway.Policy) { p.Retry.Timeout = true },
			play: func(r *rig, _ *ask, at reply, _ []byte) { at.head(200, stream, -1); wait(r, 3100*time.Millisecond) },
		},
		{
			name: "silence after the first byte", kinds: []kind{kindStream}, status: 200, errors: "fell silent",
			tune: func(p *gateway.Policy) { p.Retry.Timeout = true },
			play: func(r *rig, _ *ask, at reply, b []byte) {
				at.head(200, stream, -1)
				at.data(half(b))
				wait(r, 3100*time.Millisecond)
			},
		},
	}
	for _, c := range cases {
		for _, k := range c.kinds {
			t.Run(fmt.Sprintf("%s/%s", c.name, k), func(t *testing.T) {
				r := calmRig(c.tune)
				r.calm = false
				r.fateOf = func(a *ask) fate {
					if a.provider == "alpha" {
						return fateSilent
					}
					return fateWell
				}
				var at reply
				r.served = func(a *ask, to reply) {
					if a.provider == "alpha" {
						at = to
					}
				}
				seen := &transcript{}
				e := r.connect(looptest.Link{}, seen)
				q := newRequest(k, "both", makeToken('s', 5))
				e.Write(q.wire)
				r.w.Pass(10 * time.Millisecond)
				a := r.asks[0]
				body := wholeAnswer(a.token, a.api)
				if a.stream {
					body = bytes.Join(eventAnswer(a.token, true), nil)
				}
				c.play(r, a, at, body)
				a.over = true
				r.w.Run(10*time.Second, func() bool { return r.g.Open() == 0 })
				r.w.Pass(50 * time.Millisecond)
				if n := len(r.asks); n > 1 != c.second {
					t.Errorf("%d providers were asked", n)
				}
				got := string(seen.got)
				switch {
				case c.status == 0:
					if !seen.ended || strings.Contains(got, "\r\n0\r\n\r\n") {
						t.Errorf("the answer was not cut: %q", got)
					}
				case !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || strings.Count(got, "HTTP/1.1 ") != 1:
					t.Errorf("the client got %q", got)
				case c.errors != "" && (strings.Count(got, `"error"`) == 0 || !strings.Contains(got, c.errors) || strings.Contains(got, "[DONE]")):
					t.Errorf("no error %q in %q", c.errors, got)
				case c.errors == "" && (strings.Contains(got, `"error"`) || a.stream && strings.Count(got, "[DONE]") != 1):
					t.Errorf("not an answer: %q", got)
				case seen.ended:
					t.Error("the connection was closed")
				}
				if c.whole {
					wholeEvents(t, seen.got)
				}
				if c.status != 0 {
					// What was taken back has left nothing on the connection.
					seen.got = nil
					e.Write(newRequest(kindModels, "both", makeToken('s', 6)).wire)
					r.w.Pass(10 * time.Millisecond)
					if !bytes.HasPrefix(seen.got, []byte("HTTP/1.1 200 OK\r\n")) {
						t.Errorf("the next request got %q", seen.got)
					}
				}
				e.Close()
				if err := r.end(); err != nil {
					t.Error(err)
				}
				accounted := uint64(0)
				r.g.Counters.EachEndpoint(func(_ string, e *observe.EndpointStats) { accounted += e.Duration.Count() })
				if want := uint64(1 + min(c.status, 1)); accounted != want {
					t.Errorf("%d requests were accounted, want %d", accounted, want)
				}
			})
		}
	}
}

// wholeEvents finds half an event in a response.
func wholeEvents(t *testing.T, got []byte) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(got)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(body)) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != "[DONE]" && !json.Valid([]byte(data)) {
			t.Errorf("half an event: %q in %q", line, body)
		}
	}
}

// What a client that left was to get and did not, because it was not committed, does not count as sent.
func TestBytesOfAPendingAnswerAreNotCounted(t *testing.T) {
	r := calmRig(nil)
	r.calm = false
	r.fateOf = func(*ask) fate { return fateSilent }
	var at reply
	r.served = func(_ *ask, to reply) { at = to }
	seen := &transcript{}
	e := r.connect(looptest.Link{}, seen)
	e.Write(newRequest(kindChat, "m-alpha", makeToken('s', 5)).wire)
	r.w.Pass(10 * time.Millisecond)
	body := wholeAnswer(r.asks[0].token, r.asks[0].api)
	at.head(200, "application/json", len(body))
	at.data(body[:len(body)/2])
	r.w.Pass(10 * time.Millisecond)
	e.Reset()
	r.w.Pass(10 * time.Millisecond)
	r.asks[0].over = true
	if n := r.g.Counters.DownBytesOut; n != 0 || len(seen.got) != 0 {
		t.Errorf("%d bytes are counted, the client got %d", n, len(seen.got))
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// The same holds for the beginning of an event that waits for its end.
func TestBytesOfHalfAnEventAreNotCounted(t *testing.T) {
	r := calmRig(nil)
	r.calm = false
	r.fateOf = func(*ask) fate { return fateSilent }
	var at reply
	r.served = func(_ *ask, to reply) { at = to }
	seen := &transcript{}
	e := r.connect(looptest.Link{}, seen)
	e.Write(newRequest(kindStream, "m-alpha", makeToken('s', 5)).wire)
	r.w.Pass(10 * time.Millisecond)
	events := eventAnswer(r.asks[0].token, true)
	at.head(200, "text/event-stream", -1)
	at.data(events[0])
	r.w.Pass(10 * time.Millisecond)
	at.data(events[1][:5])
	r.w.Pass(10 * time.Millisecond)
	e.Reset()
	r.w.Pass(10 * time.Millisecond)
	r.asks[0].over = true
	if n := r.g.Counters.DownBytesOut; n != uint64(len(seen.got)) || n == 0 {
		t.Errorf("%d bytes are counted, the client got %d", n, len(seen.got))
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// transcript is a client that keeps what it gets.
type transcript struct {
	got   []byte
	ended bool
}

func (s *transcript) OnBytes(_ *looptest.End, b []byte) { s.got = append(s.got, b...) }
func (s *transcript) OnEnd(*looptest.End, error)        { s.ended = true }

// A provider that nobody can stand in for is dialled again after a pause, since it may be in the middle of a restart; where there is
// another one, that one is asked at once.
func TestConnectIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		model  string
		down   time.Duration
		status int
		least  time.Duration
	}{
		{"m-alpha", 500 * time.Millisecond, 200, 500 * time.Millisecond},
		{"m-alpha", time.Hour, 502, time.Second},
		{"both", time.Hour, 200, 0},
	} {
		r := newRig(1, func(p *gateway.Policy) { p.Providers[0].Up.Warm = 0 })
		r.calm = true
		up := r.w.Now() + int64(c.down)
		r.d.targets["alpha"].dial = func() (time.Duration, stream.Kind) {
			if r.w.Now() < up {
				return time.Millisecond, stream.KindConnect
			}
			return time.Millisecond, stream.KindNone
		}
		seen := &transcript{}
		start := r.w.Now()
		e := r.connect(looptest.Link{}, seen)
		e.Write(newRequest(kindChat, c.model, makeToken('s', 5)).wire)
		r.w.Run(10*time.Second, func() bool { return len(seen.got) > 0 })
		took := time.Duration(r.w.Now() - start)
		r.w.Pass(10 * time.Millisecond)
		if !bytes.HasPrefix(seen.got, fmt.Appendf(nil, "HTTP/1.1 %d ", c.status)) || took < c.least || took > c.least+time.Second {
			t.Errorf("%s, down for %v: after %v %q", c.model, c.down, took, seen.got)
		}
		e.Close()
		if err := r.end(); err != nil {
			t.Error(err)
		}
	}
}
