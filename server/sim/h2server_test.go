package sim

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"penstock/upstream/h2"
)

const chatBody = `{"model":"chat?tokens=3","messages":[{"role":"user","content":"Hello"}]}`

func streamBody(model string) string {
	return `{"model":"` + model + `","stream":true,"messages":[{"role":"user","content":"Hello"}]}`
}

func TestH2Requests(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	frames := c.read(t)
	if frames[0].Type != h2.FrameSettings || frames[1].Type != h2.FrameWindowUpdate || frames[2].Type != h2.FrameSettings || !frames[2].Has(h2.FlagAck) {
		t.Fatalf("%+v", frames)
	}
	c.feed(c.open(c.block, chatBody) + c.open(c.block, streamBody("chat?tokens=4")) + c.open(headBlock("GET", "/v1/models"), "") +
		c.open(headBlock("HEAD", "/v1/models"), "") + c.open(headBlock("GET", "/nope"), "") +
		c.open(headBlock("POST", "/v1/messages", "x-api-key", "invalid", "anthropic-version", "2023-06-01"), "{}"))
	all := c.answers(t, c.read(t))
	for id, want := range map[uint32]string{1: "200", 3: "200", 5: "200", 7: "200", 9: "404", 11: "401"} {
		if a := all[id]; a == nil || a.status != want || !a.ended || a.reset {
			t.Errorf("stream %d: %+v", id, a)
		}
	}
	parseJSON(t, all[1].body).want("choices.0.message.content", wholeText(3))
	if got := contentOf(t, all[3].body); got != wholeText(4) {
		t.Errorf("streamed %q", got)
	}
	if all[7].body != "" || all[7].fields["content-length"] != all[5].fields["content-length"] {
		t.Errorf("%+v", all[7])
	}
	if f := all[1].fields; f["content-type"] != "application/json" || f["x-request-id"] == "" || f["date"] != "Mon, 23 Nov 2026 12:00:00 GMT" {
		t.Errorf("%v", f)
	}
	c.hangUp()
	w.idle()
	if s := w.s.StatsOffLoop(); s.Requests != 6 || s.Cancelled != 0 || s.StreamsFinished != 1 {
		t.Errorf("%+v", s)
	}
}

// The frames of an answer do not depend on how those of its request are cut.
func TestH2SplitAtEveryByte(t *testing.T) {
	run := func(cut func(c *client, s string)) string {
		w := newWorld(t, Options{})
		c := newClient(w)
		padded := h2.AppendFrameHeader(nil, len(c.block)+8, h2.FrameHeaders, h2.FlagPadded|h2.FlagPriority, 3)
		padded = append(append(append(padded, 2, 0, 0, 0, 0, 7), c.block...), 0, 0)
		padded = h2.AppendFrameHeader(padded, 0, h2.FrameContinuation, h2.FlagEndHeaders, 3)
		padded = append(h2.AppendFrameHeader(padded, len(chatBody)+4, h2.FrameData, h2.FlagPadded, 3), 3)
		padded = append(append(padded, chatBody...), 0, 0, 0)
		trailers := headBlockOnly("x-sum", "1")
		padded = append(h2.AppendFrameHeader(padded, len(trailers), h2.FrameHeaders, h2.FlagEndHeaders|h2.FlagEndStream, 3), trailers...)
		cut(c, c.open(c.block, streamBody("chat?tokens=2"))+string(padded)+string(h2.AppendPing(nil, 0, 77)))
		s := c.take()
		if countOf(s, "chatcmpl-") < 4 {
			t.Fatalf("%q", s)
		}
		c.hangUp()
		w.idle()
		return s
	}
	want := run(func(c *client, s string) { c.feed(s) })
	n := 0
	run(func(c *client, s string) { n = len(s); c.feed(s) })
	for at := 1; at < n; at++ {
		if got := run(func(c *client, s string) { c.feed(s[:at]); c.feed(s[at:]) }); got != want {
			t.Fatalf("cut at %d: %q, want %q", at, got, want)
		}
	}
	got := run(func(c *client, s string) {
		for i := range len(s) {
			c.feed(s[i : i+1])
		}
	})
	if got != want {
		t.Fatalf("byte by byte: %q, want %q", got, want)
	}
}

