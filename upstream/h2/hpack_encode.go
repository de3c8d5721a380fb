package h2

import (
	"strconv"
	"unsafe"

	"golang.org/x/net/http2/hpack"

	"penstock/upstream/stream"
)

// First bytes of the field representations (RFC 7541 §6).
const (
	reprIndexed    = 0x80
	reprIndexing   = 0x40
	reprSizeUpdate = 0x20
	reprNever      = 0x10
	reprPlain      = 0x00
)

// encoder encodes request heads. Its dynamic table takes fields of stream.Blocks alone, and only while they fit: nothing is
// ever evicted for a newer entry, so that many blocks on one connection cannot push one another out, and after the second
// request with a block its encoded form is a copy of indices. Per-request fields are literals and never change the table.
//
// Keys of the provider in a Block are indexed like any other field. The attack on that (guessing a value by seeing whether
// a guess compresses, RFC 7541 §7.1) needs someone who can insert into this table; the connection is the gateway's alone,
// and no byte of a client is ever inserted.
type encoder struct {
	entries []staticField // oldest first
	size    int

	max    int // what the decoder knows and entries obeys
	limit  int // what the server's SETTINGS said last
	lowest int // the lowest they said since the last block

	generation uint32 // grows with every change of the table; what was encoded before may point elsewhere now
	cache      []encodedBlock
	hand       int // next cache slot to be replaced
}

type encodedBlock struct {
	block      *stream.Block
	generation uint32
	bytes      []byte
}

func (e *encoder) init() {
	e.max, e.limit, e.lowest = initialTableBytes, initialTableBytes, initialTableBytes
	e.generation = 1
}

// setLimit obeys SETTINGS_HEADER_TABLE_SIZE; we never use more than the 4 KiB that every server starts with.
func (e *encoder) setLimit(bytes uint32) {
	e.limit = int(min(bytes, initialTableBytes))
	e.lowest = min(e.lowest, e.limit)
}

// appendResize announces a changed size at the start of a block (RFC 7541 §4.2). Where the limit went down and up again, the
// lowest value is announced and used for this block, and the last one with the next: two updates in one block are legal,
// but the decoder of net/http refuses the second where its table is not empty.
func (e *encoder) appendResize(dst []byte) []byte {
	if e.lowest < e.max {
		e.max = e.lowest
	} else {
		e.max = e.limit
	}
	e.lowest = e.limit
	gone := 0
	for e.size > e.max {
		e.size -= fieldBytes(e.entries[gone].name, e.entries[gone].value)
		gone++
	}
	e.entries = append(e.entries[:0], e.entries[gone:]...)
	e.generation++
	return appendInt(dst, reprSizeUpdate, 5, e.max)
}

func fieldBytes[T string | []byte](name, value T) int {
	return len(name) + len(value) + tableEntryExtraBytes
}

// appendHead appends the header block of r to dst.
func (e *encoder) appendHead(dst []byte, r *stream.Request) []byte {
	if e.lowest != e.max || e.limit != e.max {
		dst = e.appendResize(dst)
	}
	// Pseudo-header fields come first in any order (RFC 9113 §8.3), and those of the block are at its start.
	if r.Block.Method == "" {
		switch string(r.Method) {
		case "GET":
			dst = append(dst, reprIndexed|staticMethodGet)
		case "POST":
			dst = append(dst, reprIndexed|staticMethodPost)
		default:
			dst = append(dst, reprPlain|staticMethodGet)
			dst = appendRaw(dst, r.Method)
		}
	}
	if r.Block.Path == "" {
		dst = append(dst, reprPlain|staticPath)
		dst = appendRaw(dst, r.Path)
	}
	dst = e.appendBlock(dst, r.Block)
	if r.BodyBytes >= 0 {
		var digits [20]byte
		dst = appendInt(dst, reprPlain, 4, staticContentLength)
		dst = appendRaw(dst, strconv.AppendInt(digits[:0], r.BodyBytes, 10))
	}
	for i := range r.Extra {
		f := &r.Extra[i]
		if isCredential(f.Name) {
			dst = appendLiteral(dst, reprNever, f.Name, f.Value)
		} else {
			dst = appendLiteral(dst, reprPlain, f.Name, f.Value)
		}
	}
	return dst
}

