package sim

import (
	"encoding/binary"

	"penstock/loop"
	"penstock/upstream/h2"
)

// h2conn is the server half of an HTTP/2 connection (RFC 9113).
type h2conn struct {
	lane    *lane
	c       *loop.Conn
	dec     *h2.Decoder
	emit    func(name, value []byte) error
	in      []byte // a slab: an incomplete frame
	streams map[uint32]*h2stream
	waiting streamList // have more to send than flow control lets through

	sendWindow    int64 // bytes we may send, RFC 9113 §6.9
	streamWindow  int64 // SETTINGS_INITIAL_WINDOW_SIZE of the client
	receiveWindow int64 // bytes the client may send
	lastID        uint32

	// The header block that is being read.
	block         []byte
	blockID       uint32 // 0: none is
	blockEnds     bool   // its HEADERS had END_STREAM
	continuations int
	fields        headFields

	reset  [closedMemory]uint32 // streams we reset, a ring
	resets int

	settled bool   // the client's SETTINGS have come
	leaving bool   // GOAWAY was sent
	leftAt  uint32 // the last stream that it let in
	ended   bool   // nothing more is read
}

func newH2(l *lane, c *loop.Conn) *h2conn {
	h := l.conns2.Get()
	if h.lane == nil {
		h.lane, h.streams = l, make(map[uint32]*h2stream)
		h.emit = h.fields.take
	}
	h.c, h.dec = c, h2.NewDecoder(headerTableBytes)
	h.sendWindow, h.streamWindow, h.receiveWindow = initialWindow, initialWindow, connWindowBytes
	h.lastID, h.blockID, h.continuations = 0, 0, 0
	h.resets, h.settled, h.leaving, h.ended = 0, false, false, false
	clear(h.reset[:])
	const settings = 3 * 6
	b := c.Buffer(64)
	*b = h2.AppendFrameHeader(*b, settings, h2.FrameSettings, 0, 0)
	*b = h2.AppendSetting(*b, h2.SettingMaxConcurrentStreams, maxStreams)
	*b = h2.AppendSetting(*b, h2.SettingInitialWindowSize, streamWindowBytes)
	*b = h2.AppendSetting(*b, h2.SettingMaxHeaderListSize, headerListBytes)
	*b = h2.AppendWindowUpdate(*b, 0, connWindowBytes-initialWindow)
	return h
}

// OnData reads frames.
func (h *h2conn) OnData(_ *loop.Conn, b []byte) {
	h.lane.s.stats.bytesIn.Add(int64(len(b)))
	slabs := &h.lane.loop.Slabs
	if len(h.in) > 0 {
		h.in = append(slabs.Grow(h.in, len(b)), b...)
		n := h.work(h.in)
		if n == len(h.in) || h.ended {
			slabs.Put(h.in)
			h.in = nil
		} else if n > 0 {
			h.in = h.in[:copy(h.in, h.in[n:])]
		}
	} else if n := h.work(b); n < len(b) && !h.ended {
		h.in = append(slabs.Get(len(b)-n), b[n:]...)
	}
	if h.c.Blocked() && h.c.Queued() > floodLimitBytes {
		h.c.Pause()
	}
}

// OnDrain goes on with answers that had to wait for the socket.
func (h *h2conn) OnDrain(c *loop.Conn) {
	if c.Paused() {
		c.Resume()
	}
	h.resumeAll()
}

// OnClose gives everything back.
func (h *h2conn) OnClose(*loop.Conn, error) {
	for _, s := range h.streams {
		s.x.cancel()
		s.release()
	}
	clear(h.streams)
	h.lane.s.stats.connectionsOpen.Add(-1)
	if h.in != nil {
		h.lane.loop.Slabs.Put(h.in)
		h.in = nil
	}
	h.c, h.dec, h.block = nil, nil, nil
	h.lane.conns2.Put(h)
}

// work takes whole frames from b and returns how much of it was used.
func (h *h2conn) work(b []byte) (used int) {
	for !h.ended && len(b)-used >= h2.FrameHeaderBytes {
		f := h2.ParseFrameHeader(b[used:])
		if f.Length > frameLimitBytes {
			h.fail(h2.ErrCodeFrameSize)
			break
		}
		end := used + h2.FrameHeaderBytes + f.Length
		if end > len(b) {
			break
		}
		if code := h.frame(f, b[used+h2.FrameHeaderBytes:end]); code != h2.ErrCodeNo {
			h.fail(code)
		}
		used = end
	}
	return used
}

// frame takes one frame. A code other than NO_ERROR ends the connection.
func (h *h2conn) frame(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if !h.settled && (f.Type != h2.FrameSettings || f.Has(h2.FlagAck)) {
		return h2.ErrCodeProtocol // §3.4
	}
	if h.blockID != 0 && (f.Type != h2.FrameContinuation || f.StreamID != h.blockID) {
		return h2.ErrCodeProtocol // §6.10
	}
	switch f.Type {
	case h2.FrameData:
		return h.data(f, payload)
	case h2.FrameHeaders:
		return h.headers(f, payload)
	case h2.FrameContinuation:
		return h.continuation(f, payload)
	case h2.FramePriority:
		if f.StreamID == 0 {
			return h2.ErrCodeProtocol
		}
		if s := h.streams[f.StreamID]; s != nil && len(payload) != 5 {
			s.refuse(h2.ErrCodeFrameSize) // §6.3
		}
	case h2.FrameRSTStream:
		return h.rstStream(f, payload)
	case h2.FrameSettings:
		return h.settings(f, payload)
	case h2.FramePushPromise:
		return h2.ErrCodeProtocol // §8.4
	case h2.FramePing:
		if f.StreamID != 0 {
			return h2.ErrCodeProtocol
		}
		if len(payload) != 8 {
			return h2.ErrCodeFrameSize
		}
		if !f.Has(h2.FlagAck) {
			b := h.c.Buffer(h2.FrameHeaderBytes + 8)
			*b = h2.AppendPing(*b, h2.FlagAck, binary.BigEndian.Uint64(payload))
		}
	case h2.FrameGoAway:
		if f.StreamID != 0 {
			return h2.ErrCodeProtocol
		}
		if len(payload) < 8 {
			return h2.ErrCodeFrameSize
		}
	case h2.FrameWindowUpdate:
		return h.windowUpdate(f, payload)
	}
	return h2.ErrCodeNo
}

