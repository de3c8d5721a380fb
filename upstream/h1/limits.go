package h1

// Bounds that an owner may change (Config).
const (
	// defaultHeadBytes bounds the status line with its fields, and the trailer section. Providers send 1 to 4 KiB; a CDN in
	// front of them adds cookies and policies. 64 KiB is what the peers that are generous allow.
	defaultHeadBytes = 64 << 10
	// defaultFields bounds the field lines of a head or trailer section; the largest heads of vendors have about 40.
	defaultFields = 128
)

// Bounds that are fixed.
const (
	// pieceBytes is how much is asked of Output.Buffer at a time; stream.Output promises room for that much.
	pieceBytes = 32 << 10
	// maxInterim bounds the 1xx responses before the final one (RFC 9110 §15.2 sets no bound; 100, 102 and 103 are in use,
	// and 102 repeats while a server works).
	maxInterim = 32
	// maxChunkLineBytes bounds a chunk's size with its extensions (RFC 9112 §7.1.1 asks for a bound). The longest extension
	// in use is a signature of about 100 bytes.
	maxChunkLineBytes = 1 << 10
	// maxOptions bounds the options of Connection: each is compared with each field, so that the product is what counts.
	maxOptions = 16
	// retainBytes is how much scratch a connection keeps between two exchanges; a larger head's memory is given up.
	retainBytes = 8 << 10
	// blockEntries is how many request blocks a connection keeps encoded. A connection serves one provider: a few endpoints
	// times the provider keys that rotate on it.
	blockEntries = 8
)
