package http1

// Limits bounds what one request may make us read; each bound is to be set. A nil *Limits stands for DefaultLimits.
type Limits struct {
	HeadBytes      int // request line, fields and the empty lines around them; beyond it 414 or 431
	Fields         int // field lines of a head, and of a trailer section; beyond it 431
	ChunkLineBytes int // chunk size and extensions without CRLF; beyond it 400
	TrailerBytes   int // the whole trailer section; beyond it 431
}

// Defaults. RFC 9112 §3 recommends request lines of at least 8,000 bytes and leaves the rest to us.
const (
	// Cookies and signed tokens make heads of 8 to 16 KiB in the field, where most servers draw their line; this is twice that.
	defaultHeadBytes = 32 << 10
	// Official clients send 15 to 25 fields, browsers behind two proxies about 40.
	defaultFields = 100
	// 16 hex digits and a signature as extension (AWS's aws-chunked has 85 bytes) fit; nobody is known to send more.
	defaultChunkLineBytes = 256
	// Trailers carry a checksum or a signature; they are read, checked and dropped.
	defaultTrailerBytes = 8 << 10
)

const (
	// leadingEmptyLines is how many empty lines may stand before a request line. RFC 9112 §2.2 asks for at least one; old
	// clients send one after each body.
	leadingEmptyLines = 4

	// methodBytes bounds a method. The longest one registered (UPDATEREDIRECTREF) has 17; RFC 9112 §3 answers a method
	// longer than any we know with 501, and a stream of letters need not be read to the end of the head limit.
	methodBytes = 32

	// chunkSizeDigits bounds the hex digits of a chunk size, leading zeros included: 16 hold any 64-bit number.
	chunkSizeDigits = 16

	// chunkExtTotalBytes bounds the extensions of all chunks of one body: without it a client makes us read 250 bytes of
	// extension for each byte of content, for ever (RFC 9112 §7.1.1).
	chunkExtTotalBytes = 16 << 10

	// fieldsAtFirst is the room for fields that a fresh Head gets with its first request.
	fieldsAtFirst = 24
)

var defaultLimits = Limits{
	HeadBytes:      defaultHeadBytes,
	Fields:         defaultFields,
	ChunkLineBytes: defaultChunkLineBytes,
	TrailerBytes:   defaultTrailerBytes,
}

// DefaultLimits returns 32 KiB of head, 100 fields, chunk lines of 256 bytes and 8 KiB of trailers.
func DefaultLimits() Limits { return defaultLimits }
