package sim

import (
	"strings"
	"testing"

	"penstock/upstream/h2"
)

var benchBody = `{"model":"sim/chat","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user",` +
	`"content":"` + strings.Repeat("lorem ipsum dolor sit amet ", 40) + `"}],"temperature":0.7,"max_tokens":256}`

// forget drops what the server writes.
func (k *link) forget() { k.out = k.out[:0] }

func benchH1(b *testing.B, request string) {
	w := newWorld(b, Options{})
	k := w.connect()
	in := []byte(request)
	read := func() { w.l.Readable(k.c, in) }
	w.batch(read)
	b.ReportAllocs()
	b.SetBytes(int64(len(request)))
	for b.Loop() {
		k.forget()
		w.batch(read)
	}
	if n := w.s.StatsOffLoop().Open; n != 0 {
		b.Fatal("answers are open")
	}
}

func BenchmarkH1Chat(b *testing.B) {
	benchH1(b, post("/v1/chat/completions", benchBody, "Authorization", "Bearer sk-test-0123456789"))
}

func BenchmarkH1ChatStream(b *testing.B) {
	benchH1(b, post("/v1/chat/completions", `{"stream":true,`+benchBody[1:], "Authorization", "Bearer sk-test-0123456789"))
}

func BenchmarkH1Embeddings(b *testing.B) {
	benchH1(b, post("/v1/embeddings", `{"model":"embed","input":"Hello"}`))
}

func BenchmarkH2Chat(b *testing.B) {
	w := newWorld(b, Options{})
	c := newClient(w)
	more := h2.AppendWindowUpdate(nil, 0, 4096)
	request := func() []byte {
		c.next += 2
		frames := c.frames[:0]
		frames = h2.AppendFrameHeader(frames, len(c.block), h2.FrameHeaders, h2.FlagEndHeaders, c.next)
		frames = append(frames, c.block...)
		frames = h2.AppendFrameHeader(frames, len(benchBody), h2.FrameData, h2.FlagEndStream, c.next)
		frames = append(frames, benchBody...)
		frames = append(frames, more...)
		c.frames = frames
		return frames
	}
	read := func() { w.l.Readable(c.c, request()) }
	w.batch(read)
	b.ReportAllocs()
	b.SetBytes(int64(len(benchBody)))
	for b.Loop() {
		c.forget()
		w.batch(read)
	}
}

func BenchmarkReadFields(b *testing.B) {
	body := []byte(benchBody)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var f fields
		if !f.read(body) {
			b.Fatal("refused")
		}
	}
}
