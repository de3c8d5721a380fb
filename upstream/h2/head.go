package h2

import (
	"encoding/binary"
	"errors"

	"penstock/upstream/stream"
)

// head gathers the decoded fields of one block and checks them (RFC 9113 §8.2, §8.3). The decoder's views die field by
// field, so they are copied, into a buffer that lives as long as the connection.
type head struct {
	fields        []stream.Field
	bytes         []byte
	contentLength int64
	status        int  // 0: none yet
	trailers      bool // no pseudo-header fields allowed
	regular       bool // a regular field has come
}

func (h *head) start(trailers bool) {
	h.fields = h.fields[:0]
	h.bytes = h.bytes[:0]
	h.contentLength = -1
	h.status = 0
	h.trailers = trailers
	h.regular = false
}

// field takes one field; the error is a *StreamError.
func (h *head) field(name, value []byte) error {
	if len(name) > 0 && name[0] == ':' {
		return h.pseudo(name, value)
	}
	h.regular = true
	if !validName(name) {
		return errFieldName
	}
	if !validValue(value) {
		return errFieldValue
	}
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te":
		return errConnField
	case "content-length":
		if h.trailers {
			break
		}
		n, ok := parseLength(value)
		if !ok || h.contentLength >= 0 && h.contentLength != n {
			return errContentLength
		}
		if h.contentLength == n {
			return nil // said twice: passed on once
		}
		h.contentLength = n
	}
	at := len(h.bytes)
	h.bytes = append(h.bytes, name...)
	middle := len(h.bytes)
	h.bytes = append(h.bytes, value...)
	end := len(h.bytes)
	h.fields = append(h.fields, stream.Field{Name: h.bytes[at:middle:middle], Value: h.bytes[middle:end:end]})
	return nil
}

func (h *head) pseudo(name, value []byte) error {
	if h.trailers || h.regular || h.status != 0 || string(name) != ":status" {
		return errPseudo
	}
	if len(value) != 3 || value[0] < '1' || value[0] > '9' || !isDigit(value[1]) || !isDigit(value[2]) {
		return errNoStatus
	}
	h.status = int(value[0]-'0')*100 + int(value[1]-'0')*10 + int(value[2]-'0')
	return nil
}

func isDigit(b byte) bool { return b-'0' <= 9 }

func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 {
		return 0, false
	}
	for _, b := range v {
		if !isDigit(b) {
			return 0, false
		}
		if n = n*10 + int64(b-'0'); n > maxContentLengthBytes {
			return 0, false
		}
	}
	return n, true
}

// nameBytes are the bytes of a token (RFC 9110 §5.6.2) without upper case.
var nameBytes = func() (t [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		t[b] = true
	}
	return t
}()

func validName(name []byte) bool {
	for _, b := range name {
		if !nameBytes[b] {
			return false
		}
	}
	return len(name) > 0
}

// validValue refuses control bytes but the tab, and blanks at either end (RFC 9113 §8.2.1, RFC 9110 §5.5). That is stricter than HTTP/2
// has to be: what is taken here is written out as HTTP/1.1, where no control byte may stand, and the HTTP/1.1 codec refuses the same.
// Eight bytes at a time: only a word with such a byte in it is looked at closely.
func validValue(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	if isBlank(v[0]) || isBlank(v[len(v)-1]) {
		return false
	}
	for len(v) >= 8 {
		const ones, tops = 0x0101010101010101, 0x8080808080808080
		x := binary.LittleEndian.Uint64(v)
		del := x ^ ones*0x7f // a byte of it is 0 where v has DEL
		if ((x-ones*0x20)&^x|(del-ones)&^del)&tops != 0 && !noControl(v[:8]) {
			return false
		}
		v = v[8:]
	}
	return noControl(v)
}

