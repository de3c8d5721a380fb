package gateway_test

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"penstock/loop/looptest"
)

// Frame types, flags, settings and error codes (RFC 9113 §6 and §7), written down a second time: what the gateway's codec and this
// provider share would hide an error in both.
const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameRSTStream    = 3
	frameSettings     = 4
	framePushPromise  = 5
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8
	frameContinuation = 9

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32

	settingTableSize     = 1
	settingMaxConcurrent = 3
	settingInitialWindow = 4
	settingMaxFrame      = 5

	codeNo       = 0
	codeInternal = 2
	codeRefused  = 7
	codeCalm     = 11

	clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// appendFrame appends a frame.
func appendFrame(dst []byte, typ, flags byte, id uint32, payload []byte) []byte {
	n := len(payload)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), typ, flags)
	dst = binary.BigEndian.AppendUint32(dst, id)
	return append(dst, payload...)
}

func appendNumber(dst []byte, typ byte, id uint32, n int) []byte {
	return appendFrame(dst, typ, 0, id, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// h2Provider is one connection of a scripted provider that speaks HTTP/2: frames by hand, header compression by x/net, so another
// reading of the RFCs than ours.
type h2Provider struct {
	r       *rig
	e       *looptest.End
	name    string
	in      []byte
	preface bool
	out     []byte
	dec     *hpack.Decoder
	enc     *hpack.Encoder
	block   bytes.Buffer
	streams map[uint32]*h2Stream
	order   []*h2Stream
	last    uint32 // id of the last stream opened
	gone    bool   // GOAWAY is out
	dead    bool
	stingy  bool // gives no window back

	initial int // window of a new stream that the gateway grants
	window  int // of the connection
	recv    int // of the connection, that we grant

	ours    h2Settings   // that the gateway knows of
	pending []h2Settings // sent and not acknowledged yet
}

// h2Settings are those of this provider that bound what the gateway may do.
type h2Settings struct{ window, streams int }

// h2Stream is one request on it.
type h2Stream struct {
	p        *h2Provider
	id       uint32
	ask      *ask
	fields   map[string]string
	body     []byte
	recv     int // the gateway may send
	window   int // we may send
	queue    []byte
	ending   bool
	trailing bool // end with trailers
	extra    bool // and with more DATA behind
	closed   bool
}

func newH2(r *rig, name string, e *looptest.End) {
	p := &h2Provider{
		r: r, e: e, name: name, streams: map[uint32]*h2Stream{}, initial: 65535, window: 65535, recv: 65535,
		ours: h2Settings{65535, 1 << 30}, // what RFC 9113 §6.5.2 starts with
	}
	e.Label = r.label(name)
	p.dec = hpack.NewDecoder(4096, nil)
	p.enc = hpack.NewEncoder(&p.block)
	s := h2Settings{65535, 100}
	if !r.calm || r.timed {
		s.streams = 1 + r.w.RNG.Intn(8)
		if r.w.RNG.Chance(30) {
			s.window = 1 + r.w.RNG.Intn(2000)
		}
	}
	p.settings(s)
	e.Play(p)
	p.flush()
	r.lineFault(p)
}

func (p *h2Provider) end2end() (*looptest.End, *h2Provider) { return p.e, p }

// settings announces s.
func (p *h2Provider) settings(s h2Settings) {
	var b []byte
	set := func(id, v int) {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(b, uint16(id)), uint32(v))
	}
	set(settingMaxConcurrent, s.streams)
	set(settingInitialWindow, s.window)
	if p.r.w.RNG.Chance(10) {
		set(settingTableSize, p.r.w.RNG.Intn(4097))
		set(settingMaxFrame, 16384+p.r.w.RNG.Intn(1000))
	}
	p.pending = append(p.pending, s)
	p.out = appendFrame(p.out, frameSettings, 0, 0, b)
}

// acknowledged takes what the gateway keeps to from here on.
func (p *h2Provider) acknowledged() {
	if len(p.pending) == 0 {
		p.r.fail("an acknowledgement of SETTINGS that nobody has sent")
		return
	}
	s := p.pending[0]
	p.pending = p.pending[1:]
	for _, st := range p.streams {
		st.recv += s.window - p.ours.window
	}
	p.ours = s
}

func (p *h2Provider) flush() {
	p.e.Write(p.out)
	p.out = p.out[:0]
}

func (p *h2Provider) OnBytes(_ *looptest.End, b []byte) {
	p.in = append(p.in, b...)
	if !p.preface {
		if len(p.in) < len(clientPreface) {
			return
		}
		if string(p.in[:len(clientPreface)]) != clientPreface {
			p.r.fail("preface %q", p.in)
			return
		}
		p.preface, p.in = true, p.in[len(clientPreface):]
	}
	for len(p.in) >= 9 && !p.dead {
		n := 9 + int(binary.BigEndian.Uint32(p.in)>>8)
		if len(p.in) < n {
			break
		}
		p.frame(p.in[3], p.in[4], binary.BigEndian.Uint32(p.in[5:]), p.in[9:n])
		p.in = p.in[n:]
	}
	p.pump()
	p.flush()
}

func (p *h2Provider) frame(typ, flags byte, id uint32, b []byte) {
	s := p.streams[id]
	if flags&(flagPadded|flagPriority) != 0 && typ <= frameHeaders || len(b) > 16384 {
		p.r.fail("frame of type %d with flags %x and %d bytes: not what the gateway is known to send", typ, flags, len(b))
	}
	switch typ {
	case frameSettings:
		if flags&flagAck != 0 {
			p.acknowledged()
			return
		}
		for ; len(b) >= 6; b = b[6:] {
			if v := int(binary.BigEndian.Uint32(b[2:])); binary.BigEndian.Uint16(b) == settingInitialWindow {
				for _, s := range p.streams {
					s.window += v - p.initial
				}
				p.initial = v
			}
		}
		p.out = appendFrame(p.out, frameSettings, flagAck, 0, nil)
	case framePing:
		if flags&flagAck == 0 {
			p.out = appendFrame(p.out, framePing, flagAck, 0, b)
		}
	case frameWindowUpdate:
		if n := int(binary.BigEndian.Uint32(b)); id == 0 {
			p.window += n
		} else if s != nil {
			s.window += n
		}
	case frameRSTStream:
		if s != nil {
			s.close()
		} else if id > p.last {
			p.r.fail("RST_STREAM on idle stream %d", id)
		}
	case frameHeaders:
		p.open(id, flags, b)
	case frameData:
		p.data(s, id, flags, b)
	case frameGoAway, framePriority:
	default:
		p.r.fail("frame of type %d", typ)
	}
}

func (p *h2Provider) open(id uint32, flags byte, block []byte) {
	if flags&flagEndHeaders == 0 || id <= p.last || id%2 == 0 {
		p.r.fail("HEADERS with flags %x on stream %d after %d", flags, id, p.last)
	}
	p.last = id
	s := &h2Stream{p: p, id: id, fields: map[string]string{}, window: p.initial, recv: p.ours.window}
	fields, err := p.dec.DecodeFull(block)
	if err != nil {
		p.r.fail("header block: %v", err)
	}
	for _, h := range fields {
		s.fields[h.Name] = h.Value
	}
	p.streams[id] = s
	p.order = append(p.order, s)
	open := 0
	for _, o := range p.order {
		if !o.closed {
			open++
		}
	}
	if open > p.ours.streams {
		p.r.fail("%d streams are open where %d are allowed", open, p.ours.streams)
	}
	if p.gone {
		s.closed = true // it crossed our GOAWAY, which has left it out
		return
	}
	switch {
	case flags&flagEndStream != 0:
		s.complete()
	case p.r.w.RNG.Chance(50): // or after some of the body
	default:
		s.mayAnswerEarly()
	}
}

func (s *h2Stream) field(name string) string { return s.fields[name] }

// mayAnswerEarly answers, now and then, what is not complete.
func (s *h2Stream) mayAnswerEarly() {
	if s.ask == nil {
		if s.ask = s.p.r.early(s.p.name, s.field); s.ask != nil {
			s.p.r.serveEarly(s.ask, s)
		}
	}
}

func (p *h2Provider) data(s *h2Stream, id uint32, flags byte, b []byte) {
	n := len(b)
	if p.recv -= n; p.recv < 0 || s == nil {
		p.r.fail("DATA of %d bytes on stream %d beyond the connection's window", n, id)
		return
	}
	if s.recv -= n; n > 0 && s.recv < 0 && !s.closed {
		p.r.fail("DATA of %d bytes on stream %d is %d beyond its window", n, id, -s.recv)
	}
	if n > 0 && !p.stingy {
		p.recv += n
		p.out = appendNumber(p.out, frameWindowUpdate, 0, n)
	}
	if s.closed {
		return
	}
	s.body = append(s.body, b...)
	switch {
	case flags&flagEndStream != 0:
		s.complete()
	case n > 0:
		if !p.stingy {
			s.recv += n
			p.out = appendNumber(p.out, frameWindowUpdate, s.id, n)
		}
		s.mayAnswerEarly()
	}
}

func (s *h2Stream) complete() {
	if n, ok := s.fields["content-length"]; ok && n != strconv.Itoa(len(s.body)) {
		s.p.r.fail("content-length %s, %d bytes came", n, len(s.body))
	}
	if s.ask != nil {
		return // it has had its answer
	}
	s.ask = newAsk(s.p.r, s.p.name, s.p.e, s.fields[":method"], s.fields[":path"], s.field, s.body)
	s.p.r.serve(s.ask, s)
}

func (s *h2Stream) close() {
	s.closed, s.queue = true, nil
	if s.ask != nil {
		s.ask.over = true
	}
}

func (p *h2Provider) OnEnd(e *looptest.End, err error) {
	p.lost()
	if err == nil {
		e.Close()
	}
}

// lost says that the connection is over.
func (p *h2Provider) lost() {
	p.dead = true
	for _, s := range p.order {
		s.close()
	}
}

// pump sends what the windows allow, oldest stream first.
func (p *h2Provider) pump() {
	for _, s := range p.order {
		for !s.closed && (len(s.queue) > 0 || s.ending) {
			n := min(len(s.queue), s.window, p.window, 16384)
			if n <= 0 && len(s.queue) > 0 {
				break
			}
			n = max(n, 0)
			last := s.ending && n == len(s.queue)
			flags := byte(0)
			if last && !s.trailing {
				flags = flagEndStream
			}
			p.out = appendFrame(p.out, frameData, flags, s.id, s.queue[:n])
			s.queue = s.queue[n:]
			s.window -= n
			p.window -= n
			if last {
				if s.trailing {
					s.write(flagEndStream, hpack.HeaderField{Name: "x-sum", Value: "1"})
				}
				s.close()
				if s.extra {
					s.more()
				}
			}
		}
	}
	if len(p.order) > 64 {
		keep := p.order[:0]
		for _, s := range p.order {
			if !s.closed {
				keep = append(keep, s)
			}
		}
		p.order = keep
	}
}

// write appends a header block.
func (s *h2Stream) write(flags byte, fields ...hpack.HeaderField) {
	s.p.block.Reset()
	for _, f := range fields {
		s.p.enc.WriteField(f)
	}
	typ := byte(frameHeaders)
	for b := s.p.block.Bytes(); ; typ, flags = frameContinuation, 0 {
		n := min(len(b), 16384)
		if n == len(b) {
			s.p.out = appendFrame(s.p.out, typ, flags|flagEndHeaders, s.id, b)
			return
		}
		s.p.out = appendFrame(s.p.out, typ, flags, s.id, b[:n])
		b = b[n:]
	}
}

func (s *h2Stream) interim() {
	if !s.closed {
		s.write(0, hpack.HeaderField{Name: ":status", Value: "103"}, hpack.HeaderField{Name: "link", Value: "</x>"})
		s.p.flush()
	}
}

func (s *h2Stream) head(status int, media string, length int) {
	s.ask.status = status
	s.headAs(respHead{status: status, media: media, length: length})
}

func (s *h2Stream) headAs(h respHead) {
	if s.closed {
		return
	}
	f := []hpack.HeaderField{{Name: ":status", Value: strconv.Itoa(h.status)}, {Name: "x-token", Value: s.ask.token}}
	if h.media != "" {
		f = append(f, hpack.HeaderField{Name: "content-type", Value: h.media})
	}
	if h.length >= 0 {
		f = append(f, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(h.length)})
	}
	for _, line := range h.fields {
		name, value, _ := strings.Cut(line, ": ")
		f = append(f, hpack.HeaderField{Name: name, Value: value})
	}
	s.write(0, f...)
	s.p.flush()
}