// appendBlock appends the encoded form of b, from the cache where the table has not changed since.
func (e *encoder) appendBlock(dst []byte, b *stream.Block) []byte {
	slot := e.find(b)
	if slot.generation == e.generation {
		return append(dst, slot.bytes...)
	}
	inserted := 0
	out := slot.bytes[:0]
	put := func(name, value string) {
		var in bool
		if out, in = e.appendField(out, name, value); in {
			inserted++
		}
	}
	if b.Method != "" {
		put(":method", b.Method)
	}
	put(":scheme", b.Scheme)
	put(":authority", b.Authority)
	if b.Path != "" {
		put(":path", b.Path)
	}
	for i := range b.Fields {
		put(b.Fields[i].Name, b.Fields[i].Value)
	}
	slot.bytes = out
	slot.generation = e.generation
	if inserted > 0 {
		e.generation++ // this form inserts: it is sent once, and the next one is made of indices
	}
	return append(dst, out...)
}

// find returns the cache slot of b, taking one over where there is none.
func (e *encoder) find(b *stream.Block) *encodedBlock {
	for i := range e.cache {
		if e.cache[i].block == b {
			return &e.cache[i]
		}
	}
	if len(e.cache) < maxCachedBlocks {
		e.cache = append(e.cache, encodedBlock{block: b})
		return &e.cache[len(e.cache)-1]
	}
	slot := &e.cache[e.hand]
	e.hand = (e.hand + 1) % maxCachedBlocks
	slot.block, slot.generation = b, 0
	return slot
}

// appendField appends a field of a block as an index where a table has it, else as a literal, inserted where it fits.
func (e *encoder) appendField(dst []byte, name, value string) (out []byte, inserted bool) {
	nameIndex := staticName(name)
	for i := nameIndex; i != 0 && i <= staticEntries && staticTable[i].name == name; i++ {
		if staticTable[i].value == value {
			return appendInt(dst, reprIndexed, 7, i), false
		}
	}
	for i := range e.entries {
		index := staticEntries + len(e.entries) - i
		if e.entries[i].name != name {
			continue
		}
		if e.entries[i].value == value {
			return appendInt(dst, reprIndexed, 7, index), false
		}
		if nameIndex == 0 {
			nameIndex = index
		}
	}
	switch n := fieldBytes(name, value); {
	case e.size+n <= e.max:
		dst = appendInt(dst, reprIndexing, 6, nameIndex)
		e.entries = append(e.entries, staticField{name, value})
		e.size += n
		inserted = true
	case isCredential(name):
		dst = appendInt(dst, reprNever, 4, nameIndex)
	default:
		dst = appendInt(dst, reprPlain, 4, nameIndex)
	}
	if nameIndex == 0 {
		dst = appendText(dst, name)
	}
	return appendText(dst, value), inserted
}

// isCredential names the fields whose values an intermediary must never put into a table (RFC 7541 §7.1.3).
func isCredential[T string | []byte](name T) bool {
	switch string(name) {
	case "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie", "x-amz-security-token":
		return true
	}
	return false
}

// AppendLiteral appends a field as a literal without indexing (RFC 7541 §6.2.2) to dst. It borrows name and value and needs no
// state, so it may be mixed with any encoder's output. name is in lower case.
func AppendLiteral(dst, name, value []byte) []byte { return appendLiteral(dst, reprPlain, name, value) }

// appendLiteral writes the strings as they are: for one short request Huffman codes cost more time than they save.
func appendLiteral(dst []byte, repr byte, name, value []byte) []byte {
	if i := staticName(name); i != 0 {
		dst = appendInt(dst, repr, 4, i)
	} else {
		dst = append(dst, repr)
		dst = appendRaw(dst, name)
	}
	return appendRaw(dst, value)
}

func appendRaw(dst, text []byte) []byte {
	dst = appendInt(dst, 0, 7, len(text))
	return append(dst, text...)
}

// appendText appends a string literal in the shorter of both forms (RFC 7541 §5.2).
func appendText(dst []byte, text string) []byte {
	n := hpack.HuffmanEncodeLength(text)
	if n >= uint64(len(text)) {
		return appendRaw(dst, unsafe.Slice(unsafe.StringData(text), len(text)))
	}
	dst = appendInt(dst, 0x80, 7, int(n))
	return hpack.AppendHuffmanString(dst, text)
}

// appendInt appends n with a prefix of that many bits, whose other bits are those of first (RFC 7541 §5.1).
func appendInt(dst []byte, first byte, prefix uint, n int) []byte {
	mask := 1<<prefix - 1
	if n < mask {
		return append(dst, first|byte(n))
	}
	dst = append(dst, first|byte(mask))
	for n -= mask; n >= 0x80; n >>= 7 {
		dst = append(dst, byte(n)|0x80)
	}
	return append(dst, byte(n))
}
