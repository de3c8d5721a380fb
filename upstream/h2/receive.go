package h2

import (
	"encoding/binary"

	"penstock/upstream/stream"
)

// recvState is what the next byte of the server is.
type recvState uint8

const (
	recvHeader  recvState = iota // of a frame header
	recvPayload                  // of a payload that is taken whole
	recvPad                      // the padding length of DATA
	recvData                     // of DATA, passed on as it comes
	recvSkip                     // of padding, or of a frame that means nothing
)

// receive takes bytes as far as they go. Whole frames are read where they lie; DATA is passed on piece by piece.
func (c *Conn) receive(b []byte) *ConnError {
	for c.err == nil && !c.lost {
		switch c.state {
		case recvHeader:
			raw, rest := c.gather(b, FrameHeaderBytes)
			if raw == nil {
				return nil
			}
			b = rest
			c.frame = ParseFrameHeader(raw)
			c.partial = c.partial[:0]
			if e := c.begin(); e != nil {
				return e
			}
		case recvPayload:
			payload, rest := c.gather(b, c.frame.Length)
			if payload == nil {
				return nil
			}
			b = rest
			c.state = recvHeader
			e := c.take(payload)
			c.partial = c.partial[:0]
			if e != nil {
				return e
			}
		case recvPad:
			if len(b) == 0 {
				return nil
			}
			pad := int(b[0])
			b = b[1:]
			if e := c.beginPadded(pad); e != nil {
				return e
			}
		case recvData:
			if len(b) == 0 && c.dataLeft > 0 {
				return nil
			}
			n := min(len(b), c.dataLeft)
			c.deliver(b[:n])
			b = b[n:]
		case recvSkip:
			if len(b) == 0 && c.padLeft > 0 {
				return nil
			}
			n := min(len(b), c.padLeft)
			b = b[n:]
			if c.padLeft -= n; c.padLeft == 0 {
				c.endFrame()
			}
		}
	}
	return nil
}

// gather returns n bytes: a view into b where they are all there, else into what has been kept of earlier calls; nil where
// more are needed. An empty payload is a view, too.
func (c *Conn) gather(b []byte, n int) (whole, rest []byte) {
	if len(c.partial) == 0 {
		if len(b) >= n {
			return b[:n:n], b[n:]
		}
		c.partial = append(c.partial, b...)
		return nil, nil
	}
	k := min(n-len(c.partial), len(b))
	c.partial = append(c.partial, b[:k]...)
	if len(c.partial) < n {
		return nil, nil
	}
	return c.partial, b[k:]
}

// Connection errors of floods.
var (
	errPingFlood         = &ConnError{ErrCodeEnhanceYourCalm, "too many PING frames"}
	errSettingsFlood     = &ConnError{ErrCodeEnhanceYourCalm, "too many SETTINGS frames"}
	errResetFlood        = &ConnError{ErrCodeEnhanceYourCalm, "too many RST_STREAM frames"}
	errEmptyDataFlood    = &ConnError{ErrCodeEnhanceYourCalm, "too many empty DATA frames"}
	errWindowUpdateFlood = &ConnError{ErrCodeEnhanceYourCalm, "too many WINDOW_UPDATE frames"}
	errOtherFlood        = &ConnError{ErrCodeEnhanceYourCalm, "too many frames without a purpose"}
	errBlockTooLarge     = &ConnError{ErrCodeEnhanceYourCalm, "header block far beyond our bound (§10.5.1)"}
)

// begin looks at a frame header and says what its payload is.
func (c *Conn) begin() *ConnError {
	f := &c.frame
	c.stats.FramesIn++
	if !c.ready {
		// "HTTP/" read as a frame header.
		if f.Length == 'H'<<16|'T'<<8|'T' && f.Type == 'P' && f.Flags == '/' {
			return &ConnError{ErrCodeProtocol, "server answered with HTTP/1.x"}
		}
		if f.Type != FrameSettings || f.Has(FlagAck) {
			return &ConnError{ErrCodeProtocol, "first frame is not SETTINGS (§3.4)"}
		}
	}
	if f.Length > initialFrameBytes {
		return &ConnError{ErrCodeFrameSize, "frame larger than SETTINGS_MAX_FRAME_SIZE (§4.2)"}
	}
	if c.block.streamID != 0 && (f.Type != FrameContinuation || f.StreamID != c.block.streamID) {
		return &ConnError{ErrCodeProtocol, "header block interrupted (§6.10)"}
	}
	switch f.Type {
	case FrameData, FrameHeaders, FramePriority, FrameRSTStream:
		if f.StreamID == 0 {
			return &ConnError{ErrCodeProtocol, "frame of a stream on the connection (§6)"}
		}
		if f.Type == FrameData {
			return c.beginData()
		}
	case FrameSettings, FramePing, FrameGoAway:
		if f.StreamID != 0 {
			return &ConnError{ErrCodeProtocol, "frame of the connection on a stream (§6)"}
		}
	case FrameWindowUpdate:
	case FramePushPromise:
		return &ConnError{ErrCodeProtocol, "PUSH_PROMISE although push is off (§8.4)"}
	case FrameContinuation:
		if c.block.streamID == 0 {
			return &ConnError{ErrCodeProtocol, "CONTINUATION without a header block (§6.10)"}
		}
	default:
		c.state, c.padLeft = recvSkip, f.Length
		return c.spendOther()
	}
	c.state = recvPayload
	return nil
}

