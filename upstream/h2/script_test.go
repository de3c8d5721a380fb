package h2

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"penstock/upstream/stream"
)

// output is an Output that keeps everything.
type output struct {
	b       []byte
	buffers int
	onCall  func()
}

func (o *output) Buffer(n int) *[]byte {
	if n > 32<<10 {
		panic("output: more than 32 KiB asked for")
	}
	o.buffers++
	if o.onCall != nil {
		o.onCall()
	}
	return &o.b
}

// sink records what happens to one stream, one line per event; DATA is joined, so that the record does not depend on splits.
type sink struct {
	t       testing.TB
	s       stream.Stream
	events  []string
	body    []byte
	sent    int
	over    bool
	failure stream.Failure
	credit  bool // credit every piece at once

	onSent, onHead, onBody, onEnd, onFail func()
}

func (k *sink) note(format string, args ...any) {
	if k.over {
		k.t.Errorf("event after the end: "+format, args...)
	}
	k.events = append(k.events, fmt.Sprintf(format, args...))
}

func call(f func()) {
	if f != nil {
		f()
	}
}

func (k *sink) OnSent() {
	k.sent++
	if k.sent > 1 {
		k.t.Error("OnSent twice")
	}
	call(k.onSent)
}

func lines(fields []stream.Field) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%s", f.Name, f.Value)
	}
	return b.String()
}

func (k *sink) OnHead(status int, fields []stream.Field, contentLength int64) {
	k.note("head %d cl=%d%s", status, contentLength, lines(fields))
	call(k.onHead)
}

func (k *sink) OnBody(b []byte) {
	if len(b) == 0 {
		k.t.Error("empty OnBody")
	}
	if n := len(k.events); n == 0 || k.events[n-1] != "body" {
		k.note("body")
	}
	k.body = append(k.body, b...)
	if k.credit {
		k.s.Credit(len(b))
	}
	call(k.onBody)
}

func (k *sink) OnEnd(trailers []stream.Field) {
	k.note("end%s", lines(trailers))
	k.over = true
	call(k.onEnd)
}

func (k *sink) OnFail(f stream.Failure) {
	k.failure = f
	k.note("fail %s code=%d sent=%v unprocessed=%v reused=%v answered=%v",
		f.Kind, f.Code, f.Sent, f.Unprocessed, f.Reused, f.Answered)
	k.over = true
	call(k.onFail)
}

// setting is one parameter of a SETTINGS frame of the server.
type setting struct {
	id    SettingID
	value uint32
}

// script drives one connection without a socket. Header blocks are written and read by x/net's hpack; the round trip against
// net/http covers the frames by an independent codec as well. With split set, every Feed hands over the bytes in pieces of
// that size.
type script struct {
	t     testing.TB
	c     *Conn
	out   *output
	split int

	wire  bytes.Buffer // what the server says next
	enc   *hpack.Encoder
	block bytes.Buffer
	dec   *hpack.Decoder
	sinks []*sink
	err   error

	data       map[uint32][]byte // DATA that we sent
	blockBytes int               // of the last HEADERS that we sent
	frames     int               // of that block
}

var getBlock = &stream.Block{
	Method: "GET", Scheme: "https", Authority: "api.example.com", Path: "/v1/models",
	Fields: []stream.BlockField{{Name: "authorization", Value: "Bearer sk-1234567890"}, {Name: "accept", Value: "*/*"}},
}

var postBlock = &stream.Block{
	Method: "POST", Scheme: "https", Authority: "api.example.com", Path: "/v1/chat/completions",
	Fields: []stream.BlockField{
		{Name: "authorization", Value: "Bearer sk-1234567890"},
		{Name: "content-type", Value: "application/json"},
		{Name: "user-agent", Value: "penstock"},
	},
}

func newScript(t testing.TB, split int, cfg Config) *script {
	sc := &script{t: t, out: new(output), split: split, data: map[uint32][]byte{}}
	cfg.Output = sc.out
	sc.enc = hpack.NewEncoder(&sc.block)
	sc.dec = hpack.NewDecoder(4096, nil)
	sc.c = New(cfg)
	return sc
}

