//go:build !race

package sim

import (
	"testing"

	"penstock/upstream/h2"
)

func TestNoAllocations(t *testing.T) {
	none := func(name string, run func()) {
		t.Helper()
		for range 100 {
			run()
		}
		if n := testing.AllocsPerRun(200, run); n != 0 {
			t.Errorf("%s: %v allocations for each request", name, n)
		}
	}
	for name, request := range map[string]string{
		"chat":           post("/v1/chat/completions", benchBody, "Authorization", "Bearer k"),
		"chat with knob": chat("sim/chat?tokens=50&tps=0", ""),
		"chat stream":    chat("chat", `,"stream":true,"stream_options":{"include_usage":true}`),
		"messages": post("/v1/messages", `{"model":"c","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"x"}]}`,
			"anthropic-version", "2023-06-01"),
		"delayed": chat("chat?latency=1ms", ""),
	} {
		w := newWorld(t, Options{})
		k := w.connect()
		in := []byte(request)
		read := func() { w.l.Readable(k.c, in) }
		nothing := func() {}
		none(name, func() {
			k.forget()
			w.batch(read)
			for range 3 {
				w.now += 1 << 20
				w.batch(nothing)
			}
			if len(k.out) < 500 {
				t.Fatalf("%s: %q", name, k.out)
			}
		})
	}
	w := newWorld(t, Options{})
	c := newClient(w)
	frames := make([]byte, 0, 4096)
	read := func() { w.l.Readable(c.c, frames) }
	none("h2", func() {
		c.next += 2
		frames = h2.AppendFrameHeader(frames[:0], len(c.block), h2.FrameHeaders, h2.FlagEndHeaders, c.next)
		frames = append(frames, c.block...)
		frames = h2.AppendFrameHeader(frames, len(chatBody), h2.FrameData, h2.FlagEndStream, c.next)
		frames = append(frames, chatBody...)
		frames = h2.AppendWindowUpdate(frames, 0, 4096)
		c.forget()
		w.batch(read)
	})
}