// take handles a frame whose payload is complete; it borrows the payload.
func (c *Conn) take(payload []byte) *ConnError {
	switch c.frame.Type {
	case FrameHeaders:
		return c.headers(payload)
	case FrameContinuation:
		return c.continuation(payload)
	case FrameWindowUpdate:
		return c.windowUpdate(payload)
	case FrameSettings:
		return c.settings(payload)
	case FramePing:
		return c.ping(payload)
	case FrameRSTStream:
		return c.rstStream(payload)
	case FrameGoAway:
		return c.takeGoAway(payload)
	default: // PRIORITY: means nothing any more (RFC 9113 §5.3.2)
		if len(payload) == 5 {
			return c.spendOther()
		}
		if s := c.table.get(c.frame.StreamID); s != nil {
			c.reset(s, errPriorityLength)
			return nil
		}
		return &ConnError{ErrCodeFrameSize, errPriorityLength.Reason}
	}
}

// beginData looks at the header of a DATA frame (RFC 9113 §6.1). The whole payload counts for the windows.
func (c *Conn) beginData() *ConnError {
	f := &c.frame
	if c.recvBytes -= f.Length; c.recvBytes < 0 {
		return &ConnError{ErrCodeFlowControl, "DATA beyond the connection's window (§6.9.1)"}
	}
	s := c.table.get(f.StreamID)
	switch {
	case s == nil:
		if e := c.lateContent(f.StreamID); e != nil {
			return e
		}
	case f.Length > s.recvBytes:
		c.reset(s, errStreamWindow)
		s = nil
	default:
		s.recvBytes -= f.Length
	}
	c.current = s
	c.dataLeft, c.padLeft = f.Length, 0
	if f.Has(FlagPadded) {
		if f.Length == 0 {
			return &ConnError{ErrCodeFrameSize, "DATA too short for its padding length (§6.1)"}
		}
		c.state = recvPad
		return nil
	}
	c.state = recvData
	return c.checkData()
}

// beginPadded takes the padding length of a DATA frame. Padding is free again at once.
func (c *Conn) beginPadded(pad int) *ConnError {
	if pad >= c.frame.Length {
		return &ConnError{ErrCodeProtocol, "padding longer than the frame (§6.1)"}
	}
	c.dataLeft, c.padLeft = c.frame.Length-1-pad, pad
	c.due += 1 + pad
	if s := c.current; s != nil {
		s.due += 1 + pad
	}
	c.announce(c.current)
	c.state = recvData
	return c.checkData()
}

// checkData checks a DATA frame as soon as it is known how many bytes of body it has.
func (c *Conn) checkData() *ConnError {
	if c.dataLeft == 0 && !c.frame.Has(FlagEndStream) {
		if c.floods.EmptyData--; c.floods.EmptyData < 0 {
			return errEmptyDataFlood
		}
	}
	s := c.current
	switch {
	case s == nil:
	case !s.answered:
		c.reset(s, errDataBeforeHead)
	case s.noBody && c.dataLeft > 0:
		c.reset(s, errBodyForbidden)
	case s.contentLength >= 0 && s.received+int64(c.dataLeft) > s.contentLength && !s.noBody:
		c.reset(s, errBodyLength)
	}
	return nil
}

// deliver passes a piece of DATA on, or drops it where the stream is gone.
func (c *Conn) deliver(b []byte) {
	c.dataLeft -= len(b)
	switch s := c.current; {
	case len(b) == 0:
	case s == nil:
		c.due += len(b)
		c.announce(nil)
	default:
		s.received += int64(len(b))
		s.unread += len(b)
		s.sink.OnBody(b)
	}
	if c.dataLeft > 0 {
		return
	}
	if c.padLeft > 0 {
		c.state = recvSkip
		return
	}
	c.endFrame()
}