// start takes the client's preface off and lets the server answer with its own.
func (sc *script) start(settings ...setting) {
	sc.t.Helper()
	sc.wantPreface()
	sc.feedSettings(settings...)
	sc.want("SETTINGS ack")
}

func (sc *script) wantPreface() {
	sc.t.Helper()
	if !bytes.HasPrefix(sc.out.b, []byte(ClientPreface)) {
		sc.t.Fatalf("no client preface: %q", sc.out.b)
	}
	sc.out.b = sc.out.b[len(ClientPreface):]
	sc.want("SETTINGS …")
	if sc.c.cfg.ConnWindowBytes > 65535 {
		sc.want("WINDOW_UPDATE 0 …")
	}
}

func (sc *script) open(r *stream.Request) *sink {
	sc.t.Helper()
	k := &sink{t: sc.t}
	s, err := sc.c.Open(r, k)
	if err != nil {
		sc.t.Fatalf("Open: %v", err)
	}
	k.s = s
	sc.sinks = append(sc.sinks, k)
	return k
}

func (sc *script) get() *sink {
	sc.t.Helper()
	return sc.open(&stream.Request{Block: getBlock, BodyBytes: -1})
}

func (sc *script) post(n int) *sink {
	sc.t.Helper()
	return sc.open(postOf(bytes.Repeat([]byte("x"), n)))
}

func postOf(pieces ...[]byte) *stream.Request {
	n := 0
	for _, p := range pieces {
		n += len(p)
	}
	return &stream.Request{Block: postBlock, Body: pieces, BodyBytes: int64(n)}
}

// feed hands what the server has written to the connection.
func (sc *script) feed() {
	b := bytes.Clone(sc.wire.Bytes())
	sc.wire.Reset()
	step := len(b)
	if sc.split > 0 {
		step = sc.split
	}
	for len(b) > 0 {
		n := min(step, len(b))
		piece := bytes.Clone(b[:n])
		if err := sc.c.Feed(piece); err != nil {
			sc.err = err
			return
		}
		for i := range piece {
			piece[i] = 0xEE // borrowed bytes are gone
		}
		b = b[n:]
	}
}

func u32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func endFlag(end bool) Flags {
	if end {
		return FlagEndStream
	}
	return 0
}

func (sc *script) feedRaw(b ...byte) {
	sc.wire.Write(b)
	sc.feed()
}

func (sc *script) feedFrame(typ FrameType, flags Flags, id uint32, payload ...byte) {
	sc.addFrame(typ, flags, id, payload...)
	sc.feed()
}

// addFrame writes a frame that goes with the next feed.
func (sc *script) addFrame(typ FrameType, flags Flags, id uint32, payload ...byte) {
	n := len(payload)
	sc.wire.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), byte(typ), byte(flags)})
	sc.wire.Write(u32(id))
	sc.wire.Write(payload)
}

func (sc *script) feedSettings(settings ...setting) {
	var p []byte
	for _, v := range settings {
		p = binary.BigEndian.AppendUint16(p, uint16(v.id))
		p = binary.BigEndian.AppendUint32(p, v.value)
	}
	sc.feedFrame(FrameSettings, 0, 0, p...)
}

// encode encodes name, value, name, value… with the server's table.
func (sc *script) encode(pairs ...string) []byte {
	sc.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		sc.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return bytes.Clone(sc.block.Bytes())
}

func (sc *script) feedHead(id uint32, endStream bool, pairs ...string) {
	sc.feedFrame(FrameHeaders, FlagEndHeaders|endFlag(endStream), id, sc.encode(pairs...)...)
}

func (sc *script) feedOK(id uint32) { sc.feedHead(id, false, ":status", "200") }

func (sc *script) feedData(id uint32, endStream bool, data string) {
	sc.feedFrame(FrameData, endFlag(endStream), id, []byte(data)...)
}

func (sc *script) feedReset(id uint32, code ErrCode) {
	sc.feedFrame(FrameRSTStream, 0, id, u32(uint32(code))...)
}

func (sc *script) feedGoAway(last uint32, code ErrCode, debug string) {
	sc.feedFrame(FrameGoAway, 0, 0, append(append(u32(last), u32(uint32(code))...), debug...)...)
}

