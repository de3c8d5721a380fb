package sim

import (
	"strings"
	"testing"
	"time"
)

// contents counts the chunks of text in what has come of a chat stream.
func contents(s string) int { return countOf(s, `"delta":{"content":"`) }

func TestPace(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	k.feed(chat("chat?latency=100ms&ttft=300ms&tps=100&tokens=10", `,"stream":true`))
	all := ""
	// What has come by a time, give or take the tick that timers are rounded up to.
	by := func(at time.Duration, heads, chunks int) {
		t.Helper()
		w.pass(time.Second + at - time.Duration(w.now))
		all += k.take()
		if h, c := countOf(all, "HTTP/1.1 200"), contents(all); h != heads || c != chunks {
			t.Errorf("after %v: %d heads and %d chunks, want %d and %d", at, h, c, heads, chunks)
		}
	}
	by(99*time.Millisecond, 0, 0)
	by(102*time.Millisecond, 1, 0)
	if countOf(all, `"role":"assistant"`) != 1 {
		t.Error("no first chunk with the head")
	}
	by(299*time.Millisecond, 1, 0)
	by(302*time.Millisecond, 1, 1)
	by(309*time.Millisecond, 1, 1)
	by(312*time.Millisecond, 1, 2)
	by(389*time.Millisecond, 1, 9)
	if strings.Contains(all, "[DONE]") {
		t.Error("done too early")
	}
	by(392*time.Millisecond, 1, 10)
	if r, _ := readReply(t, all); !r.ended || contentOf(t, r.body) != wholeText(10) {
		t.Errorf("%+v", r)
	}
	w.idle()
}

// Of a whole answer nothing comes before its last token.
func TestPaceOfWholeAnswer(t *testing.T) {
	w := newWorld(t, Options{TTFT: 50 * time.Millisecond, TokensPerSecond: 100, Tokens: 6})
	k := w.connect()
	k.feed(chat("chat", ""))
	w.pass(99 * time.Millisecond)
	if s := k.take(); s != "" {
		t.Fatalf("%q", s)
	}
	w.pass(3 * time.Millisecond)
	r, _ := readReply(t, k.take())
	parseJSON(t, r.body).want("choices.0.message.content", wholeText(6))
	w.idle()
}

// A loop that was away for a while sends what is due in one write, and is not late for the rest.
func TestManyChunksInOneWrite(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	k.feed(chat("chat?tps=100&tokens=50&ttft=10ms", `,"stream":true`))
	k.take()
	before := w.l.Stats().Writes
	w.now += int64(205 * time.Millisecond)
	w.batch(func() {})
	if n := contents(k.take()); n != 20 || w.l.Stats().Writes-before != 1 {
		t.Errorf("%d chunks in %d writes", n, w.l.Stats().Writes-before)
	}
	w.pass(7 * time.Millisecond)
	if n := contents(k.take()); n != 1 {
		t.Errorf("%d chunks, want the next one on time", n)
	}
	k.hangUp()
	w.idle()
}

func TestStamps(t *testing.T) {
	w := newWorld(t, Options{})
	text := contentOf(t, w.ask(chat("chat?stamp&tokens=2", `,"stream":true`)).body)
	if !strings.HasPrefix(text, "@@1795435200000000000This@@17954352") {
		t.Error(text)
	}
}

