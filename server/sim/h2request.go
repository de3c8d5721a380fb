package sim

import (
	"bytes"
	"errors"

	"penstock/upstream/h2"
)

// Pseudo-header fields that a request has (RFC 9113 §8.3.1), as bits.
const (
	pseudoMethod = 1 << iota
	pseudoPath
	pseudoScheme
	pseudoAuthority
)

// headFields takes the fields of one header block.
type headFields struct {
	req       *request // nil: the block is read for the table's sake alone
	length    int64    // content-length; -1: none
	pseudo    uint8
	regular   bool // a regular field has come
	malformed bool
}

// take is what the decoder calls for each field; it borrows both.
func (h *headFields) take(name, value []byte) error {
	if h.req == nil {
		return nil
	}
	if len(name) > 0 && name[0] == ':' {
		h.takePseudo(name, value)
		return nil
	}
	h.regular = true
	if !validName(name) || !validValue(value) {
		h.malformed = true
		return nil
	}
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade": // §8.2.2
		h.malformed = true
	case "te":
		h.malformed = h.malformed || string(value) != "trailers"
	case "content-length":
		var n int64
		for _, c := range value {
			if c-'0' > 9 || n > 1<<50 {
				h.malformed = true
				return nil
			}
			n = n*10 + int64(c-'0')
		}
		h.malformed = h.malformed || len(value) == 0 || h.length >= 0 && h.length != n
		h.length = n
	default:
		h.req.field(name, value)
	}
	return nil
}

func (h *headFields) takePseudo(name, value []byte) {
	var bit uint8
	switch string(name) {
	case ":method":
		bit = pseudoMethod
		h.req.setMethod(value)
	case ":path":
		bit = pseudoPath
		h.malformed = h.malformed || len(value) == 0 || value[0] != '/' && string(value) != "*"
		h.req.setPath(value)
	case ":scheme":
		bit = pseudoScheme
	case ":authority":
		bit = pseudoAuthority
	}
	if bit == 0 || h.pseudo&bit != 0 || h.regular || !validValue(value) {
		h.malformed = true // §8.3
	}
	h.pseudo |= bit
}

func validName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f || c-'A' < 26 || c == ':' {
			return false
		}
	}
	return len(name) > 0
}

func validValue(value []byte) bool {
	if bytes.IndexByte(value, 0) >= 0 || bytes.IndexByte(value, '\n') >= 0 || bytes.IndexByte(value, '\r') >= 0 {
		return false
	}
	n := len(value)
	return n == 0 || value[0] != ' ' && value[0] != '\t' && value[n-1] != ' ' && value[n-1] != '\t'
}

// unpad takes the padding off a payload, and so many bytes of priority.
func unpad(f h2.FrameHeader, payload []byte, priority int) ([]byte, bool) {
	pad := 0
	if f.Has(h2.FlagPadded) {
		if len(payload) == 0 {
			return nil, false
		}
		pad = int(payload[0])
		payload = payload[1:]
	}
	if len(payload) < pad+priority {
		return nil, false
	}
	return payload[priority : len(payload)-pad], true
}

func (h *h2conn) headers(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if f.StreamID&1 == 0 {
		return h2.ErrCodeProtocol
	}
	priority := 0
	if f.Has(h2.FlagPriority) {
		priority = 5
	}
	block, ok := unpad(f, payload, priority)
	if !ok {
		return h2.ErrCodeProtocol
	}
	if f.Has(h2.FlagEndHeaders) {
		return h.takeBlock(f.StreamID, f.Has(h2.FlagEndStream), block)
	}
	h.blockID, h.blockEnds, h.continuations = f.StreamID, f.Has(h2.FlagEndStream), 0
	h.block = append(h.block[:0], block...)
	return h2.ErrCodeNo
}

func (h *h2conn) continuation(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if h.blockID == 0 {
		return h2.ErrCodeProtocol
	}
	h.continuations++
	if h.continuations > continuationLimit || len(h.block)+len(payload) > headerBlockBytes {
		return h2.ErrCodeEnhanceYourCalm
	}
	h.block = append(h.block, payload...)
	if !f.Has(h2.FlagEndHeaders) {
		return h2.ErrCodeNo
	}
	id := h.blockID
	h.blockID = 0
	return h.takeBlock(id, h.blockEnds, h.block)
}