func (sc *script) feedWindow(id uint32, n uint32) {
	sc.feedFrame(FrameWindowUpdate, 0, id, u32(n)...)
}

// cut takes the next frame off what we sent.
func (sc *script) cut() (typ FrameType, flags Flags, id uint32, payload []byte) {
	sc.t.Helper()
	b := sc.out.b
	if len(b) < 9 {
		sc.t.Fatalf("we sent half a frame header: %x", b)
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	if n > 16384 || len(b) < 9+n {
		sc.t.Fatalf("we sent a frame of %d bytes, %d are there", n, len(b)-9)
	}
	typ, flags, id = FrameType(b[3]), Flags(b[4]), binary.BigEndian.Uint32(b[5:])
	payload = bytes.Clone(b[9 : 9+n])
	sc.out.b = append(sc.out.b[:0], b[9+n:]...)
	return typ, flags, id, payload
}

// next describes the next frame that we sent, or is "".
func (sc *script) next() string {
	sc.t.Helper()
	if len(sc.out.b) == 0 {
		return ""
	}
	typ, flags, id, p := sc.cut()
	end := ""
	if flags&FlagEndStream != 0 {
		end = " end"
	}
	switch {
	case typ == FrameSettings && id == 0 && flags == FlagAck && len(p) == 0:
		return "SETTINGS ack"
	case typ == FrameSettings && id == 0 && flags == 0:
		s := "SETTINGS"
		for ; len(p) > 0; p = p[6:] {
			s += fmt.Sprintf(" %d=%d", binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:]))
		}
		return s
	case typ == FrameWindowUpdate && flags == 0 && len(p) == 4:
		return fmt.Sprintf("WINDOW_UPDATE %d %d", id, binary.BigEndian.Uint32(p))
	case typ == FramePing && id == 0 && len(p) == 8 && flags == FlagAck:
		return fmt.Sprintf("PING ack %x", p)
	case typ == FramePing && id == 0 && len(p) == 8 && flags == 0:
		return fmt.Sprintf("PING %x", p)
	case typ == FrameGoAway && id == 0 && flags == 0 && len(p) == 8:
		return fmt.Sprintf("GOAWAY %d %s", binary.BigEndian.Uint32(p), ErrCode(binary.BigEndian.Uint32(p[4:])))
	case typ == FrameRSTStream && flags == 0 && len(p) == 4:
		return fmt.Sprintf("RST_STREAM %d %s", id, ErrCode(binary.BigEndian.Uint32(p)))
	case typ == FrameData && flags&^FlagEndStream == 0:
		sc.data[id] = append(sc.data[id], p...)
		return fmt.Sprintf("DATA %d %d%s", id, len(p), end)
	case typ == FrameHeaders && flags&^(FlagEndStream|FlagEndHeaders) == 0:
		sc.frames = 1
		for flags&FlagEndHeaders == 0 {
			var more []byte
			var cont uint32
			if typ, flags, cont, more = sc.cut(); typ != FrameContinuation || cont != id || flags&^FlagEndHeaders != 0 {
				sc.t.Fatalf("we sent frame type %d in a header block", typ)
			}
			p = append(p, more...)
			sc.frames++
		}
		fields, err := sc.dec.DecodeFull(p)
		if err != nil {
			sc.t.Fatalf("we sent a bad header block: %v", err)
		}
		sc.blockBytes = len(p)
		s := fmt.Sprintf("HEADERS %d%s", id, end)
		for _, hf := range fields {
			s += " " + hf.Name + "=" + hf.Value
			if hf.Sensitive {
				s += "!"
			}
		}
		return s
	}
	return fmt.Sprintf("bad frame: type %d, flags %x, stream %d, %x", typ, flags, id, p)
}

// want checks the next frames that we sent; a description may be a prefix, ending in "…".
func (sc *script) want(frames ...string) {
	sc.t.Helper()
	for _, want := range frames {
		got := sc.next()
		if p, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, p) {
			continue
		}
		if got != want {
			sc.t.Fatalf("sent %q, want %q", got, want)
		}
	}
}

