package observe

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

const hexDigits = "0123456789abcdef"

// plain marks the bytes that a JSON string takes as they are; bare those that a text value takes without quotes.
var plain, bare = func() (plain, bare [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		plain[c] = c != '"' && c != '\\'
		bare[c] = plain[c] && c != ' ' && c != '=' && c != '`' && c != '\''
	}
	return plain, bare
}()

// view lends the bytes of s, which are not to be changed.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// isPlain says that a JSON string takes v as it is.
func isPlain(v []byte) bool {
	n := len(v)
	if n < 8 {
		for _, c := range v {
			if !plain[c] {
				return false
			}
		}
		return true
	}
	dirty := notPlain(binary.LittleEndian.Uint64(v[n-8:]))
	for ; len(v) > 8; v = v[8:] {
		dirty |= notPlain(binary.LittleEndian.Uint64(v))
	}
	return dirty == 0
}

// notPlain looks at eight bytes at once; it is 0 where all of them are plain. In each byte the highest bit gets set by a byte
// that is not ASCII, by a borrow below the space or at the two that are equal to the pattern, or by a carry at DEL.
func notPlain(x uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	return (x | (x - ones*' ') | ((x ^ ones*'"') - ones) | ((x ^ ones*'\\') - ones) | (x + ones)) & highs
}

// appendText appends v as a text value: as it is where all bytes are harmless, else in quotes.
func appendText(dst, v []byte, limitBytes int) []byte {
	if len(v) <= limitBytes && isBare(v) {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, v, limitBytes)
	return append(dst, '"')
}

func isBare(v []byte) bool {
	for _, c := range v {
		if !bare[c] {
			return false
		}
	}
	return true
}

// appendEscaped appends v as the inside of a JSON string: always valid, whatever the bytes. More than limitBytes of v are cut
// at the start of a rune, with "…" in their place; what is not UTF-8 becomes U+FFFD, and what a terminal would obey or
// hide (controls, direction marks, separators) is escaped.
func appendEscaped(dst, v []byte, limitBytes int) []byte {
	cut := len(v) > limitBytes
	if cut {
		v = v[:runeStart(v, limitBytes)]
	}
	from := 0
	for i := 0; i < len(v); {
		c := v[i]
		if plain[c] {
			i++
			continue
		}
		dst = append(dst, v[from:i]...)
		n := 1
		if c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
		} else {
			var r rune
			r, n = utf8.DecodeRune(v[i:])
			if r == utf8.RuneError || !unicode.IsPrint(r) {
				dst = appendUnicode(dst, r)
			} else {
				dst = append(dst, v[i:i+n]...)
			}
		}
		i += n
		from = i
	}
	dst = append(dst, v[from:]...)
	if cut {
		dst = append(dst, "…"...)
	}
	return dst
}

// runeStart is the largest position up to at where a rune of v may begin; bytes that are no UTF-8 are cut anywhere.
func runeStart(v []byte, at int) int {
	for i := at; i > at-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(v[i]) {
			return i
		}
	}
	return at
}

// appendEscape appends an ASCII byte that may not stand as it is (RFC 8259 §7).
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendUnicode appends a rune in ASCII, beyond the first plane as a surrogate pair (RFC 8259 §7).
func appendUnicode(dst []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		dst = appendUnicode(dst, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
