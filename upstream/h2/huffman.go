package h2

import (
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// The Huffman code of RFC 7541 Appendix B. Codes of up to huffmanFastBits bits, which are all that ordinary text needs, are
// one table access; the longer ones are found by their length, since the code is canonical: codes of one length are
// consecutive, and read as left-aligned numbers they grow with the length.
const (
	huffmanFastBits = 10
	huffmanMaxBits  = 30
)

type huffmanCode struct {
	fast [1 << huffmanFastBits]struct{ sym, bits uint8 } // bits 0: a longer code

	// Of each length: the codes below limit, left-aligned to 32 bits, are at most that long; syms[first + (code - base)] is
	// the symbol.
	limit [huffmanMaxBits + 1]uint64
	base  [huffmanMaxBits + 1]uint32
	first [huffmanMaxBits + 1]int
	syms  []byte
}

var huffman = buildHuffman()

// buildHuffman takes the code from the encoder of x/net: eight times the same symbol is as many bytes as its code has bits,
// and begins with the code.
func buildHuffman() *huffmanCode {
	h := new(huffmanCode)
	var codes [256]uint32
	var lengths [256]int
	for sym := range 256 {
		b := hpack.AppendHuffmanString(nil, strings.Repeat(string([]byte{byte(sym)}), 8))
		bits := len(b)
		var v uint64
		for _, x := range b[:(bits+7)/8] {
			v = v<<8 | uint64(x)
		}
		codes[sym] = uint32(v >> ((bits+7)/8*8 - bits))
		lengths[sym] = bits
		if bits > huffmanFastBits {
			continue
		}
		for fill := range 1 << (huffmanFastBits - bits) {
			e := &h.fast[int(codes[sym])<<(huffmanFastBits-bits)+fill]
			e.sym, e.bits = byte(sym), uint8(bits)
		}
	}
	for bits := 1; bits <= huffmanMaxBits; bits++ {
		h.first[bits] = len(h.syms)
		h.limit[bits] = h.limit[bits-1]
		for sym := range 256 {
			if lengths[sym] != bits {
				continue
			}
			if len(h.syms) == h.first[bits] {
				h.base[bits] = codes[sym]
			}
			h.syms = append(h.syms, byte(sym))
			h.limit[bits] = uint64(codes[sym]+1) << (32 - bits)
		}
	}
	return h
}

// appendHuffman appends the decoded form of src to dst. It fails where a code is EOS, or what is left at the end is not a
// prefix of EOS of at most seven bits (RFC 7541 §5.2).
func appendHuffman(dst, src []byte) ([]byte, bool) {
	h := huffman
	// The shortest code has five bits, so eight bytes of source are at most 12 symbols and a half.
	dst = slices.Grow(dst, len(src)*8/5+1)
	out := dst[len(dst):cap(dst)]
	written := 0
	var acc uint64 // the upper n bits are still to be decoded, the others are zero
	var n uint
	for {
		if n < huffmanMaxBits {
			if len(src) >= 4 {
				acc |= uint64(binary.BigEndian.Uint32(src)) << (32 - n)
				src = src[4:]
				n += 32
			} else {
				for ; len(src) > 0; src = src[1:] {
					acc |= uint64(src[0]) << (56 - n)
					n += 8
				}
			}
		}
		// Short codes need no more than a look into the table as long as there are bits enough.
		for n >= huffmanFastBits {
			e := h.fast[acc>>(64-huffmanFastBits)]
			if e.bits == 0 {
				break
			}
			out[written] = e.sym
			written++
			acc <<= e.bits & 63
			n -= uint(e.bits)
		}
		if n < huffmanMaxBits && len(src) > 0 {
			continue
		}
		if n == 0 {
			return dst[:len(dst)+written], true
		}
		// A long code, or the end: filled up with ones, what is incomplete turns out longer than n.
		sym, bits := h.long(acc | (1<<(64-n) - 1))
		if bits > n {
			padded := n < 8 && ^acc>>(64-n) == 0
			return dst[:len(dst)+written], padded
		}
		out[written] = sym
		written++
		acc <<= bits
		n -= bits
	}
}

// long finds the code at the top of acc by its length. EOS, which is above every limit, is longer than anything.
func (h *huffmanCode) long(acc uint64) (sym byte, bits uint) {
	next := acc >> 32
	for bits = 5; next >= h.limit[bits]; bits++ {
		if bits == huffmanMaxBits {
			return 0, 64
		}
	}
	return h.syms[h.first[bits]+int(uint32(next>>(32-bits))-h.base[bits])], bits
}
