package gateway_test

import (
	"bytes"
	"encoding/binary"
	"strconv"

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
	framePing         = 6
	frameGoAway       = 7
	frameWindowUpdate = 8

	flagEndStream  = 1
	flagAck        = 1
	flagEndHeaders = 4
	flagPadded     = 8
	flagPriority   = 32

	settingMaxConcurrent = 3
	settingInitialWindow = 4

	codeInternal = 2
	codeRefused  = 7

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

	initial int  // window of a new stream that the gateway grants
	window  int  // of the connection
	granted int  // that we grant per stream
	acked   bool // and that the gateway knows of: until then it goes by what RFC 9113 §6.9.2 starts with
	recv    int  // window of the connection that we grant
}

// h2Stream is one request on it.
type h2Stream struct {
	p      *h2Provider
	id     uint32
	ask    *ask
	fields map[string]string
	body   []byte
	window int // we may send
	queue  []byte
	ending bool
	closed bool
	whole  bool // the request is complete
}

func newH2(r *rig, e *looptest.End) {
	p := &h2Provider{r: r, e: e, streams: map[uint32]*h2Stream{}, initial: 65535, window: 65535, granted: 65535, recv: 65535}
	p.dec = hpack.NewDecoder(4096, nil)
	p.enc = hpack.NewEncoder(&p.block)
	var settings []byte
	set := func(id, v int) {
		settings = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(settings, uint16(id)), uint32(v))
	}
	if !r.calm || r.timed {
		set(settingMaxConcurrent, 1+r.w.RNG.Intn(8))
		if r.w.RNG.Chance(30) {
			p.granted = 1 + r.w.RNG.Intn(2000)
			set(settingInitialWindow, p.granted)
		}
	} else {
		set(settingMaxConcurrent, 100)
	}
	p.out = appendFrame(p.out, frameSettings, 0, 0, settings)
	e.Play(p)
	p.flush()
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
			p.acked = true
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
	s := &h2Stream{p: p, id: id, fields: map[string]string{}, window: p.initial}
	fields, err := p.dec.DecodeFull(block)
	if err != nil {
		p.r.fail("header block: %v", err)
	}
	for _, h := range fields {
		s.fields[h.Name] = h.Value
	}
	p.streams[id] = s
	p.order = append(p.order, s)
	if p.gone {
		s.closed = true // it crossed our GOAWAY, which has left it out
		return
	}
	if flags&flagEndStream != 0 {
		s.complete()
	}
}

func (p *h2Provider) data(s *h2Stream, id uint32, flags byte, b []byte) {
	n := len(b)
	if p.recv -= n; p.recv < 0 || s == nil || p.acked && n > p.granted && !s.closed {
		p.r.fail("DATA of %d bytes on stream %d beyond its window", n, id)
		return
	}
	if n > 0 {
		p.recv += n
		p.out = appendNumber(p.out, frameWindowUpdate, 0, n)
	}
	if s.closed {
		return
	}
	s.body = append(s.body, b...)
	if flags&flagEndStream != 0 {
		s.complete()
	} else if n > 0 {
		p.out = appendNumber(p.out, frameWindowUpdate, s.id, n)
	}
}

func (s *h2Stream) complete() {
	if n, ok := s.fields["content-length"]; ok && n != strconv.Itoa(len(s.body)) {
		s.p.r.fail("content-length %s, %d bytes came", n, len(s.body))
	}
	s.whole = true
	s.ask = newAsk(s.p.r, "alpha", s.fields[":path"], s.fields["authorization"]+s.fields["x-api-key"], s.body)
	s.p.r.serve(s.ask, s)
}

func (s *h2Stream) close() {
	s.closed, s.queue = true, nil
	if s.ask != nil {
		s.ask.over = true
	}
}

func (p *h2Provider) OnEnd(e *looptest.End, err error) {
	p.die()
	if err == nil {
		e.Close()
	}
}

func (p *h2Provider) die() {
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
			last := s.ending && n == len(s.queue)
			flags := byte(0)
			if last {
				flags = flagEndStream
			}
			p.out = appendFrame(p.out, frameData, flags, s.id, s.queue[:n])
			s.queue = s.queue[n:]
			s.window -= n
			p.window -= n
			if last {
				s.close()
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

func (s *h2Stream) write(fields ...hpack.HeaderField) {
	s.p.block.Reset()
	for _, f := range fields {
		s.p.enc.WriteField(f)
	}
	s.p.out = appendFrame(s.p.out, frameHeaders, flagEndHeaders, s.id, s.p.block.Bytes())
	s.p.flush()
}

func (s *h2Stream) interim() {
	if !s.closed {
		s.write(hpack.HeaderField{Name: ":status", Value: "103"}, hpack.HeaderField{Name: "link", Value: "</x>"})
	}
}

func (s *h2Stream) head(status int, media string, length int) {
	if s.closed {
		return
	}
	f := []hpack.HeaderField{
		{Name: ":status", Value: strconv.Itoa(status)}, {Name: "content-type", Value: media}, {Name: "x-token", Value: s.ask.token},
	}
	if length >= 0 {
		f = append(f, hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(length)})
	}
	s.write(f...)
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
	s.p.die()
	s.p.e.Close()
}

func (s *h2Stream) goAway() {
	if !s.p.gone && !s.p.dead {
		s.p.gone = true
		s.p.out = appendFrame(s.p.out, frameGoAway, 0, 0, binary.BigEndian.AppendUint64(nil, uint64(s.p.last)<<32))
		s.p.flush()
	}
}

func (s *h2Stream) garbage() {
	s.p.out = appendFrame(s.p.out, frameData, 0, 0, []byte("data on stream 0"))
	s.p.flush()
	s.p.die()
}
