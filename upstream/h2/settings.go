package h2

import "encoding/binary"

const unlimited = 1<<32 - 1

// serverSettings is what the server's SETTINGS said last. SETTINGS_MAX_FRAME_SIZE is checked and not kept: it cannot be
// below the 16 KiB that we never exceed.
type serverSettings struct {
	windowBytes int64  // SETTINGS_INITIAL_WINDOW_SIZE
	maxStreams  uint32 // SETTINGS_MAX_CONCURRENT_STREAMS
}

var initialServerSettings = serverSettings{windowBytes: initialWindowBytes, maxStreams: unlimited}

// writePreface writes what a client starts with (RFC 9113 §3.4).
func (c *Conn) writePreface() {
	const settings = 4 * 6
	b := c.room(len(ClientPreface) + FrameHeaderBytes + settings)
	*b = append(*b, ClientPreface...)
	*b = AppendFrameHeader(*b, settings, FrameSettings, 0, 0)
	*b = AppendSetting(*b, SettingHeaderTableSize, initialTableBytes)
	*b = AppendSetting(*b, SettingEnablePush, 0)
	*b = AppendSetting(*b, SettingInitialWindowSize, uint32(c.cfg.StreamWindowBytes))
	*b = AppendSetting(*b, SettingMaxHeaderListSize, uint32(c.cfg.MaxHeaderListBytes))
	if more := c.cfg.ConnWindowBytes - initialWindowBytes; more > 0 {
		b = c.room(FrameHeaderBytes + 4)
		*b = AppendWindowUpdate(*b, 0, more)
	}
}

// settings takes a SETTINGS frame (RFC 9113 §6.5). Every value is applied in order before the answer.
func (c *Conn) settings(payload []byte) *ConnError {
	if c.floods.Settings--; c.floods.Settings < 0 {
		return errSettingsFlood
	}
	if c.frame.Has(FlagAck) {
		if len(payload) != 0 {
			return &ConnError{ErrCodeFrameSize, "SETTINGS acknowledgement with a payload (§6.5)"}
		}
		return nil
	}
	if len(payload)%6 != 0 {
		return &ConnError{ErrCodeFrameSize, "SETTINGS of the wrong length (§6.5)"}
	}
	for ; len(payload) > 0; payload = payload[6:] {
		value := binary.BigEndian.Uint32(payload[2:])
		switch SettingID(binary.BigEndian.Uint16(payload)) {
		case SettingHeaderTableSize:
			c.enc.setLimit(value)
		case SettingEnablePush:
			if value != 0 {
				return &ConnError{ErrCodeProtocol, "SETTINGS_ENABLE_PUSH from a server (§6.5.2)"}
			}
		case SettingMaxConcurrentStreams:
			c.server.maxStreams = value
		case SettingInitialWindowSize:
			if e := c.moveWindows(value); e != nil {
				return e
			}
		case SettingMaxFrameSize:
			if value < initialFrameBytes || value > maxFrameBytes {
				return &ConnError{ErrCodeProtocol, "SETTINGS_MAX_FRAME_SIZE out of range (§6.5.2)"}
			}
		}
	}
	c.ready = true
	b := c.room(FrameHeaderBytes)
	*b = AppendFrameHeader(*b, 0, FrameSettings, FlagAck, 0)
	c.send()
	return nil
}

// moveWindows applies SETTINGS_INITIAL_WINDOW_SIZE to the open streams as well, whose windows may become negative
// (RFC 9113 §6.9.2).
func (c *Conn) moveWindows(value uint32) *ConnError {
	if value > maxWindow {
		return &ConnError{ErrCodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE out of range (§6.5.2)"}
	}
	delta := int64(value) - c.server.windowBytes
	c.server.windowBytes = int64(value)
	if delta == 0 {
		return nil
	}
	for s := c.oldest; s != nil; s = s.newer {
		if s.sendBytes += delta; s.sendBytes > maxWindow {
			return &ConnError{ErrCodeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE takes a window above 2^31-1 (§6.9.2)"}
		}
		if s.remaining > 0 && s.sendBytes > 0 {
			c.enqueue(s)
		}
	}
	return nil
}
