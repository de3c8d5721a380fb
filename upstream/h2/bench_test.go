package h2

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"

	"penstock/upstream/stream"
)

// quiet is a sink that counts and credits, as a relay does.
type quiet struct {
	s           stream.Stream
	heads, ends int
	bytes       int
	fields      int
}

func (k *quiet) OnSent()                                      {}
func (k *quiet) OnHead(_ int, fields []stream.Field, _ int64) { k.heads++; k.fields += len(fields) }
func (k *quiet) OnBody(b []byte)                              { k.bytes += len(b); k.s.Credit(len(b)) }
func (k *quiet) OnEnd([]stream.Field)                         { k.ends++ }
func (k *quiet) OnFail(f stream.Failure)                      { panic(f.Error()) }

// exchanges is a connection and the server's answers to a batch of requests, as a provider sends them.
type exchanges struct {
	c     *Conn
	out   *output
	r     *stream.Request
	sinks []quiet
	enc   *hpack.Encoder
	block bytes.Buffer
	wire  []byte
	up    int
}

func newExchanges(batch int) *exchanges {
	e := &exchanges{out: new(output), sinks: make([]quiet, batch)}
	e.c = New(Config{Output: e.out})
	e.enc = hpack.NewEncoder(&e.block)
	body := bytes.Repeat([]byte("0123456789ab"), 100)
	e.r = &stream.Request{Block: postBlock, Body: [][]byte{body[:700], body[700:]}, BodyBytes: int64(len(body))}
	e.up = len(body)
	wire := AppendFrameHeader(nil, 12, FrameSettings, 0, 0)
	wire = AppendSetting(wire, SettingInitialWindowSize, 1<<20)
	wire = AppendSetting(wire, SettingMaxConcurrentStreams, 250)
	if err := e.c.Feed(wire); err != nil {
		panic(err)
	}
	return e
}

// answers writes the server's side of the next batch. The date and the request id change, the rest is in the table after the
// first answer, as with real servers.
func (e *exchanges) answers() {
	down := bytes.Repeat([]byte("abcdefghijk"), 100)
	e.wire = e.wire[:0]
	for i := range e.sinks {
		id := e.c.nextID + 2*uint32(i)
		e.block.Reset()
		for _, f := range []hpack.HeaderField{
			{Name: ":status", Value: "200"},
			{Name: "content-type", Value: "application/json"},
			{Name: "content-length", Value: "1100"},
			{Name: "date", Value: "Mon, 23 Nov 2026 18:47:00 GMT"},
			{Name: "server", Value: "uvicorn"},
			{Name: "x-ratelimit-limit-requests", Value: "10000"},
			{Name: "x-ratelimit-remaining-requests", Value: "9999"},
			{Name: "openai-processing-ms", Value: "172", Sensitive: true},
			{Name: "x-request-id", Value: "req_011CV6n4rT2mWqYyJ8s9uZxK", Sensitive: true},
		} {
			e.enc.WriteField(f)
		}
		e.wire = AppendFrameHeader(e.wire, e.block.Len(), FrameHeaders, FlagEndHeaders, id)
		e.wire = append(e.wire, e.block.Bytes()...)
		e.wire = AppendFrameHeader(e.wire, len(down), FrameData, FlagEndStream, id)
		e.wire = append(e.wire, down...)
	}
	// What the batch takes from the connection's window is granted again.
	e.wire = AppendWindowUpdate(e.wire, 0, e.up*len(e.sinks))
}

// rewrite puts the ids of the next batch into the answers, which are otherwise the same from the second batch on.
func (e *exchanges) rewrite() {
	id := e.c.nextID
	for at, n := 0, 0; n < 2*len(e.sinks); n++ {
		h := ParseFrameHeader(e.wire[at:])
		AppendFrameHeader(e.wire[:at], h.Length, h.Type, h.Flags, id+2*uint32(n/2))
		at += FrameHeaderBytes + h.Length
	}
}

func (e *exchanges) run() {
	e.out.b = e.out.b[:0]
	for i := range e.sinks {
		s, err := e.c.Open(e.r, &e.sinks[i])
		if err != nil {
			panic(err)
		}
		e.sinks[i].s = s
	}
	if err := e.c.Feed(e.wire); err != nil {
		panic(err)
	}
}

func (e *exchanges) warm() {
	for range 3 {
		e.answers()
		e.run()
	}
	e.answers()
}

func benchmarkExchange(b *testing.B, batch int) {
	e := newExchanges(batch)
	e.warm()
	b.ReportAllocs()
	b.SetBytes(int64(len(e.wire)/batch + len(e.out.b)/batch))
	left := 0
	for b.Loop() {
		if left == 0 {
			e.rewrite()
			e.run()
			left = batch
		}
		left--
	}
}

func BenchmarkExchange1(b *testing.B)  { benchmarkExchange(b, 1) }
func BenchmarkExchange16(b *testing.B) { benchmarkExchange(b, 16) }
func BenchmarkExchange64(b *testing.B) { benchmarkExchange(b, 64) }

// BenchmarkChunk is one small DATA frame of a streamed answer.
func BenchmarkChunk(b *testing.B) {
	e := newExchanges(1)
	s, err := e.c.Open(e.r, &e.sinks[0])
	if err != nil {
		b.Fatal(err)
	}
	e.sinks[0].s = s
	e.block.Reset()
	e.enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	wire := AppendFrameHeader(nil, e.block.Len(), FrameHeaders, FlagEndHeaders, 1)
	if err := e.c.Feed(append(wire, e.block.Bytes()...)); err != nil {
		b.Fatal(err)
	}
	const chunk = 180
	wire = append(AppendFrameHeader(nil, chunk, FrameData, 0, 1), make([]byte, chunk)...)
	b.ReportAllocs()
	b.SetBytes(int64(len(wire)))
	for b.Loop() {
		e.out.b = e.out.b[:0]
		if err := e.c.Feed(wire); err != nil {
			b.Fatal(err)
		}
	}
}

// responseBlocks is a header block that fills a table, and one that makes use of it.
func responseBlocks() (first, second []byte) {
	e := newExchanges(1)
	e.answers()
	first = bytes.Clone(e.block.Bytes())
	e.answers()
	return first, bytes.Clone(e.block.Bytes())
}

func BenchmarkDecode(b *testing.B) {
	first, second := responseBlocks()
	emit := func(_, _ []byte) error { return nil }
	b.Run("ours", func(b *testing.B) {
		d := NewDecoder(4096)
		if err := d.Decode(first, 64<<10, emit); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(second)))
		for b.Loop() {
			if err := d.Decode(second, 64<<10, emit); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("xnet", func(b *testing.B) {
		d := hpack.NewDecoder(4096, func(hpack.HeaderField) {})
		if _, err := d.Write(first); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.SetBytes(int64(len(second)))
		for b.Loop() {
			if _, err := d.Write(second); err != nil {
				b.Fatal(err)
			}
			d.Close()
		}
	})
}

func BenchmarkHuffman(b *testing.B) {
	text := "req_011CV6n4rT2mWqYyJ8s9uZxK"
	code := hpack.AppendHuffmanString(nil, text)
	var dst []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		dst, _ = appendHuffman(dst[:0], code)
	}
}

func BenchmarkEncodeHead(b *testing.B) {
	var e encoder
	e.init()
	r := &stream.Request{Block: postBlock, BodyBytes: 1200}
	var dst []byte
	for range 2 {
		dst = e.appendHead(dst[:0], r)
	}
	b.ReportAllocs()
	for b.Loop() {
		dst = e.appendHead(dst[:0], r)
	}
}