func TestBrokenStreams(t *testing.T) {
	run := func(model string, chunks int, check func(k *link, r reply)) {
		t.Helper()
		for _, pace := range []string{"", "&tps=1000"} {
			w := newWorld(t, Options{})
			k := w.connect()
			k.feed(chat(model+pace, `,"stream":true`))
			w.pass(50 * time.Millisecond)
			text := k.take()
			var r reply
			if text != "" {
				r, _ = readReply(t, text)
			}
			if n := contents(text); n != chunks {
				t.Errorf("%s%s: %d chunks, want %d", model, pace, n, chunks)
			}
			if strings.Contains(text, "[DONE]") || strings.Contains(text, `"finish_reason":"stop"`) {
				t.Errorf("%s%s: regular end", model, pace)
			}
			check(k, r)
			s := w.s.StatsOffLoop()
			if !k.released {
				k.hangUp()
			} else if s.Broken != 1 || s.Open != 0 {
				t.Errorf("%s%s: %+v", model, pace, s)
			}
			w.idle()
		}
	}
	run("chat?reset=3", 3, func(k *link, r reply) {
		if !k.reset || r.status != 200 || r.ended {
			t.Errorf("reset: %v %+v", k.reset, r)
		}
	})
	run("chat?reset=0", 0, func(k *link, r reply) {
		if !k.reset || r.status != 0 {
			t.Errorf("reset at once: %v %+v", k.reset, r)
		}
	})
	run("chat?close=2", 2, func(k *link, r reply) {
		if !k.released || k.reset || r.status != 200 || r.ended {
			t.Errorf("close: %v %v %+v", k.released, k.reset, r)
		}
	})
	run("chat?close=0", 0, func(k *link, r reply) {
		if !k.released || k.reset || r.status != 0 {
			t.Errorf("close at once: %+v", r)
		}
	})
	run("chat?cut=2", 2, func(k *link, r reply) {
		if k.released || !r.ended {
			t.Errorf("cut: %+v", r)
		}
	})
	run("chat?fail=2", 2, func(k *link, r reply) {
		events := readEvents(t, r.body)
		if o := parseJSON(t, events[len(events)-1].data); k.released || !r.ended || o.at("error.type") != "server_error" {
			t.Errorf("fail: %+v", r)
		}
	})
	stalled := func(k *link, _ reply) {
		s := k.w.s
		if k.released || s.StatsOffLoop().Open != 1 || k.w.l.Timers() != 0 {
			t.Errorf("stall: %+v", s.StatsOffLoop())
		}
		k.hangUp()
		if st := s.StatsOffLoop(); st.Cancelled != 1 || st.Open != 0 {
			t.Errorf("stall: %+v", st)
		}
		k.released = false // hangUp again is harmless
	}
	run("chat?stall=2", 2, stalled)
	run("chat?stall=0", 0, stalled)
}

func TestBrokenWholeAnswers(t *testing.T) {
	for _, wait := range []string{"", "&latency=20ms"} {
		run := func(knob string) (*link, reply, Stats) {
			t.Helper()
			w := newWorld(t, Options{})
			k := w.connect()
			k.feed(chat("chat?"+knob+wait, ""))
			w.pass(50 * time.Millisecond)
			var r reply
			if s := k.take(); s != "" {
				r, _ = readReply(t, s)
			}
			s := w.s.StatsOffLoop()
			if !k.released {
				k.hangUp()
			}
			w.idle()
			return k, r, s
		}
		if k, r, _ := run("reset=0"); !k.reset || r.status != 0 {
			t.Errorf("reset=0: %+v", r)
		}
		if k, r, s := run("reset=1"); !k.reset || r.status != 200 || r.ended || len(r.body) < 100 || s.Broken != 1 {
			t.Errorf("reset=1: %+v", r)
		}
		if k, r, _ := run("close=1"); !k.released || k.reset || r.ended || len(r.body) < 100 {
			t.Errorf("close=1: %+v", r)
		}
		if _, r, s := run("stall=1"); r.ended || len(r.body) < 100 || s.Open != 1 {
			t.Errorf("stall=1: %+v %+v", r, s)
		}
		if _, r, s := run("stall=0"); r.status != 0 || s.Open != 1 {
			t.Errorf("stall=0: %+v", r)
		}
		for _, knob := range []string{"cut=1", "badjson"} {
			if _, r, _ := run(knob); !r.ended || r.status != 200 || isObject(r.body) {
				t.Errorf("%s: %+v", knob, r)
			}
		}
	}
	w := newWorld(t, Options{})
	events := readEvents(t, w.ask(chat("chat?badjson", `,"stream":true`)).body)
	if isObject(events[1].data) || !isObject(events[0].data) || !isObject(events[2].data) {
		t.Errorf("%v", events[:3])
	}
}

