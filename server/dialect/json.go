package dialect

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// reason says why bytes are not JSON; 0 is fine.
type reason uint8

const (
	jsonOK reason = iota
	jsonTruncated
	jsonControl
	jsonEscape
	jsonNumber
	jsonLiteral
	jsonValue
	jsonKey
	jsonColon
	jsonComma
	jsonDepth
)

var reasonText = [...]string{
	jsonTruncated: "unexpected end of JSON",
	jsonControl:   "control character in a string",
	jsonEscape:    "invalid escape in a string",
	jsonNumber:    "invalid number",
	jsonLiteral:   "invalid literal",
	jsonValue:     "expected a value",
	jsonKey:       "expected a key in quotes",
	jsonColon:     "expected ':' after a key",
	jsonComma:     "expected ',' or the end of the object or array",
	jsonDepth:     "nested too deeply",
}

const (
	eachByte  = 0x0101010101010101
	highBits  = 0x8080808080808080
	wordBytes = 8

	longStringBytes = 128  // of a string, from where specialFar pays
	windowBytes     = 4096 // that specialFar looks ahead
)

// special has the high bit of the first byte set that is '"', '\\' or below 0x20; bits above that one may be wrong, because
// borrows run upward. All three marks are below 0x80, so one mask with x takes care of bytes of multi-byte characters.
func special(x uint64) uint64 {
	return (((x ^ '"'*eachByte) - eachByte) | ((x ^ '\\'*eachByte) - eachByte) | (x - 0x20*eachByte)) &^ x & highBits
}

// specialAt returns the index of the first byte at or after i that cannot stand in a JSON string as it is, or len(b).
func specialAt(b []byte, i int) int {
	start := i + wordBytes
	if i+wordBytes <= len(b) { // keys and short values end here
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += wordBytes
	}
	for i+4*wordBytes <= len(b) {
		c := b[i : i+4*wordBytes : i+4*wordBytes]
		m0 := special(binary.LittleEndian.Uint64(c))
		m1 := special(binary.LittleEndian.Uint64(c[wordBytes:]))
		m2 := special(binary.LittleEndian.Uint64(c[2*wordBytes:]))
		m3 := special(binary.LittleEndian.Uint64(c[3*wordBytes:]))
		if m0|m1|m2|m3 != 0 {
			switch {
			case m0 != 0:
			case m1 != 0:
				i, m0 = i+wordBytes, m1
			case m2 != 0:
				i, m0 = i+2*wordBytes, m2
			default:
				i, m0 = i+3*wordBytes, m3
			}
			return i + bits.TrailingZeros64(m0)>>3
		}
		i += 4 * wordBytes
		if i-start == longStringBytes {
			return specialFar(b, i)
		}
	}
	for i+wordBytes <= len(b) {
		if m := special(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += wordBytes
	}
	for i < len(b) {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
		i++
	}
	return i
}

// specialFar is specialAt for long strings: quotes and backslashes are looked for by the library's vector code, which leaves one
// test of three. It looks ahead no further than a window, so that what is behind an escape is not searched over and over.
func specialFar(b []byte, i int) int {
	for i < len(b) {
		window := b[i:min(len(b), i+windowBytes)]
		n := len(window)
		if p := bytes.IndexByte(window, '"'); p >= 0 {
			window = window[:p]
		}
		if p := bytes.IndexByte(window, '\\'); p >= 0 {
			window = window[:p]
		}
		if p := controlAt(window); p < n {
			return i + p
		}
		i += n
	}
	return i
}

// controlAt returns the index of the first byte below 0x20, or len(b).
func controlAt(b []byte) int {
	i := 0
	for ; i+4*wordBytes <= len(b); i += 4 * wordBytes {
		c := b[i : i+4*wordBytes : i+4*wordBytes]
		x0, x1 := binary.LittleEndian.Uint64(c), binary.LittleEndian.Uint64(c[wordBytes:])
		x2, x3 := binary.LittleEndian.Uint64(c[2*wordBytes:]), binary.LittleEndian.Uint64(c[3*wordBytes:])
		if ((x0-0x20*eachByte)&^x0|(x1-0x20*eachByte)&^x1|(x2-0x20*eachByte)&^x2|(x3-0x20*eachByte)&^x3)&highBits != 0 {
			break
		}
	}
	for i < len(b) && b[i] >= 0x20 {
		i++
	}
	return i
}

// skipSpace returns the index of the first byte at or after i that is not whitespace (RFC 8259 §2), or len(b).
func skipSpace(b []byte, i int) int {
	for i < len(b) {
		if c := b[i]; c > ' ' || c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			break
		}
		i++
	}
	return i
}