// endFrame ends a DATA frame, or one that was skipped.
func (c *Conn) endFrame() {
	c.state = recvHeader
	s := c.current
	c.current = nil
	if s != nil && c.frame.Has(FlagEndStream) {
		c.finish(s, nil)
	}
}

// lateContent judges DATA or HEADERS of a stream that is not open (RFC 9113 §5.1): after END_STREAM nothing may follow,
// after a reset what was on its way is dropped.
func (c *Conn) lateContent(id uint32) *ConnError {
	if e := c.lateFrame(id); e != nil {
		return e
	}
	if c.closed.ended(id) {
		return &ConnError{ErrCodeStreamClosed, "frame after END_STREAM (§5.1)"}
	}
	return nil
}

// lateFrame judges any frame of a stream that is not open.
func (c *Conn) lateFrame(id uint32) *ConnError {
	if id%2 == 0 || id >= c.nextID {
		return &ConnError{ErrCodeProtocol, "frame of an idle stream (§5.1)"}
	}
	c.stats.LateFrames++
	return c.spendOther()
}

func (c *Conn) spendOther() *ConnError {
	if c.floods.Other--; c.floods.Other < 0 {
		return errOtherFlood
	}
	return nil
}

// ping takes a PING frame (RFC 9113 §6.7). An answer that is not to our last PING means nothing.
func (c *Conn) ping(payload []byte) *ConnError {
	if len(payload) != 8 {
		return &ConnError{ErrCodeFrameSize, "PING of the wrong length (§6.7)"}
	}
	number := binary.BigEndian.Uint64(payload)
	if c.frame.Has(FlagAck) && c.pingOut && number == c.pings {
		c.pingOut = false
		return nil
	}
	if c.floods.Ping--; c.floods.Ping < 0 {
		return errPingFlood
	}
	if !c.frame.Has(FlagAck) {
		b := c.room(FrameHeaderBytes + 8)
		*b = AppendPing(*b, FlagAck, number)
	}
	return nil
}

// rstStream takes a RST_STREAM frame (RFC 9113 §6.4). NO_ERROR after a complete response finds the stream gone.
func (c *Conn) rstStream(payload []byte) *ConnError {
	if len(payload) != 4 {
		return &ConnError{ErrCodeFrameSize, "RST_STREAM of the wrong length (§6.4)"}
	}
	c.stats.ResetsIn++
	id := c.frame.StreamID
	s := c.table.get(id)
	if s == nil {
		if c.floods.Reset--; c.floods.Reset < 0 {
			return errResetFlood
		}
		return c.lateFrame(id)
	}
	code := ErrCode(binary.BigEndian.Uint32(payload))
	if c.requiresHTTP1(code) || code == ErrCodeRefusedStream {
		c.refuse(s, code, nil)
		return nil
	}
	c.forget(s, false)
	s.sink.OnFail(stream.Failure{Kind: stream.KindReset, Sent: true, Answered: s.answered, Code: uint32(code)})
	return nil
}

// requiresHTTP1 looks whether the server wants HTTP/1.1, and lets the owner fall back to it where it can.
func (c *Conn) requiresHTTP1(code ErrCode) bool {
	if code != ErrCodeHTTP11Required || c.cfg.FallBack == nil {
		return false
	}
	c.closing = true
	c.cfg.FallBack()
	return true
}

// takeGoAway takes a GOAWAY frame (RFC 9113 §6.8): streams above its last id were not processed, the others go on.
func (c *Conn) takeGoAway(payload []byte) *ConnError {
	if len(payload) < 8 {
		return &ConnError{ErrCodeFrameSize, "GOAWAY of the wrong length (§6.8)"}
	}
	last := binary.BigEndian.Uint32(payload) & maxStreamID
	if c.goAway != nil && last > c.goAway.LastID {
		return &ConnError{ErrCodeProtocol, "GOAWAY with a growing last stream id (§6.8)"}
	}
	debug := payload[8:]
	e := &GoAwayError{
		LastID: last, Code: ErrCode(binary.BigEndian.Uint32(payload[4:])),
		Debug: string(debug[:min(len(debug), maxDebugBytes)]),
	}
	c.goAway, c.closing = e, true
	c.requiresHTTP1(e.Code)
	for c.newest != nil && c.newest.id > last {
		c.refuse(c.newest, e.Code, e)
	}
	return nil
}