func (sc *script) wantNothing() {
	sc.t.Helper()
	if got := sc.next(); got != "" {
		sc.t.Fatalf("sent %q, want nothing", got)
	}
}

// wantConnError expects GOAWAY with the code as the next frame, the error of Feed, and every stream failed.
func (sc *script) wantConnError(code ErrCode) {
	sc.t.Helper()
	sc.want("GOAWAY 0 " + code.String())
	sc.wantNothing()
	var ce *ConnError
	if !errors.As(sc.err, &ce) || ce.Code != code || ce.Reason == "" {
		sc.t.Fatalf("Feed: %v, want %v", sc.err, code)
	}
	if err := sc.c.Feed([]byte("x")); !errors.Is(err, sc.err) {
		sc.t.Fatalf("Feed after the end: %v", err)
	}
	if !sc.c.Closing() || sc.c.Slots() != 0 || sc.c.Active() != 0 {
		sc.t.Fatal("connection still open")
	}
	for i, k := range sc.sinks {
		if !k.over && k.s != nil {
			sc.t.Fatalf("stream %d was not ended", i)
		}
	}
	if _, err := sc.c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, new(sink)); !errors.Is(err, stream.ErrClosing) {
		sc.t.Fatalf("Open: %v", err)
	}
}

// wantStreamError expects RST_STREAM as the next frame and the stream's failure; the connection lives.
func (sc *script) wantStreamError(k *sink, id uint32, code ErrCode) {
	sc.t.Helper()
	sc.want(fmt.Sprintf("RST_STREAM %d %s", id, code))
	if sc.err != nil {
		sc.t.Fatalf("Feed: %v", sc.err)
	}
	kind := stream.KindProtocol
	if code == ErrCodeEnhanceYourCalm {
		kind = k.failure.Kind
	}
	if !k.over || k.failure.Kind != kind || k.failure.Code != uint32(code) || k.failure.Retryable() {
		sc.t.Fatalf("events %q, want a failure with %v", k.events, code)
	}
	var se *StreamError
	if !errors.As(&k.failure, &se) || se.Code != code {
		sc.t.Fatalf("cause %v, want %v", k.failure.Cause, code)
	}
	if sc.c.Closing() {
		sc.t.Fatal("the connection is closing")
	}
}

func (sc *script) wantEvents(k *sink, events ...string) {
	sc.t.Helper()
	if !slices.Equal(k.events, events) {
		sc.t.Fatalf("events %q, want %q", k.events, events)
	}
}

// run runs a script with the server's bytes in one piece, byte by byte, and cut at every other size up to 32.
func run(t *testing.T, name string, f func(sc *script)) { runWith(t, name, Config{}, f) }

func runWith(t *testing.T, name string, cfg Config, f func(sc *script)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for split := range 33 {
			sc := newScript(t, split, cfg)
			f(sc)
			sc.check()
			if t.Failed() {
				t.Fatalf("with pieces of %d", split)
			}
		}
	})
}

// check looks at what must hold after every script.
func (sc *script) check() {
	sc.t.Helper()
	c := sc.c
	if c.depth != 0 || len(c.dying) != 0 {
		sc.t.Error("calls or ended streams left over")
	}
	if c.table.used != c.active || c.streams.Lent() != c.active {
		sc.t.Errorf("%d active, %d in the table, %d lent", c.active, c.table.used, c.streams.Lent())
	}
	n, unread := 0, 0
	for s := c.oldest; s != nil; s = s.newer {
		if !s.open || c.table.get(s.id) != s {
			sc.t.Errorf("stream %d is not in the table", s.id)
		}
		unread += s.unread
		n++
	}
	if n != c.active {
		sc.t.Errorf("%d in the list, %d active", n, c.active)
	}
	// Nothing of the connection's window may leak.
	if c.err == nil && c.state == recvHeader && c.recvBytes+c.due+unread != c.cfg.ConnWindowBytes {
		sc.t.Errorf("window leaks: %d + %d due + %d unread != %d", c.recvBytes, c.due, unread, c.cfg.ConnWindowBytes)
	}
}
