package h1

import (
	"penstock/upstream/stream"
)

// Error is a fault of the provider that ends the connection. Values are constant: compare by identity or by Kind.
type Error struct {
	Kind    stream.Kind // KindProtocol or KindTooLarge
	Reason  string
	Section string // where the rule stands
}

// Error describes the fault; it holds no bytes of the response.
func (e *Error) Error() string { return "h1: " + e.Reason + " (" + e.Section + ")" }

// Errors of Open, besides those of package stream. Nothing was sent and the connection is as it was.
const (
	ErrMethod    stream.Error = "h1: method is not a token, or is CONNECT (RFC 9110 §9.1)"
	ErrPath      stream.Error = "h1: path is not in origin form (RFC 9112 §3.2.1)"
	ErrAuthority stream.Error = "h1: authority cannot be a Host value (RFC 9110 §7.2)"
	ErrName      stream.Error = "h1: field name is not a token (RFC 9110 §5.1)"
	ErrValue     stream.Error = "h1: field value holds a control character (RFC 9110 §5.5)"
	ErrReserved  stream.Error = "h1: field belongs to the connection (RFC 9110 §7.6.1)"
	ErrBodySize  stream.Error = "h1: body pieces do not add up to the announced size (RFC 9112 §6.2)"
)

// Faults of a provider.
var (
	errSurplus     = &Error{stream.KindProtocol, "bytes after the end of the response", "RFC 9112 §9.2"}
	errUnsolicited = &Error{stream.KindProtocol, "bytes that answer no request", "RFC 9112 §9.2"}

	errLineEnd     = &Error{stream.KindProtocol, "line does not end with CR LF", "RFC 9112 §2.2"}
	errStatusLine  = &Error{stream.KindProtocol, "malformed status line", "RFC 9112 §4"}
	errVersion     = &Error{stream.KindProtocol, "version is neither HTTP/1.0 nor HTTP/1.1", "RFC 9112 §2.3"}
	errStatus      = &Error{stream.KindProtocol, "malformed status code", "RFC 9110 §15"}
	errSwitch      = &Error{stream.KindProtocol, "101 without an upgrade asked for", "RFC 9110 §15.2.2"}
	errInterim     = &Error{stream.KindProtocol, "too many interim responses", "RFC 9110 §15.2"}
	errFold        = &Error{stream.KindProtocol, "obsolete line folding", "RFC 9112 §5.2"}
	errFieldName   = &Error{stream.KindProtocol, "malformed field name", "RFC 9112 §5.1"}
	errFieldValue  = &Error{stream.KindProtocol, "control character in a field value", "RFC 9110 §5.5"}
	errLength      = &Error{stream.KindProtocol, "malformed Content-Length", "RFC 9110 §8.6"}
	errLengths     = &Error{stream.KindProtocol, "differing Content-Length values", "RFC 9112 §6.3"}
	errCoding      = &Error{stream.KindProtocol, "Transfer-Encoding is not exactly chunked", "RFC 9112 §6.1"}
	errBoth        = &Error{stream.KindProtocol, "Transfer-Encoding and Content-Length", "RFC 9112 §6.3"}
	errCodingOnOld = &Error{stream.KindProtocol, "Transfer-Encoding in an HTTP/1.0 response", "RFC 9112 §6.1"}
	errChunkSize   = &Error{stream.KindProtocol, "malformed chunk size", "RFC 9112 §7.1"}
	errChunkExt    = &Error{stream.KindProtocol, "malformed chunk extension", "RFC 9112 §7.1.1"}
	errChunkEnd    = &Error{stream.KindProtocol, "chunk does not end with CR LF", "RFC 9112 §7.1"}

	errHeadSize   = &Error{stream.KindTooLarge, "head or trailer section above the bound", "RFC 9110 §5.4"}
	errFieldCount = &Error{stream.KindTooLarge, "too many fields", "RFC 9110 §5.4"}
	errOptions    = &Error{stream.KindTooLarge, "too many connection options", "RFC 9110 §7.6.1"}
	errChunkLine  = &Error{stream.KindTooLarge, "chunk extensions above the bound", "RFC 9112 §7.1.1"}
)
