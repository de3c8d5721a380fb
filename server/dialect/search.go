package dialect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// zeroBytes has the high bit of the first zero byte of x set; bits above that one may be wrong.
func zeroBytes(x uint64) uint64 { return (x - eachByte) &^ x & highBits }

// quotedKey is a JSON key with its quotes, and the place in it of a byte that is rare in what vendors send; 0 if
// none is.
type quotedKey struct {
	text string
	rare int
}

// rareMisses is how many wrong places a search for the rare byte may look at before the search that does not mind takes over:
// nothing keeps a provider from sending many.
const rareMisses = 24

// index returns where k begins in b, or -1.
func (k quotedKey) index(b []byte) int {
	if k.rare == 0 {
		return k.indexPair(b)
	}
	i := k.rare
	for range rareMisses {
		if i >= len(b) {
			return -1
		}
		p := bytes.IndexByte(b[i:], k.text[k.rare])
		if p < 0 {
			return -1
		}
		i += p
		if keyAt(b, i-k.rare, k.text) {
			return i - k.rare
		}
		i++
	}
	i -= k.rare
	if p := k.indexPair(b[i:]); p >= 0 {
		return i + p
	}
	return -1
}

// indexPair is index at the same cost for every text: the key's first two bytes are looked for in sixteen places at once.
func (k quotedKey) indexPair(b []byte) int {
	first, second := uint64(k.text[0])*eachByte, uint64(k.text[1])*eachByte
	i := 0
	for ; i+2*wordBytes < len(b); i += 2 * wordBytes {
		c := b[i : i+2*wordBytes+1 : i+2*wordBytes+1]
		m0 := zeroBytes((binary.LittleEndian.Uint64(c) ^ first) | (binary.LittleEndian.Uint64(c[1:]) ^ second))
		m1 := zeroBytes((binary.LittleEndian.Uint64(c[wordBytes:]) ^ first) | (binary.LittleEndian.Uint64(c[wordBytes+1:]) ^ second))
		if m0|m1 == 0 {
			continue
		}
		for m := m0; m != 0; m &= m - 1 {
			if p := i + bits.TrailingZeros64(m)>>3; keyAt(b, p, k.text) {
				return p
			}
		}
		for m := m1; m != 0; m &= m - 1 {
			if p := i + wordBytes + bits.TrailingZeros64(m)>>3; keyAt(b, p, k.text) {
				return p
			}
		}
	}
	for ; i+len(k.text) <= len(b); i++ {
		if keyAt(b, i, k.text) {
			return i
		}
	}
	return -1
}

func keyAt(b []byte, p int, quoted string) bool {
	return p+len(quoted) <= len(b) && string(b[p:p+len(quoted)]) == quoted
}

// keyFinder finds a key and its colon in pieces of JSON, wherever they are split.
type keyFinder struct {
	last   byte // the byte before the piece
	opened byte // the byte before the key's opening quote
	stage  keyStage
	n      uint8 // bytes of the key seen, in stagePartial
}

type keyStage uint8

const (
	stageSeek    keyStage = iota
	stagePartial          // the piece ended within the key
	stageColon            // the key is complete
	stageValue            // the colon is there: next is the value
)

// next looks for the key from b[i:] on. It returns the index of the value's first byte, or len(b) and false where the piece ended
// before. A key is one only after '{', ',' or whitespace: an escaped quote within a string ends in `\"usage"` as well.
func (f *keyFinder) next(b []byte, i int, key quotedKey) (int, bool) {
	for {
		switch f.stage {
		case stageSeek:
			p := key.index(b[i:])
			if p < 0 {
				f.partial(b, i, key.text)
				return len(b), false
			}
			p += i
			i = p + len(key.text)
			if opensKey(f.before(b, p)) {
				f.stage = stageColon
			}
		case stagePartial:
			for i < len(b) && int(f.n) < len(key.text) && b[i] == key.text[f.n] {
				f.n++
				i++
			}
			switch {
			case int(f.n) == len(key.text):
				f.stage = stageSeek
				if opensKey(f.opened) {
					f.stage = stageColon
				}
			case i == len(b):
				return i, false
			default:
				f.stage = stageSeek
			}
		case stageColon, stageValue:
			i = skipSpace(b, i)
			if i == len(b) {
				return i, false
			}
			if f.stage == stageValue {
				f.stage = stageSeek
				return i, true
			}
			f.stage = stageSeek
			if b[i] == ':' {
				f.stage = stageValue
				i++
			}
		}
	}
}

func (f *keyFinder) before(b []byte, p int) byte {
	if p == 0 {
		return f.last
	}
	return b[p-1]
}

// partial notes where b[i:] ends within the key.
func (f *keyFinder) partial(b []byte, i int, quoted string) {
	from := max(i, len(b)-len(quoted)+1)
	p := bytes.LastIndexByte(b[from:], '"')
	if p < 0 {
		return
	}
	p += from
	if tail := b[p:]; len(tail) < len(quoted) && string(tail) == quoted[:len(tail)] {
		f.stage, f.n, f.opened = stagePartial, uint8(len(tail)), f.before(b, p)
	}
}

// end notes that b was the piece.
func (f *keyFinder) end(b []byte) {
	if len(b) > 0 {
		f.last = b[len(b)-1]
	}
}

func opensKey(c byte) bool {
	return c == '{' || c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r'
}