func headBlockOnly(fields ...string) (block []byte) {
	for i := 0; i < len(fields); i += 2 {
		block = h2.AppendLiteral(block, []byte(fields[i]), []byte(fields[i+1]))
	}
	return block
}

// The preface itself may come in pieces, and what only looks like one is HTTP/1.1's to refuse.
func TestProtocolByFirstBytes(t *testing.T) {
	w := newWorld(t, Options{})
	k := w.connect()
	preface := h2.ClientPreface + string(h2.AppendFrameHeader(nil, 0, h2.FrameSettings, 0, 0))
	for i := range len(preface) {
		k.feed(preface[i : i+1])
	}
	if f := h2.ParseFrameHeader([]byte(k.take())); f.Type != h2.FrameSettings {
		t.Errorf("%+v", f)
	}
	k.hangUp()
	k = w.connect()
	k.feed("PRI * HT")
	k.feed("TP/2.0\r\n\r\nXX\r\n\r\n")
	if r, _ := readReply(t, k.take()); r.status < 400 {
		t.Errorf("%+v", r)
	}
	k.hangUp()
	k = w.connect()
	k.feed("P")
	k.hangUp()
	w.idle()
	if s := w.s.StatsOffLoop(); s.ConnectionsOpen != 0 {
		t.Errorf("%+v", s)
	}
}

