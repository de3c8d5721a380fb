package h2

import "encoding/binary"

// ClientPreface is what a client sends before its first frame (RFC 9113 §3.4).
const ClientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// FrameHeaderBytes is the length of a frame header (RFC 9113 §4.1).
const FrameHeaderBytes = 9

// FrameType is the type of a frame (RFC 9113 §6). Values without a constant are extensions, and ignored.
type FrameType uint8

// The frame types.
const (
	FrameData         FrameType = 0x0
	FrameHeaders      FrameType = 0x1
	FramePriority     FrameType = 0x2
	FrameRSTStream    FrameType = 0x3
	FrameSettings     FrameType = 0x4
	FramePushPromise  FrameType = 0x5
	FramePing         FrameType = 0x6
	FrameGoAway       FrameType = 0x7
	FrameWindowUpdate FrameType = 0x8
	FrameContinuation FrameType = 0x9
)

// Flags are the flags of a frame; what a bit means depends on the type.
type Flags uint8

// The flags.
const (
	FlagEndStream  Flags = 0x1  // DATA, HEADERS
	FlagAck        Flags = 0x1  // SETTINGS, PING
	FlagEndHeaders Flags = 0x4  // HEADERS, PUSH_PROMISE, CONTINUATION
	FlagPadded     Flags = 0x8  // DATA, HEADERS, PUSH_PROMISE
	FlagPriority   Flags = 0x20 // HEADERS
)

// SettingID names a parameter of a SETTINGS frame (RFC 9113 §6.5.2).
type SettingID uint16

// The settings.
const (
	SettingHeaderTableSize      SettingID = 0x1
	SettingEnablePush           SettingID = 0x2
	SettingMaxConcurrentStreams SettingID = 0x3
	SettingInitialWindowSize    SettingID = 0x4
	SettingMaxFrameSize         SettingID = 0x5
	SettingMaxHeaderListSize    SettingID = 0x6
)

// FrameHeader is a frame header. Length is that of the payload in bytes; the reserved bit of StreamID is cleared.
type FrameHeader struct {
	Length   int
	StreamID uint32
	Type     FrameType
	Flags    Flags
}

// Has says whether all bits of f are set.
func (h FrameHeader) Has(f Flags) bool { return h.Flags&f == f }

// ParseFrameHeader reads the frame header at the start of b, which it borrows and which holds at least FrameHeaderBytes.
func ParseFrameHeader(b []byte) FrameHeader {
	_ = b[8]
	return FrameHeader{
		Length:   int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		Type:     FrameType(b[3]),
		Flags:    Flags(b[4]),
		StreamID: binary.BigEndian.Uint32(b[5:9]) & maxStreamID,
	}
}

// AppendFrameHeader appends the header of a frame with length bytes of payload, at most 2^24-1, to dst.
func AppendFrameHeader(dst []byte, length int, typ FrameType, flags Flags, streamID uint32) []byte {
	return append(dst, byte(length>>16), byte(length>>8), byte(length), byte(typ), byte(flags),
		byte(streamID>>24), byte(streamID>>16), byte(streamID>>8), byte(streamID))
}

// AppendSetting appends one parameter of a SETTINGS frame to dst.
func AppendSetting(dst []byte, id SettingID, value uint32) []byte {
	return append(dst, byte(id>>8), byte(id), byte(value>>24), byte(value>>16), byte(value>>8), byte(value))
}

// AppendRSTStream appends a whole RST_STREAM frame to dst (RFC 9113 §6.4).
func AppendRSTStream(dst []byte, streamID uint32, code ErrCode) []byte {
	dst = AppendFrameHeader(dst, 4, FrameRSTStream, 0, streamID)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// AppendWindowUpdate appends a whole WINDOW_UPDATE frame to dst; streamID 0 is the connection (RFC 9113 §6.9).
func AppendWindowUpdate(dst []byte, streamID uint32, increment int) []byte {
	dst = AppendFrameHeader(dst, 4, FrameWindowUpdate, 0, streamID)
	return binary.BigEndian.AppendUint32(dst, uint32(increment))
}

// AppendGoAway appends a whole GOAWAY frame without debug data to dst (RFC 9113 §6.8).
func AppendGoAway(dst []byte, lastID uint32, code ErrCode) []byte {
	dst = AppendFrameHeader(dst, 8, FrameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, lastID)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

// AppendPing appends a whole PING frame to dst (RFC 9113 §6.7); flags is 0 or FlagAck.
func AppendPing(dst []byte, flags Flags, payload uint64) []byte {
	dst = AppendFrameHeader(dst, 8, FramePing, flags, 0)
	return binary.BigEndian.AppendUint64(dst, payload)
}