func (s *h2Stream) data(b []byte) {
	if !s.closed {
		s.queue = append(s.queue, b...)
		s.p.pump()
		s.p.flush()
	}
}

func (s *h2Stream) end() {
	if !s.closed {
		// Over only when the windows have let all of it through.
		s.ask.over = false
		s.ending = true
		s.p.pump()
		s.p.flush()
	}
}

func (s *h2Stream) trailers() {
	s.trailing = true
	s.end()
}

func (s *h2Stream) surplus() {
	if s.closed {
		s.more()
	} else {
		s.extra = true // once the windows have let all of it through
	}
}

// more sends DATA on a stream that has ended.
func (s *h2Stream) more() {
	if !s.p.dead && !s.p.e.Closed() {
		s.p.out = appendFrame(s.p.out, frameData, flagEndStream, s.id, []byte("toks00000000z"))
		s.p.flush()
	}
}

func (s *h2Stream) rst(code int) {
	if !s.closed {
		s.p.out = appendNumber(s.p.out, frameRSTStream, s.id, code)
		s.close()
		s.p.flush()
	}
}

func (s *h2Stream) reset()  { s.rst(codeInternal) }
func (s *h2Stream) refuse() { s.rst(codeRefused) }
func (s *h2Stream) hangUp() {
	s.p.lost()
	s.p.e.Close()
}

