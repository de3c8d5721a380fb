package h1

import (
	"bytes"
	"math"
)

// special takes what a field says about framing and about the connection. keep says whether the Sink gets the field; v may be
// narrowed to the part it gets.
func (s *section) special(src, name []byte, v *span) (keep bool, fault *Error) {
	switch string(name) {
	case "content-length":
		if s.trailer { // framing has no place there (RFC 9110 §6.5.1)
			return false, nil
		}
		first := !s.lengths
		fault = s.readLength(src, v)
		return first, fault
	case "transfer-encoding":
		if s.trailer {
			return false, nil
		}
		// Anything but one "chunked" is refused: two codings, a parameter or a second field are what servers disagree about.
		if s.chunked || !equalFold(src[v.at:v.end], "chunked") {
			return false, errCoding
		}
		s.chunked = true
		return false, nil
	case "connection":
		return false, s.readOptions(src, *v)
	case "keep-alive", "proxy-connection", "te", "trailer", "upgrade":
		return false, nil
	}
	return true, nil
}

// readLength reads a Content-Length. A list of equal values is one value (RFC 9110 §8.6), to which v is narrowed.
func (s *section) readLength(src []byte, v *span) *Error {
	value := src[v.at:v.end]
	first := -1
	for rest, more := value, true; more; {
		var item []byte
		item, rest, more = bytes.Cut(rest, comma)
		item = trim(item)
		n, ok := parseLength(item)
		if !ok {
			return errLength
		}
		if s.lengths && n != s.length {
			return errLengths
		}
		s.length, s.lengths = n, true
		if first < 0 {
			first = len(item)
		}
	}
	v.end = v.at + int32(first)
	return nil
}

var comma = []byte(",")

func parseLength(b []byte) (n int64, ok bool) {
	for _, d := range b {
		if d < '0' || d > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, len(b) > 0
}

// readOptions reads a Connection field. What is no option makes the connection close, since nothing sure is known about it then.
func (s *section) readOptions(src []byte, v span) *Error {
	at := int(v.at)
	for rest, more := src[v.at:v.end], true; more; {
		var item []byte
		item, rest, more = bytes.Cut(rest, comma)
		next := at + len(item) + 1
		option := trim(item)
		switch {
		case len(option) == 0:
		case equalFold(option, "close") || !isToken(option):
			s.close = true
		case equalFold(option, "keep-alive"):
			s.keep = true
		case s.nOptions == maxOptions:
			return errOptions
		default:
			for isBlank(src[at]) {
				at++
			}
			s.options[s.nOptions] = span{int32(at), int32(at + len(option))}
			s.nOptions++
		}
		at = next
	}
	return nil
}

// persists says that the connection can carry another request after this response (RFC 9112 §9.3).
func (s *section) persists() bool { return !s.close && (!s.old || s.keep) }

// endSection acts on a section that is complete; src holds all of it, and atEnd says that nothing follows in this Feed.
func (c *Conn) endSection(src []byte, atEnd bool) *Error {
	s := &c.section
	if s.trailer {
		c.complete(!atEnd, s.lend(src))
		s.release()
		return nil
	}
	if s.status < 200 {
		if s.status == 101 {
			return errSwitch
		}
		if c.interim++; c.interim > maxInterim {
			return errInterim
		}
		if !s.persists() {
			c.closing = true
		}
		s.release()
		s.reset(false)
		return nil
	}
	if s.chunked && s.lengths {
		return errBoth
	}
	if s.chunked && s.old {
		return errCodingOnOld
	}
	c.answer(src, atEnd)
	return nil
}

// answer gives the final head to the Sink and settles how the body ends (RFC 9112 §6.3).
func (c *Conn) answer(src []byte, atEnd bool) {
	s := &c.section
	c.answered = true
	if !s.persists() || c.backlog != nil && c.backlog.Unsent() > 0 {
		c.closing = true
	}
	switch {
	case s.status == 204: // a Content-Length may not stand here, and says nothing (RFC 9110 §8.6)
		c.state, c.left, s.length = stateSized, 0, -1
	case c.isHead || s.status == 304:
		c.state, c.left = stateSized, 0
	case s.chunked:
		c.state = stateChunkLine
		c.chunk = chunkLine{}
	case s.lengths:
		c.state, c.left = stateSized, s.length
	default:
		c.state, c.closing = stateUntilClose, true
	}
	c.sink.OnHead(s.status, s.lend(src), s.length)
	s.release()
	if c.state == stateSized && c.left == 0 { // not where the Sink has cancelled
		c.complete(!atEnd, nil)
	}
}
