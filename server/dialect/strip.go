package dialect

import "bytes"

// Stripper undoes in a chat/completions or completions stream what the gateway's own include_usage added for a client that did not
// ask for it: the chunk with no choices and the usage is removed, `"usage":null` is taken out of the other chunks, every other
// byte stays. Lines may end in LF, CRLF or CR. Complete events are never delayed; an event that is split is held until it is complete,
// up to 64 KiB, beyond which it passes untouched.
type Stripper struct {
	hold    []byte  // an event's beginning; grown when first needed
	line    lineEnd // how the event so far ends
	through bool    // the event is too large: pass the rest of it
}

// lineEnd is what the last bytes are, as far as a blank line may follow.
type lineEnd uint8

const (
	lineEnded   lineEnd = iota // at the beginning of a line, as at the beginning of a stream
	lineBegun                  // within one
	lineCR                     // after the CR that ends one: an LF would belong to it
	lineBlankCR                // after the CR of a blank line, where lines have ended in LF before: one is to come
	lineBlank                  // after a blank line: the event has ended. Between pieces this is lineEnded
)

// Reset makes the stripper ready for a stream. It keeps a small hold.
func (s *Stripper) Reset() {
	if cap(s.hold) > holdKeepBytes {
		s.hold = nil
	}
	s.hold, s.line, s.through = s.hold[:0], lineEnded, false
}

// Feed appends to dst what the client is to see of the next piece, and returns dst. It borrows b, which dst must not overlap.
func (s *Stripper) Feed(dst, b []byte) []byte {
	if len(s.hold) == 0 && !s.through && endsEvent(b) && s.line == lineEnded && keyUsage.index(b) < 0 {
		return append(dst, b...)
	}
	for len(b) > 0 {
		n, line := eventEnd(b, s.line)
		s.line = line
		ev := b[:n]
		b = b[n:]
		complete := line == lineBlank
		if complete {
			s.line = lineEnded
		}
		switch {
		case s.through:
			dst = append(dst, ev...)
			s.through = !complete
		case len(s.hold)+len(ev) > eventLimitBytes:
			dst = append(dst, s.hold...)
			dst = append(dst, ev...)
			s.hold, s.through = s.hold[:0], !complete
		case !complete:
			s.hold = append(s.hold, ev...)
		case len(s.hold) > 0:
			s.hold = append(s.hold, ev...)
			dst = appendStripped(dst, s.hold)
			s.hold = s.hold[:0]
		default:
			dst = appendStripped(dst, ev)
		}
	}
	return dst
}

// End appends what is still held: a last event without its blank line.
func (s *Stripper) End(dst []byte) []byte {
	dst = appendStripped(dst, s.hold)
	s.hold, s.line, s.through = s.hold[:0], lineEnded, false
	return dst
}

// eventEnd returns how much of b belongs to the event that line is the end of so far: up to its blank line, or all. Lines end in LF,
// CRLF or CR (WHATWG HTML §9.2.5). It may be nothing, where the first byte shows that the event had ended before.
func eventEnd(b []byte, line lineEnd) (n int, end lineEnd) {
	i := 0
	for {
		switch line {
		case lineBegun:
			n := indexLineEnd(b[i:])
			if n < 0 {
				return len(b), lineBegun
			}
			if line = lineEnded; b[i+n] == '\r' {
				line = lineCR
			}
			i += n + 1
		default:
			if i == len(b) {
				return i, line
			}
			switch c := b[i]; {
			case c == '\n' && line == lineCR:
				line = lineEnded
				i++
			case c == '\n':
				return i + 1, lineBlank
			case line == lineBlankCR:
				return i, lineBlank
			case c == '\r' && line == lineCR:
				// Of a provider that ends its lines in CR no LF is to be waited for; one that comes is a blank line more.
				return i + 1, lineBlank
			case c == '\r':
				line = lineBlankCR
				i++
			default:
				line = lineBegun
			}
		}
	}
}

// indexLineEnd returns where the first CR or LF is, or -1. It looks for both in steps: many short lines that all end in the one
// would otherwise have it look through everything for the other, each time.
func indexLineEnd(b []byte) int {
	for at := 0; at < len(b); at += lineStepBytes {
		part := b[at:min(len(b), at+lineStepBytes)]
		lf := bytes.IndexByte(part, '\n')
		if lf >= 0 {
			part = part[:lf]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return at + cr
		}
		if lf >= 0 {
			return at + lf
		}
	}
	return -1
}

// endsEvent says whether b ends in a blank line.
func endsEvent(b []byte) bool {
	n := len(b)
	return n >= 2 && b[n-1] == '\n' && (b[n-2] == '\n' || n >= 3 && b[n-2] == '\r' && b[n-3] == '\n')
}

// appendStripped appends one event without what the client did not ask for.
func appendStripped(dst, ev []byte) []byte {
	if keyUsage.index(ev) < 0 {
		return append(dst, ev...)
	}
	at, end := soleData(ev)
	if at < 0 {
		return append(dst, ev...)
	}
	var c chunk
	if !c.read(ev[at:end]) || c.usages != 1 {
		return append(dst, ev...)
	}
	switch {
	case c.usageNull:
		dst = append(dst, ev[:at+c.cutFrom]...)
		return append(dst, ev[at+c.cutTo:]...)
	case c.usageObject && c.noChoices && !c.hasError:
		return dst
	}
	return append(dst, ev...)
}

// soleData returns where the data of an event is if it stands on one line, else -1. A stream's first event may begin with a byte
// order mark.
func soleData(ev []byte) (at, end int) {
	at = -1
	i := 0
	if hasPrefix(ev, byteOrderMark) {
		i = len(byteOrderMark)
	}
	for i < len(ev) {
		next := len(ev)
		if n := indexLineEnd(ev[i:]); n >= 0 {
			next = i + n + 1
		}
		if hasPrefix(ev[i:next], "data:") {
			if at >= 0 {
				return -1, -1
			}
			at, end = i+len("data:"), next
		}
		i = next
	}
	return at, end
}

// chunk is the shape of a streamed chunk's top level.
type chunk struct {
	usages         int
	usageNull      bool
	usageObject    bool
	noChoices      bool // choices is there and empty
	hasError       bool
	cutFrom, cutTo int // the usage member with one of its commas
}

// read fills c from data, which may have whitespace around the object; false where it is not one JSON object.
func (c *chunk) read(data []byte) bool {
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != '{' {
		return false
	}
	comma := -1 // before the member
	for i = skipSpace(data, i+1); ; i = skipSpace(data, i+1) {
		start := i
		value, why := skipKey(data, i)
		if why != jsonOK {
			return false
		}
		end, why := skipValue(data, value, 1)
		if why != jsonOK {
			return false
		}
		after := skipSpace(data, end)
		if after >= len(data) || data[after] != ',' && data[after] != '}' {
			return false
		}
		name := data[start:value]
		switch {
		case hasPrefix(name, keyUsage.text):
			c.usages++
			c.usageNull, c.usageObject = data[value] == 'n', data[value] == '{'
			switch {
			case comma >= 0:
				c.cutFrom, c.cutTo = comma, end
			case data[after] == ',':
				c.cutFrom, c.cutTo = start, skipSpace(data, after+1)
			default:
				c.cutFrom, c.cutTo = start, end
			}
		case hasPrefix(name, `"choices"`):
			c.noChoices = data[value] == '[' && data[skipSpace(data, value+1)] == ']'
		case hasPrefix(name, `"error"`):
			c.hasError = data[value] != 'n'
		}
		i = after
		if data[i] == '}' {
			return skipSpace(data, i+1) == len(data)
		}
		comma = i
	}
}