func noControl(v []byte) bool {
	for _, b := range v {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// headerBlock is a header block that comes in several frames.
type headerBlock struct {
	streamID      uint32 // 0: none; otherwise only CONTINUATION of this stream may follow (RFC 9113 §6.10)
	endStream     bool
	continuations int
	bytes         []byte
}

// headers takes a HEADERS frame (RFC 9113 §6.2). Its priority fields mean nothing any more (§5.3.2).
func (c *Conn) headers(payload []byte) *ConnError {
	f := c.frame
	pad := 0
	if f.Has(FlagPadded) {
		if len(payload) < 1 {
			return &ConnError{ErrCodeFrameSize, "HEADERS too short for its padding length (§6.2)"}
		}
		pad = int(payload[0])
		payload = payload[1:]
	}
	if f.Has(FlagPriority) {
		if len(payload) < 5 {
			return &ConnError{ErrCodeFrameSize, "HEADERS too short for its priority (§6.2)"}
		}
		payload = payload[5:]
	}
	if pad > len(payload) {
		return &ConnError{ErrCodeProtocol, "padding longer than the frame (§6.2)"}
	}
	payload = payload[:len(payload)-pad]
	if c.table.get(f.StreamID) == nil {
		if e := c.lateContent(f.StreamID); e != nil {
			return e
		}
	}
	if f.Has(FlagEndHeaders) {
		return c.decode(f.StreamID, payload, f.Has(FlagEndStream))
	}
	c.block.streamID = f.StreamID
	c.block.endStream = f.Has(FlagEndStream)
	c.block.continuations = 0
	c.block.bytes = append(c.block.bytes[:0], payload...)
	return nil
}

// continuation takes a CONTINUATION frame; receive has made sure that it belongs here.
func (c *Conn) continuation(payload []byte) *ConnError {
	b := &c.block
	b.continuations++
	limit := max(blockBytesPerListByte*c.cfg.MaxHeaderListBytes, initialFrameBytes)
	if b.continuations > maxContinuations || len(b.bytes)+len(payload) > limit {
		return c.calm(b.streamID)
	}
	b.bytes = append(b.bytes, payload...)
	if !c.frame.Has(FlagEndHeaders) {
		return nil
	}
	id := b.streamID
	b.streamID = 0
	e := c.decode(id, b.bytes, b.endStream)
	if cap(b.bytes) > keepBlockBytes {
		b.bytes = nil
	}
	return e
}

// calm ends the connection for a header block beyond any bound; the stream it belongs to fails as too large.
func (c *Conn) calm(id uint32) *ConnError {
	if s := c.table.get(id); s != nil {
		c.drop(s, stream.KindTooLarge, ErrCodeEnhanceYourCalm, errBlockTooLarge)
	}
	return errBlockTooLarge
}

// decode takes a whole header block. That of a stream already gone is decoded as well: the table has to keep in step.
func (c *Conn) decode(id uint32, block []byte, endStream bool) *ConnError {
	s := c.table.get(id)
	emit := c.ignore
	if s != nil {
		c.head.start(s.answered)
		emit = c.emit
	}
	err := c.dec.Decode(block, c.cfg.MaxHeaderListBytes, emit)
	if err == nil {
		if s != nil {
			c.response(s, endStream)
		}
		return nil
	}
	if err == errHPACKWork {
		return c.calm(id)
	}
	bad := errListTooLarge
	if err != ErrListTooLarge && !errors.As(err, &bad) {
		return &ConnError{ErrCodeCompression, err.Error()}
	}
	if s != nil {
		c.reset(s, bad)
	}
	return nil
}

// response takes a decoded head: interim, final, or trailers (RFC 9113 §8.1).
func (c *Conn) response(s *Stream, endStream bool) {
	h := &c.head
	switch {
	case h.trailers && !endStream:
		c.reset(s, errTrailersOpen)
		return
	case h.trailers:
		c.finish(s, h.fields)
		spoil(h.bytes)
		return
	case h.status == 0:
		c.reset(s, errNoStatus)
		return
	case h.status < 200:
		switch s.interims++; {
		case endStream || h.status == 101:
			c.reset(s, errInformational)
		case s.interims > maxInterimHeads:
			c.reset(s, errManyInterim)
		}
		return
	}
	s.noBody = s.headOnly || h.status == 204 || h.status == 304
	s.contentLength = h.contentLength
	if endStream && !s.noBody && s.contentLength > 0 {
		c.reset(s, errBodyLength)
		return
	}
	s.answered = true
	s.sink.OnHead(h.status, h.fields, h.contentLength)
	spoil(h.bytes)
	if endStream && s.open {
		c.finish(s, nil)
	}
}