// takeBlock decodes a whole header block: a request's head, or trailers.
func (h *h2conn) takeBlock(id uint32, ends bool, block []byte) h2.ErrCode {
	if id <= h.lastID {
		return h.takeLateBlock(id, ends, block)
	}
	h.lastID = id
	var s *h2stream
	refused := h2.ErrCodeNo
	switch {
	case h.leaving: // beyond the last stream of our GOAWAY: ignored, and safe to send again
		h.fields = headFields{}
	case len(h.streams) >= maxStreams:
		refused = h2.ErrCodeRefusedStream
		h.fields = headFields{}
	default:
		s = h.newStream(id)
		h.fields = headFields{req: &s.x.req, length: -1}
	}
	err := h.dec.Decode(block, headerListBytes, h.emit)
	switch {
	case errors.Is(err, h2.ErrListTooLarge):
		refused = h2.ErrCodeEnhanceYourCalm
	case err != nil:
		return h2.ErrCodeCompression
	}
	if s == nil {
		if refused != h2.ErrCodeNo {
			h.resetStream(id, refused)
		}
		return h2.ErrCodeNo
	}
	const must = pseudoMethod | pseudoPath | pseudoScheme
	s.length = h.fields.length
	if refused == h2.ErrCodeNo && (h.fields.malformed || h.fields.pseudo&must != must || ends && s.length > 0) {
		refused = h2.ErrCodeProtocol
	}
	switch {
	case refused != h2.ErrCodeNo:
		s.refuse(refused)
	case ends:
		s.ended = true
		s.x.serve(nil)
	case s.length > bodyLimitBytes:
		s.rejected = true
		s.x.reject(errTooLarge)
	}
	return h2.ErrCodeNo
}

// takeLateBlock decodes trailers, which are dropped, or what comes for a stream that is gone.
func (h *h2conn) takeLateBlock(id uint32, ends bool, block []byte) h2.ErrCode {
	h.fields = headFields{}
	if err := h.dec.Decode(block, headerListBytes, h.emit); err != nil && !errors.Is(err, h2.ErrListTooLarge) {
		return h2.ErrCodeCompression
	}
	s := h.streams[id]
	switch {
	case s == nil && h.wasReset(id):
		return h2.ErrCodeNo
	case s == nil || s.ended:
		return h2.ErrCodeStreamClosed
	case !ends:
		s.refuse(h2.ErrCodeProtocol) // §8.1
		return h2.ErrCodeNo
	}
	s.complete(nil)
	return h2.ErrCodeNo
}

// data takes a DATA frame. Its whole payload counts against the windows, padding as well.
func (h *h2conn) data(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if h.idle(f.StreamID) {
		return h2.ErrCodeProtocol
	}
	if h.receiveWindow -= int64(len(payload)); h.receiveWindow < 0 {
		return h2.ErrCodeFlowControl
	}
	if h.receiveWindow < connWindowBytes/2 {
		b := h.c.Buffer(h2.FrameHeaderBytes + 4)
		*b = h2.AppendWindowUpdate(*b, 0, int(connWindowBytes-h.receiveWindow))
		h.receiveWindow = connWindowBytes
	}
	content, ok := unpad(f, payload, 0)
	if !ok {
		return h2.ErrCodeProtocol
	}
	s := h.streams[f.StreamID]
	if s == nil || s.ended {
		if !h.wasReset(f.StreamID) {
			h.resetStream(f.StreamID, h2.ErrCodeStreamClosed)
			if s != nil {
				s.x.cancel()
				s.leave()
			}
		}
		return h2.ErrCodeNo
	}
	if s.receiveWindow -= int64(len(payload)); s.receiveWindow < 0 {
		s.refuse(h2.ErrCodeFlowControl)
		return h2.ErrCodeNo
	}
	if f.Has(h2.FlagEndStream) {
		s.complete(content)
		return h2.ErrCodeNo
	}
	s.gather(content)
	return h2.ErrCodeNo
}
