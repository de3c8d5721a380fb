package stream

import "strconv"

// Field is one header field. Name is in lower case. Both views are borrowed by (or lent to) the call they stand in.
type Field struct{ Name, Value []byte }

// BlockField is a constant header field of a Block. Name is in lower case.
type BlockField struct{ Name, Value string }

// Block is the part of a request head that many requests share: built once per provider, endpoint and provider key, never
// changed afterwards, and compared by pointer, so that a codec can keep its encoded form. Safe on every thread.
type Block struct {
	Method    string // "" where Request.Method is set instead
	Scheme    string // "http" or "https"
	Authority string // host, with the port where it is not the scheme's own
	Path      string // with query; "" where Request.Path is set instead
	Fields    []BlockField
}

// Request is one request to a provider.
type Request struct {
	Block  *Block
	Method []byte  // borrowed; only where Block.Method is empty
	Path   []byte  // borrowed; only where Block.Path is empty
	Extra  []Field // borrowed for the call of Open

	// Body is the whole body in pieces, lent until the stream has ended, failed or been cancelled, or until
	// Sink.OnSent. BodyBytes is the sum of their lengths; content-length is sent where BodyBytes >= 0, and -1 means that
	// there is no body and no content-length (GET).
	Body      [][]byte
	BodyBytes int64
}

// Sink takes what comes back on one stream. Its methods are called on the connection's loop from within Conn.Feed, Conn.Fail
// or (OnSent only) Open; they may call Credit and Cancel of the same stream, and Open on the same connection.
// After OnEnd or OnFail nothing more is called for the stream, and the Stream may not be used again.
type Sink interface {
	// OnSent says that the whole request, body included, is in the connection's output: Request.Body is no longer needed.
	OnSent()
	// OnHead gives the final response head (1xx are skipped). fields are lent until it returns, names in lower case,
	// without pseudo-header fields, without connection-specific ones. contentLength is -1 where the provider did not say.
	OnHead(status int, fields []Field, contentLength int64)
	// OnBody lends a piece of the body until it returns. Every byte is to be credited with Stream.Credit once the consumer
	// has drained it; on HTTP/2 that is the back-pressure.
	OnBody(b []byte)
	// OnEnd says that the response is complete and well framed. trailers are lent.
	OnEnd(trailers []Field)
	// OnFail says that the stream ended without a complete response.
	OnFail(f Failure)
}

// Stream is one request in flight.
type Stream interface {
	// Credit says that the consumer has drained n more body bytes.
	Credit(n int)
	// Cancel gives the request up: RST_STREAM(CANCEL) on HTTP/2, closing the connection on HTTP/1.1. No Sink method is
	// called for the stream afterwards.
	Cancel()
}

// Conn is one connection to a provider as a state machine: bytes in, events and bytes out.
type Conn interface {
	// Open starts a request; Sink methods other than OnSent are not called from within it. The error is ErrBusy where
	// Slots is 0 and ErrClosing where the connection takes no new streams; nothing was sent in either case.
	Open(r *Request, s Sink) (Stream, error)
	// Feed takes bytes of the provider; b is borrowed. An error means that the connection is to be closed after what is in
	// its output has been written; every open stream has had its OnFail by then.
	Feed(b []byte) error
	// Fail tells the connection that its transport is gone (cause may be nil for a clean end of file); every open stream
	// gets OnFail, or OnEnd where the end of file is what ends the response.
	Fail(cause error)
	// Slots is how many streams can be opened now: 0 when full or closing.
	Slots() int
	// Active is how many streams are open.
	Active() int
	// Closing says that no stream can be opened any more (GOAWAY, Connection: close, ids used up); the owner closes the
	// transport when Active is 0.
	Closing() bool
}

// Output is where a codec puts the bytes that are to go out. Buffer returns the connection's write batch to append to, and
// marks it for the flush at the end of the poll batch; it has room for at least n more bytes without growing where n is at most 32 KiB. The
// pointer is good until the next call on the Output or the return to the loop.
type Output interface {
	Buffer(n int) *[]byte
}

// Kind tells what went wrong.
type Kind uint8

// The kinds of failure. The order is of no meaning.
const (
	KindNone     Kind = iota
	KindResolve       // the provider's name could not be resolved
	KindConnect       // no connection could be made
	KindTLS           // the TLS handshake failed
	KindRefused       // REFUSED_STREAM, or a stream above GOAWAY's last id: the provider did not process it
	KindReset         // the provider reset the stream, or the connection was reset
	KindClosed        // the connection was closed before the response was complete
	KindProtocol      // the provider broke the protocol
	KindTooLarge      // head or header list beyond our bound
	KindTimeout       // a timer of the gateway fired
	KindBusy          // every connection is full and the queue is, too
	KindShutdown      // this process is going down
)

var kindNames = [...]string{"none", "resolve", "connect", "tls", "refused", "reset", "closed", "protocol", "too_large", "timeout", "busy", "shutdown"}

// String names the kind as logs and metrics show it.
func (k Kind) String() string { return kindNames[k] }

// Failure says how a request to a provider failed, and whether it can be sent again.
type Failure struct {
	Kind Kind
	// Sent: at least one byte of the request may have reached the provider.
	Sent bool
	// Unprocessed: the provider said that it did nothing with the request (RFC 9113 §8.7).
	Unprocessed bool
	// Reused: the connection had served a request before, and no byte of this response had come.
	Reused bool
	// Answered: at least the response head had come.
	Answered bool
	// Code is the HTTP/2 error code of RST_STREAM or GOAWAY, where there was one.
	Code  uint32
	Cause error
}

// Retryable says that sending the request again cannot make the provider do the work twice: nothing was sent, or the provider
// said that it did not process it, or an idle connection turned out to be closed as the request was written (the race of
// RFC 9112 §9.3.1, which every keep-alive client meets).
func (f *Failure) Retryable() bool {
	if f.Answered {
		return false
	}
	return !f.Sent || f.Unprocessed || f.Reused && (f.Kind == KindClosed || f.Kind == KindReset)
}

// enhanceYourCalm is the error code of a peer that gets more than it wants (RFC 9113 §7).
const enhanceYourCalm = 0xb

// AsksForCalm says that the provider wants less load: sending the request to it again at once would be more of the same.
func (f *Failure) AsksForCalm() bool { return f.Code == enhanceYourCalm }

// Error describes the failure for logs; it never holds bytes of a request or a key.
func (f *Failure) Error() string {
	s := "upstream " + f.Kind.String()
	if f.Code != 0 {
		s += " (code " + strconv.FormatUint(uint64(f.Code), 10) + ")"
	}
	if f.Cause != nil {
		s += ": " + f.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// Error is a constant error.
type Error string

func (e Error) Error() string { return string(e) }

// Errors of Open.
const (
	ErrBusy    Error = "connection has no free stream"
	ErrClosing Error = "connection takes no new streams"
)