func (s *h2Stream) goAway() { s.p.goAway(codeNo) }

// goAway takes no streams but those that have come.
func (p *h2Provider) goAway(code uint32) {
	if !p.gone && !p.dead {
		p.gone = true
		b := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, p.last), code)
		p.out = appendFrame(p.out, frameGoAway, 0, 0, append(b, "simulated"...))
		p.flush()
	}
}

// h2Garbage is what breaks the protocol on a connection, whatever its streams do.
var h2Garbage = [][]byte{
	appendFrame(nil, frameData, 0, 0, []byte("data on stream 0")),
	appendFrame(nil, frameHeaders, flagEndHeaders, 0, []byte{0x88}),
	appendFrame(nil, frameHeaders, flagEndHeaders, 1<<20+1, []byte{0x88}),
	appendFrame(nil, frameHeaders, flagEndHeaders, 2, []byte{0x88}),
	appendFrame(nil, frameContinuation, flagEndHeaders, 1, []byte{0x88}),
	appendFrame(nil, framePushPromise, flagEndHeaders, 1, []byte{0, 0, 0, 2, 0x88}),
	appendFrame(nil, frameSettings, 0, 0, []byte{1, 2, 3}),
	appendFrame(nil, frameSettings, flagAck, 0, []byte{0, 3, 0, 0, 0, 1}),
	appendFrame(nil, frameSettings, 0, 0, []byte{0, settingInitialWindow, 0x80, 0, 0, 0}),
	appendFrame(nil, framePing, 0, 0, []byte{1, 2, 3}),
	appendNumber(nil, frameWindowUpdate, 0, 0),
	appendNumber(nil, frameWindowUpdate, 0, 1<<31-1),
	appendFrame(nil, frameGoAway, 0, 0, []byte{0}),
	appendFrame(nil, frameRSTStream, 0, 1<<20+1, []byte{0, 0, 0, 0}),
	{0xff, 0xff, 0xff, frameData, 0, 0, 0, 0, 1},
	[]byte("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
}

func (s *h2Stream) garbage() { s.garbageOf(0) }

func (s *h2Stream) garbageOf(n int) {
	if s.p.dead {
		return
	}
	s.p.out = append(s.p.out, h2Garbage[n%len(h2Garbage)]...)
	s.p.flush()
	s.p.lost()
}