// Whoever goes away in the middle of an answer is counted, in each of its stages; nothing is left behind.
func TestCancelled(t *testing.T) {
	for _, request := range []string{
		chat("chat?latency=1s", ""), chat("chat?latency=1s", `,"stream":true`), chat("chat?ttft=1s", `,"stream":true`),
		chat("chat?tps=1", `,"stream":true`), chat("chat?tokens=100000", `,"stream":true`),
		post("/v1/embeddings", `{"model":"e","input":["a","b"],"dimensions":16000}`),
	} {
		w := newWorld(t, Options{})
		k := w.connect()
		k.room = 1000
		k.feed(request)
		w.pass(20 * time.Millisecond)
		if s := w.s.StatsOffLoop(); s.Open != 1 || s.Requests != 1 {
			t.Errorf("%.120s: %+v", request, s)
		}
		k.vanish()
		if s := w.s.StatsOffLoop(); s.Open != 0 || s.Cancelled != 1 || s.StreamsFinished != 0 || s.ConnectionsOpen != 0 {
			t.Errorf("%.120s: %+v", request, s)
		}
		w.idle()
	}
	w := newWorld(t, Options{})
	k := w.connect()
	k.feed(chat("chat", ""))
	k.hangUp()
	if s := w.s.StatsOffLoop(); s.Cancelled != 0 {
		t.Errorf("closing after the answer cancels: %+v", s)
	}
}

// A client that does not read holds at most the bound, whatever the length of its stream, and gets all of it once it
// reads.
func TestBackPressure(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	k.room = 0
	k.feed(chat("chat?tokens=6000", `,"stream":true`))
	w.pass(100 * time.Millisecond)
	if q := k.c.Queued(); q < queueLimitBytes/2 || q > queueLimitBytes+turnBytes {
		t.Errorf("%d bytes are queued", q)
	}
	if n := w.l.Stats().Slabs.LentBytes; n > 4*queueLimitBytes {
		t.Errorf("%d bytes of slabs are lent", n)
	}
	if w.l.Timers() != 0 {
		t.Error("a timer runs while nothing can be sent")
	}
	for w.s.StatsOffLoop().Open > 0 {
		k.drain(100_000)
		if q := k.c.Queued(); q > queueLimitBytes+turnBytes {
			t.Fatalf("%d bytes are queued", q)
		}
		w.pass(2 * time.Millisecond)
	}
	k.drain(-1)
	r, _ := readReply(t, k.take())
	if !r.ended || contentOf(t, r.body) != wholeText(6000) {
		t.Errorf("%d bytes of body", len(r.body))
	}
	k.hangUp()
	w.idle()
}

// A fast reader of a long stream does not keep the loop: each turn is bounded.
func TestTurnsAreBounded(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	k.feed(chat("chat?tokens=6000", `,"stream":true`))
	if n := len(k.out); n > 2*turnBytes {
		t.Errorf("%d bytes in one batch", n)
	}
	w.pass(time.Second)
	if r, _ := readReply(t, k.take()); !r.ended {
		t.Error("not finished")
	}
	w.idle()
}

func TestStatsEndpoints(t *testing.T) {
	w := newWorld(t, Options{})
	w.ask(chat("chat", ""))
	w.ask(chat("chat", `,"stream":true`))
	w.ask(chat("nonexistent", ""))
	k := w.connect()
	k.feed(chat("chat?stall=0", ""))
	stats := func() object { return parseJSON(t, w.ask("GET /sim/stats HTTP/1.1\r\nHost: s\r\n\r\n").body) }
	o := stats()
	for name, want := range map[string]float64{
		"requests": 4, "errors": 1, "streams_started": 1, "streams_finished": 1, "cancelled": 0, "broken": 0, "open": 1,
		"connections": 5, "connections_open": 2,
	} {
		o.want(name, want)
	}
	if o.at("bytes_in").(float64) < 400 || o.at("bytes_out").(float64) < 2000 {
		t.Errorf("%v", o.v)
	}
	k.hangUp()
	stats().want("cancelled", 1.0)
	w.ask(post("/sim/reset", ""))
	o = stats()
	o.want("requests", 0.0)
	o.want("cancelled", 0.0)
	w.idle()
}