func TestH2Windows(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	var set []byte
	set = h2.AppendFrameHeader(set, 6, h2.FrameSettings, 0, 0)
	set = h2.AppendSetting(set, h2.SettingInitialWindowSize, 100)
	c.feed(string(set))
	c.read(t)
	c.feed(c.open(c.block, streamBody("chat?tokens=500")) + c.open(c.block, chatBody))
	all := c.answers(t, c.read(t))
	if len(all[1].body) != 100 || all[1].ended || len(all[3].body) != 100 {
		t.Fatalf("%d and %d bytes", len(all[1].body), len(all[3].body))
	}
	if n := w.l.Stats().Slabs.LentBytes; n > 64<<10 {
		t.Errorf("%d bytes wait for windows", n)
	}
	// One stream gets more, the other does not.
	c.feed(string(h2.AppendWindowUpdate(nil, 3, 50_000)))
	more := c.answers(t, c.read(t))
	if more[1] != nil || !more[3].ended {
		t.Fatalf("%+v", more)
	}
	parseJSON(t, all[3].body+more[3].body).want("choices.0.message.content", wholeText(3))
	// A larger initial window goes for streams that are open, up to the connection's.
	set = h2.AppendSetting(set[:9], h2.SettingInitialWindowSize, 1<<20)
	c.feed(string(set))
	w.pass(5 * time.Millisecond)
	body := all[1].body + c.answers(t, c.read(t))[1].body
	if sent := len(body) + len(all[3].body+more[3].body); sent != initialWindow {
		t.Errorf("%d bytes on the connection", sent)
	}
	for range 100 {
		c.feed(string(h2.AppendWindowUpdate(nil, 0, 5000)))
		if a := c.answers(t, c.read(t))[1]; a != nil {
			if body += a.body; a.ended {
				break
			}
		}
	}
	if contentOf(t, body) != wholeText(500) {
		t.Errorf("%d bytes", len(body))
	}
	// A window that shrinks below zero holds until it is above again.
	set = h2.AppendSetting(set[:9], h2.SettingInitialWindowSize, 0)
	c.feed(string(set))
	c.read(t)
	c.feed(c.open(c.block, chatBody))
	if a := c.answers(t, c.read(t))[5]; a.status != "200" || a.body != "" {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	w.idle()
	if s := w.s.StatsOffLoop(); s.Cancelled != 1 {
		t.Errorf("%+v", s)
	}
}

func TestH2Reset(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	c.feed(c.open(c.block, streamBody("chat?tps=100")) + c.open(c.block, streamBody("chat?tps=100&tokens=3")) + c.open(c.block, streamBody("chat?stall=0")))
	c.feed(string(h2.AppendRSTStream(nil, 1, h2.ErrCodeCancel)) + string(h2.AppendRSTStream(nil, 5, h2.ErrCodeCancel)))
	if s := w.s.StatsOffLoop(); s.Cancelled != 2 || s.Open != 1 {
		t.Errorf("%+v", s)
	}
	c.read(t)
	w.pass(100 * time.Millisecond)
	all := c.answers(t, c.read(t))
	if len(all) != 1 || !all[3].ended {
		t.Errorf("%+v", all)
	}
	// Late frames of a stream that is gone are harmless.
	c.feed(string(h2.AppendWindowUpdate(nil, 1, 5)) + string(h2.AppendRSTStream(nil, 1, h2.ErrCodeCancel)))
	if f := c.read(t); len(f) != 0 {
		t.Errorf("%+v", f)
	}
	// All of the connection's streams end with it.
	c.feed(c.open(c.block, streamBody("chat?tps=1")) + c.open(c.block, streamBody("chat?latency=1s")))
	c.hangUp()
	if s := w.s.StatsOffLoop(); s.Cancelled != 4 || s.Open != 0 {
		t.Errorf("%+v", s)
	}
	w.idle()
}

func TestH2BrokenAnswers(t *testing.T) {
	w := newWorld(t, Options{})
	ask := func(body string) (*client, *answer2, uint32) {
		t.Helper()
		c := newClient(w)
		c.read(t)
		c.feed(c.open(c.block, body))
		w.pass(5 * time.Millisecond)
		all := c.answers(t, c.read(t))
		return c, all[1], uint32(len(all))
	}
	c, a, _ := ask(streamBody("chat?reset=2"))
	if !a.reset || a.code != uint32(h2.ErrCodeInternal) || contents(a.body) != 2 || a.ended || c.released {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	c, a, _ = ask(streamBody("chat?reset=0"))
	if !a.reset || a.status != "" || c.released {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	c, a, _ = ask(streamBody("chat?close=2"))
	if a.reset || a.ended || contents(a.body) != 2 || !c.released {
		t.Errorf("%+v", a)
	}
	c, a, _ = ask(streamBody("chat?cut=2"))
	if !a.ended || contents(a.body) != 2 || strings.Contains(a.body, "[DONE]") {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	// GOAWAY: what is open ends, what comes later is not answered, then the connection ends.
	c = newClient(w)
	c.read(t)
	c.feed(c.open(c.block, streamBody("chat?goaway&ttft=20ms")) + c.open(c.block, chatBody))
	all := c.answers(t, c.read(t))
	if !all[0].reset || all[0].code != uint32(h2.ErrCodeNo) || all[3] != nil || c.released {
		t.Errorf("%+v", all)
	}
	w.pass(30 * time.Millisecond)
	if a = c.answers(t, c.read(t))[1]; !a.ended || !c.released {
		t.Errorf("%+v, released %v", a, c.released)
	}
	w.idle()
}

func TestH2BodyWindows(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	c.read(t)
	big := `{"model":"chat","messages":[{"role":"user","content":"` + strings.Repeat("x", 5<<20) + `"}]}`
	frames := c.open(c.block, big)
	credit := map[uint32]int{0: connWindowBytes, 1: streamWindowBytes}
	var a *answer2
	for len(frames) > 0 {
		f := h2.ParseFrameHeader([]byte(frames))
		if f.Type == h2.FrameData {
			if credit[0] -= f.Length; credit[0] < 0 {
				t.Fatal("the connection's window is not given back")
			}
			if credit[1] -= f.Length; credit[1] < 0 {
				t.Fatal("the stream's window is not given back")
			}
		}
		c.feed(frames[:9+f.Length])
		frames = frames[9+f.Length:]
		for _, g := range c.read(t) {
			if g.Type == h2.FrameWindowUpdate {
				credit[g.StreamID] += int(binary.BigEndian.Uint32([]byte(g.payload)))
			} else if a == nil {
				a = c.answers(t, []frame{g})[1]
			} else {
				a.body += g.payload
			}
		}
	}
	parseJSON(t, a.body).want("usage.prompt_tokens", float64((len(big)-len(`{"model":"chat","messages":}`)+3)/4))
	// Beyond the bound: an answer, and a reset that asks for no more of it.
	c.feed(c.open(headBlock("POST", "/v1/chat/completions", "content-length", "99999999999"), "x")[:9+len(headBlock("POST", "/v1/chat/completions", "content-length", "99999999999"))])
	if a := c.answers(t, c.read(t))[3]; a.status != "413" || !a.ended || !a.reset {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	w.idle()
}

func TestH2TooManyStreams(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	c.read(t)
	for range maxStreams {
		c.feed(c.open(c.block, streamBody("chat?stall=0")))
	}
	c.feed(c.open(c.block, chatBody))
	if a := c.answers(t, c.read(t))[c.next]; a == nil || !a.reset || a.code != uint32(h2.ErrCodeRefusedStream) {
		t.Errorf("%+v", a)
	}
	c.feed(string(h2.AppendRSTStream(nil, 1, h2.ErrCodeCancel)) + c.open(c.block, chatBody))
	if a := c.answers(t, c.read(t))[c.next]; a == nil || a.status != "200" {
		t.Errorf("%+v", a)
	}
	c.hangUp()
	if s := w.s.StatsOffLoop(); s.Cancelled != maxStreams {
		t.Errorf("%+v", s)
	}
	w.idle()
}

// A client that does not read holds a bounded queue, whatever it asks for: streams stop, and then so does reading.
func TestH2BackPressure(t *testing.T) {
	w := newWorld(t, Options{})
	c := newClient(w)
	c.room = 0
	c.feed(string(frameOf(h2.FrameSettings, 0, 0, h2.AppendSetting(nil, h2.SettingInitialWindowSize, maxWindow))) +
		string(h2.AppendWindowUpdate(nil, 0, maxWindow-initialWindow)))
	for range 6 {
		c.feed(c.open(c.block, streamBody("chat?tokens=6000")))
	}
	w.pass(20 * time.Millisecond)
	if q := c.c.Queued(); q > queueLimitBytes+turnBytes {
		t.Errorf("%d bytes are queued", q)
	}
	if c.c.Paused() {
		t.Error("streams alone stop the reading")
	}
	pings := strings.Repeat(string(h2.AppendPing(nil, 0, 1)), 2000)
	for range 100 {
		if !c.c.Paused() {
			c.feed(pings)
		}
	}
	if q := c.c.Queued(); !c.c.Paused() || q > 2*floodLimitBytes {
		t.Errorf("%d bytes are queued", q)
	}
	if n := w.l.Stats().Slabs.LentBytes; n > 4<<20 {
		t.Errorf("%d bytes of slabs are lent", n)
	}
	c.drain(-1)
	w.pass(time.Second)
	if c.c.Paused() || w.s.StatsOffLoop().Open != 0 {
		t.Errorf("paused %v, %+v", c.c.Paused(), w.s.StatsOffLoop())
	}
	all := c.answers(t, c.read(t))
	for i := range uint32(6) {
		if a := all[2*i+1]; !a.ended || contents(a.body) != 6000 {
			t.Errorf("stream %d has %d chunks", 2*i+1, contents(a.body))
		}
	}
	c.hangUp()
	w.idle()
}

// FuzzH2 looks for panics, for what is left behind, and for a difference that the cut of the input makes.
func FuzzH2(f *testing.F) {
	block := headBlock("POST", "/v1/chat/completions")
	f.Add(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, block), uint16(5))
	f.Add(append(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, block), frameOf(h2.FrameData, h2.FlagEndStream, 1, []byte(chatBody))...), uint16(40))
	f.Add([]byte(longList()), uint16(20000))
	f.Add(append(h2.AppendPing(nil, 0, 9), h2.AppendGoAway(nil, 0, 0)...), uint16(9))
	f.Add(append(frameOf(h2.FrameHeaders, h2.FlagEndHeaders, 1, block), h2.AppendRSTStream(nil, 1, 8)...), uint16(60))
	f.Add(frameOf(h2.FrameSettings, 0, 0, h2.AppendSetting(nil, h2.SettingInitialWindowSize, 7)), uint16(3))
	f.Fuzz(func(t *testing.T, input []byte, cut uint16) {
		run := func(at int) string {
			w := newWorld(t, Options{})
			c := newClient(w)
			c.feed(string(input[:at]))
			if !c.released {
				c.feed(string(input[at:]))
			}
			w.pass(3 * time.Millisecond)
			if !c.released {
				c.vanish()
			}
			w.idle()
			return c.take()
		}
		whole := run(0)
		if parts := run(min(int(cut), len(input))); parts != whole {
			t.Fatalf("cut at %d: %q, whole: %q", cut, parts, whole)
		}
	})
}