// fail ends the connection with a GOAWAY.
func (h *h2conn) fail(code h2.ErrCode) {
	h.ended = true
	b := h.c.Buffer(h2.FrameHeaderBytes + 8)
	*b = h2.AppendGoAway(*b, h.lastID, code)
	h.c.CloseLinger()
}

// leave tells the client to send no further requests; the connection ends with its last answer.
func (h *h2conn) leave() {
	if !h.leaving {
		h.leaving, h.leftAt = true, h.lastID
		b := h.c.Buffer(h2.FrameHeaderBytes + 8)
		*b = h2.AppendGoAway(*b, h.lastID, h2.ErrCodeNo)
	}
}

func (h *h2conn) resetStream(id uint32, code h2.ErrCode) {
	b := h.c.Buffer(h2.FrameHeaderBytes + 4)
	*b = h2.AppendRSTStream(*b, id, code)
	h.reset[h.resets%closedMemory] = id
	h.resets++
}

// wasReset says that frames of a stream may still come because we reset it a short while ago, or never let it in.
func (h *h2conn) wasReset(id uint32) bool {
	if h.leaving && id > h.leftAt {
		return true
	}
	for _, r := range h.reset {
		if r == id {
			return true
		}
	}
	return false
}

func (h *h2conn) rstStream(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if len(payload) != 4 {
		return h2.ErrCodeFrameSize
	}
	if h.idle(f.StreamID) {
		return h2.ErrCodeProtocol
	}
	if s := h.streams[f.StreamID]; s != nil {
		s.x.cancel()
		s.leave()
	}
	return h2.ErrCodeNo
}

// idle says that a stream has not been opened yet, or never can be by a client.
func (h *h2conn) idle(id uint32) bool { return id == 0 || id&1 == 0 || id > h.lastID }

func (h *h2conn) settings(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if f.StreamID != 0 {
		return h2.ErrCodeProtocol
	}
	if len(payload)%6 != 0 || f.Has(h2.FlagAck) && len(payload) > 0 {
		return h2.ErrCodeFrameSize
	}
	if f.Has(h2.FlagAck) {
		return h2.ErrCodeNo
	}
	grown := false
	for ; len(payload) > 0; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch h2.SettingID(binary.BigEndian.Uint16(payload)) {
		case h2.SettingEnablePush:
			if value > 1 {
				return h2.ErrCodeProtocol
			}
		case h2.SettingMaxFrameSize:
			if value < frameLimitBytes || value > 1<<24-1 {
				return h2.ErrCodeProtocol
			}
		case h2.SettingInitialWindowSize:
			if value > maxWindow {
				return h2.ErrCodeFlowControl
			}
			delta := int64(value) - h.streamWindow
			h.streamWindow, grown = int64(value), grown || delta > 0
			for _, s := range h.streams {
				if s.sendWindow += delta; s.sendWindow > maxWindow {
					return h2.ErrCodeFlowControl // §6.9.2
				}
			}
		case h2.SettingHeaderTableSize, h2.SettingMaxConcurrentStreams, h2.SettingMaxHeaderListSize:
			// Our header blocks use no table and are short; we open no streams.
		}
	}
	h.settled = true
	b := h.c.Buffer(h2.FrameHeaderBytes)
	*b = h2.AppendFrameHeader(*b, 0, h2.FrameSettings, h2.FlagAck, 0)
	if grown {
		h.resumeAll()
	}
	return h2.ErrCodeNo
}

func (h *h2conn) windowUpdate(f h2.FrameHeader, payload []byte) h2.ErrCode {
	if len(payload) != 4 {
		return h2.ErrCodeFrameSize
	}
	more := int64(binary.BigEndian.Uint32(payload) & maxWindow)
	if f.StreamID == 0 {
		if more == 0 {
			return h2.ErrCodeProtocol
		}
		if h.sendWindow += more; h.sendWindow > maxWindow {
			return h2.ErrCodeFlowControl
		}
		h.resumeAll()
		return h2.ErrCodeNo
	}
	if h.idle(f.StreamID) {
		return h2.ErrCodeProtocol
	}
	s := h.streams[f.StreamID]
	if s == nil {
		return h2.ErrCodeNo
	}
	if s.sendWindow += more; more == 0 || s.sendWindow > maxWindow {
		code := h2.ErrCodeProtocol
		if more > 0 {
			code = h2.ErrCodeFlowControl
		}
		s.refuse(code)
		return h2.ErrCodeNo
	}
	if s.isWaiting {
		h.waiting.remove(s)
		s.x.resume()
	}
	return h2.ErrCodeNo
}

// resumeAll lets every waiting answer go on, each in its turn.
func (h *h2conn) resumeAll() {
	for n := h.waiting.count; n > 0 && h.waiting.first != nil; n-- {
		s := h.waiting.first
		h.waiting.remove(s)
		s.x.resume()
	}
}