// skipString takes the index after an opening quote and returns that of the closing one, and whether there are escapes between.
// Where why is not 0, end is the offset of the fault.
func skipString(b []byte, i int) (end int, escaped bool, why reason) {
	for {
		i = specialAt(b, i)
		if i >= len(b) {
			return len(b), escaped, jsonTruncated
		}
		switch b[i] {
		case '"':
			return i, escaped, jsonOK
		case '\\':
			escaped = true
			if i+1 >= len(b) {
				return len(b), escaped, jsonTruncated
			}
			switch b[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				for k := i + 2; k < i+6; k++ {
					if k >= len(b) {
						return len(b), escaped, jsonTruncated
					}
					if hexValue[b[k]] < 0 {
						return k, escaped, jsonEscape
					}
				}
				i += 6
			default:
				return i + 1, escaped, jsonEscape
			}
		default:
			return i, escaped, jsonControl
		}
	}
}

// skipKey takes the index of a key's opening quote and returns that of the first byte of its value.
func skipKey(b []byte, i int) (int, reason) {
	if i >= len(b) {
		return len(b), jsonTruncated
	}
	if b[i] != '"' {
		return i, jsonKey
	}
	i, _, why := skipString(b, i+1)
	if why != jsonOK {
		return i, why
	}
	return skipColon(b, i+1)
}

// skipColon takes the index after a key and returns that of the first byte of its value.
func skipColon(b []byte, i int) (int, reason) {
	i = skipSpace(b, i)
	if i >= len(b) {
		return len(b), jsonTruncated
	}
	if b[i] != ':' {
		return i, jsonColon
	}
	return skipSpace(b, i+1), jsonOK
}

// skipValue takes the index of a value's first byte and returns that after its last one. depth is how many containers are open
// around the value.
func skipValue(b []byte, i, depth int) (int, reason) {
	if i < len(b) && (b[i] == '{' || b[i] == '[') {
		return skipContainer(b, i, depth)
	}
	return skipScalar(b, i)
}

func skipScalar(b []byte, i int) (int, reason) {
	if i >= len(b) {
		return len(b), jsonTruncated
	}
	switch c := b[i]; {
	case c == '"':
		i, _, why := skipString(b, i+1)
		if why != jsonOK {
			return i, why
		}
		return i + 1, jsonOK
	case c-'0' <= 9 || c == '-':
		return skipNumber(b, i)
	case c == 't':
		return skipLiteral(b, i, "true")
	case c == 'f':
		return skipLiteral(b, i, "false")
	case c == 'n':
		return skipLiteral(b, i, "null")
	}
	return i, jsonValue
}

// skipContainer skips the object or array that starts at i. It keeps one bit per open container instead of recursing.
func skipContainer(b []byte, i, depth int) (int, reason) {
	var (
		isObject [depthLimit / 64]uint64
		base     = depth
		why      reason
	)
value:
	for {
		if i >= len(b) {
			return len(b), jsonTruncated
		}
		switch b[i] {
		case '{':
			if depth >= depthLimit {
				return i, jsonDepth
			}
			isObject[uint(depth)/64%uint(len(isObject))] |= 1 << (uint(depth) % 64)
			depth++
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == '}' {
				i++
				depth--
				break
			}
			if i, why = skipKey(b, i); why != jsonOK {
				return i, why
			}
			continue value
		case '[':
			if depth >= depthLimit {
				return i, jsonDepth
			}
			isObject[uint(depth)/64%uint(len(isObject))] &^= 1 << (uint(depth) % 64)
			depth++
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == ']' {
				i++
				depth--
				break
			}
			continue value
		default:
			if i, why = skipScalar(b, i); why != jsonOK {
				return i, why
			}
		}
		for depth > base {
			i = skipSpace(b, i)
			if i >= len(b) {
				return len(b), jsonTruncated
			}
			top := uint(depth - 1)
			object := isObject[top/64%uint(len(isObject))]>>(top%64)&1 != 0
			switch c := b[i]; {
			case c == ',':
				i = skipSpace(b, i+1)
				if object {
					if i, why = skipKey(b, i); why != jsonOK {
						return i, why
					}
				}
				continue value
			case object && c == '}', !object && c == ']':
				i++
				depth--
			default:
				return i, jsonComma
			}
		}
		return i, jsonOK
	}
}

func skipLiteral(b []byte, i int, word string) (int, reason) {
	for k := range len(word) {
		if i+k >= len(b) {
			return len(b), jsonTruncated
		}
		if b[i+k] != word[k] {
			return i + k, jsonLiteral
		}
	}
	return i + len(word), jsonOK
}

// skipNumber skips a number (RFC 8259 §6). A number at the very end of b counts as complete: only a document that is nothing
// else could end there, and a request body never is.
func skipNumber(b []byte, i int) (int, reason) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return len(b), jsonTruncated
	case b[i] == '0':
		i++
	case b[i]-'0' <= 9:
		i = skipDigits(b, i)
	default:
		return i, jsonNumber
	}
	if i < len(b) && b[i] == '.' {
		n := skipDigits(b, i+1)
		if n == i+1 {
			return afterNumber(b, n)
		}
		i = n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := skipDigits(b, i)
		if n == i {
			return afterNumber(b, n)
		}
		i = n
	}
	return i, jsonOK
}

func afterNumber(b []byte, i int) (int, reason) {
	if i >= len(b) {
		return len(b), jsonTruncated
	}
	return i, jsonNumber
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
