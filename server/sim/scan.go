package sim

import (
	"bytes"
	"encoding/binary"
)

// scanner walks over JSON text (RFC 8259) and checks it; nothing is built.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

const (
	everyByte = 0x0101010101010101
	highBits  = 0x8080808080808080
)

// hasControl says whether a byte below 0x20 is in b, which JSON forbids within strings.
func hasControl(b []byte) bool {
	var found uint64
	for ; len(b) >= 32; b = b[32:] {
		w0, w1 := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		w2, w3 := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		found |= (w0-0x20*everyByte)&^w0 | (w1-0x20*everyByte)&^w1 | (w2-0x20*everyByte)&^w2 | (w3-0x20*everyByte)&^w3
	}
	for _, c := range b {
		if c < 0x20 {
			return true
		}
	}
	return found&highBits != 0
}

// text walks over a string and returns what is between its quotes, escapes and all. Quotes and backslashes are looked
// for apart, each by the library's vector code; a quote that is found stays good until it is passed, so that the work
// is linear.
func (s *scanner) text() (raw []byte, ok bool) {
	if !s.take('"') {
		return nil, false
	}
	start, quote := s.i, -1
	for {
		if quote < s.i {
			n := bytes.IndexByte(s.b[s.i:], '"')
			if n < 0 {
				return nil, false
			}
			quote = s.i + n
		}
		part := s.b[s.i:quote]
		n := bytes.IndexByte(part, '\\')
		if n < 0 {
			s.i = quote + 1
			return s.b[start:quote], !hasControl(part)
		}
		s.i += n
		if hasControl(part[:n]) || !s.escape() {
			return nil, false
		}
	}
}

func (s *scanner) escape() bool {
	if s.i+1 >= len(s.b) {
		return false
	}
	switch s.b[s.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i += 2
		return true
	case 'u':
		if s.i+6 > len(s.b) {
			return false
		}
		for _, c := range s.b[s.i+2 : s.i+6] {
			if hexDigit(c) < 0 {
				return false
			}
		}
		s.i += 6
		return true
	}
	return false
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > start
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

// value walks over one value, white space around it included.
func (s *scanner) value(depth int) bool {
	s.space()
	if s.i >= len(s.b) || depth > jsonDepthLimit {
		return false
	}
	ok := false
	switch s.b[s.i] {
	case '"':
		_, ok = s.text()
	case '{':
		ok = s.object(depth)
	case '[':
		ok = s.array(depth)
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	s.space()
	return ok
}

func (s *scanner) object(depth int) bool {
	s.i++
	s.space()
	if s.take('}') {
		return true
	}
	for {
		s.space()
		if _, ok := s.text(); !ok {
			return false
		}
		s.space()
		if !s.take(':') || !s.value(depth+1) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.i++
	s.space()
	if s.take(']') {
		return true
	}
	for {
		if !s.value(depth + 1) {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// members walks over the object that is the whole of b and calls each with the raw key and the raw value, without white
// space around it. It returns false where b is not one JSON object.
func members(b []byte, each func(key, value []byte)) bool {
	s := scanner{b: b}
	s.space()
	if !s.take('{') {
		return false
	}
	s.space()
	if s.take('}') {
		s.space()
		return s.i == len(b)
	}
	for {
		s.space()
		key, ok := s.text()
		if !ok {
			return false
		}
		s.space()
		if !s.take(':') {
			return false
		}
		s.space()
		start := s.i
		if !s.value(1) {
			return false
		}
		each(key, trimEnd(b[start:s.i]))
		if s.take('}') {
			s.space()
			return s.i == len(b)
		}
		if !s.take(',') {
			return false
		}
	}
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] <= ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// appendUnescaped appends the text of a JSON string, given without its quotes and known to be valid.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		i += 2
		switch c = raw[i-1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(raw[i:])
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				if low := hex4(raw[i+2:]); low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			dst = append(dst, string(r)...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		r = r<<4 | rune(hexDigit(c))
	}
	return r
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends text as the inside of a JSON string. Bytes that are no UTF-8 are passed on as they are.
func appendEscaped[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
