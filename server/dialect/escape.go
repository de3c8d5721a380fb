package dialect

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape writes the characters of a JSON string's inside, which must be valid, to dst and returns how many bytes it took, or
// -1 where dst is too small. Lone surrogates become U+FFFD.
func unescape(dst, raw []byte) int {
	n := 0
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			if n >= len(dst) {
				return -1
			}
			dst[n] = c
			n++
			i++
			continue
		}
		r := rune(raw[i+1])
		i += 2
		switch r {
		case 'b':
			r = '\b'
		case 'f':
			r = '\f'
		case 'n':
			r = '\n'
		case 'r':
			r = '\r'
		case 't':
			r = '\t'
		case 'u':
			r = hexRune(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low = hexRune(raw[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
		}
		var buf [utf8.UTFMax]byte
		k := utf8.EncodeRune(buf[:], r)
		if n+k > len(dst) {
			return -1
		}
		n += copy(dst[n:], buf[:k])
	}
	return n
}

func hexRune(b []byte) rune {
	_ = b[3]
	return rune(hexValue[b[0]])<<12 | rune(hexValue[b[1]])<<8 | rune(hexValue[b[2]])<<4 | rune(hexValue[b[3]])
}

// hexValue maps a hex digit to its value and everything else to -1.
var hexValue = func() (t [256]int16) {
	for i := range t {
		t[i] = -1
	}
	for i := range int16(10) {
		t['0'+i] = i
	}
	for i := range int16(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string, quotes included: control characters, quotes and backslashes escaped, bytes that are
// not UTF-8 replaced by U+FFFD.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c >= ' ':
				dst = append(dst, c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c == '\r':
				dst = append(dst, '\\', 'r')
			case c == '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			continue
		}
		var buf [utf8.UTFMax]byte
		n := copy(buf[:], s[i:])
		r, size := utf8.DecodeRune(buf[:n])
		dst = utf8.AppendRune(dst, r) // RuneError is U+FFFD
		i += size
	}
	return dst
}
