package h2

import (
	"strconv"

	"penstock/upstream/stream"
)

// ErrCode is an error code of RST_STREAM and GOAWAY (RFC 9113 §7).
type ErrCode uint32

// The error codes.
const (
	ErrCodeNo                 ErrCode = 0x0
	ErrCodeProtocol           ErrCode = 0x1
	ErrCodeInternal           ErrCode = 0x2
	ErrCodeFlowControl        ErrCode = 0x3
	ErrCodeSettingsTimeout    ErrCode = 0x4
	ErrCodeStreamClosed       ErrCode = 0x5
	ErrCodeFrameSize          ErrCode = 0x6
	ErrCodeRefusedStream      ErrCode = 0x7
	ErrCodeCancel             ErrCode = 0x8
	ErrCodeCompression        ErrCode = 0x9
	ErrCodeConnect            ErrCode = 0xa
	ErrCodeEnhanceYourCalm    ErrCode = 0xb
	ErrCodeInadequateSecurity ErrCode = 0xc
	ErrCodeHTTP11Required     ErrCode = 0xd
)

var errCodeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String is the name of the registry, or the number where it has none.
func (c ErrCode) String() string {
	if int(c) < len(errCodeNames) {
		return errCodeNames[c]
	}
	return "code " + strconv.FormatUint(uint64(c), 10)
}

// ConnError ends the whole connection: the server broke the protocol (RFC 9113 §5.4.1). Code is what our GOAWAY says.
type ConnError struct {
	Code   ErrCode
	Reason string // constant text with the section of the RFC, never bytes of the server
}

func (e *ConnError) Error() string {
	return "http2 connection error " + e.Code.String() + ": " + e.Reason
}

// GoAwayError is a GOAWAY of the server (RFC 9113 §6.8). It is the Cause of the streams that it ends.
type GoAwayError struct {
	LastID uint32
	Code   ErrCode
	Debug  string // the first bytes of the debug data, as the server wrote them
}

func (e *GoAwayError) Error() string {
	s := "http2 GOAWAY " + e.Code.String()
	if e.Debug != "" {
		s += " " + strconv.Quote(e.Debug)
	}
	return s
}

// StreamError ends one stream by our RST_STREAM: the server sent something malformed on it (RFC 9113 §5.4.2).
type StreamError struct {
	Code   ErrCode
	Reason string
	kind   stream.Kind
}

func (e *StreamError) Error() string {
	return "http2 stream error " + e.Code.String() + ": " + e.Reason
}

func malformed(reason string) *StreamError {
	return &StreamError{Code: ErrCodeProtocol, Reason: reason, kind: stream.KindProtocol}
}

// The stream errors, allocated once.
var (
	errNoStatus       = malformed("head without a valid :status (§8.3.2)")
	errPseudo         = malformed("unknown, repeated or late pseudo-header field (§8.3)")
	errFieldName      = malformed("field name is not a lower-case token (§8.2.1)")
	errFieldValue     = malformed("forbidden byte or outer whitespace in a field value (§8.2.1)")
	errConnField      = malformed("connection-specific field (§8.2.2)")
	errContentLength  = malformed("invalid or contradictory content-length (§8.1.1)")
	errBodyLength     = malformed("body is not as long as content-length says (§8.1.1)")
	errBodyForbidden  = malformed("body where none may be (§8.1.1)")
	errTrailersOpen   = malformed("second head without END_STREAM (§8.1)")
	errInformational  = malformed("interim response with END_STREAM or status 101 (§8.6)")
	errDataBeforeHead = malformed("DATA before the head (§8.1)")
	errZeroIncrement  = malformed("WINDOW_UPDATE of zero (§6.9)")
	errStreamWindow   = &StreamError{ErrCodeFlowControl, "DATA beyond the stream's window (§6.9.1)", stream.KindProtocol}
	errWindowOverflow = &StreamError{ErrCodeFlowControl, "window above 2^31-1 (§6.9.1)", stream.KindProtocol}
	errPriorityLength = &StreamError{ErrCodeFrameSize, "PRIORITY of the wrong length (§6.3)", stream.KindProtocol}
	errManyInterim    = &StreamError{ErrCodeEnhanceYourCalm, "too many interim responses", stream.KindProtocol}
	errListTooLarge   = &StreamError{ErrCodeEnhanceYourCalm, "header list beyond our bound (§10.5.1)", stream.KindTooLarge}
)
