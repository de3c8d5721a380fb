package h1

import (
	"bytes"

	"penstock/upstream/stream"
)

// section is a head or trailer section as it comes in, line by line. A section within one Feed is read where it lies; one that
// is cut is gathered in held, and each of its bytes is looked at once all the same.
type section struct {
	held    []byte // the section so far, from the Feeds before; empty where it lies in the current one
	line    int    // offset of the current line
	begun   bool   // the status line was read (head only)
	trailer bool   // it is a trailer section

	names    []byte // field names in lower case, one after another
	refs     []fieldRef
	fields   []stream.Field // what the Sink is lent, built from refs
	lines    int            // field lines seen, those left out of refs included
	status   int
	old      bool // HTTP/1.0
	length   int64
	lengths  bool // a Content-Length was seen
	chunked  bool
	close    bool // Connection: close
	keep     bool // Connection: keep-alive
	nOptions int  // other options seen, in options
	options  [maxOptions]span
}

// span is a run of bytes of the section.
type span struct{ at, end int32 }

// fieldRef is a field: the name as a run of section.names, the value as a run of the section's bytes.
type fieldRef struct{ name, value span }

// reset makes ready for the next section. It leaves alone what is lent: OnEnd may open a request while it looks at trailers.
func (s *section) reset(trailer bool) {
	s.held, s.line, s.begun, s.trailer = s.held[:0], 0, false, trailer
	s.names, s.refs, s.lines = s.names[:0], s.refs[:0], 0
	s.status, s.old = 0, false
	s.length, s.lengths, s.chunked = -1, false, false
	s.close, s.keep, s.nOptions = false, false, 0
}

// release ends what was lent of the section, and gives scratch up that an unusual one had made large.
func (s *section) release() {
	s.spoil()
	if cap(s.held) > retainBytes {
		s.held = nil
	}
	if cap(s.names) > retainBytes {
		s.names = nil
	}
}

// feedSection reads lines of a head or trailer section from b; it returns how many bytes of b it took.
func (c *Conn) feedSection(b []byte) (int, *Error) {
	s := &c.section
	if len(s.held) == 0 {
		return c.feedWhole(b)
	}
	n := 0
	for {
		k := bytes.IndexByte(b[n:], '\n')
		end := len(b)
		if k >= 0 {
			end = n + k + 1
		}
		if len(s.held)+end-n > c.headBytes {
			// What has come may already be no response at all; say so rather than that it is large, as for any other split.
			room := c.headBytes - len(s.held)
			s.held = append(s.held, b[n:n+room]...)
			if !c.startsWell(s.held) {
				return 0, errStatusLine
			}
			return 0, errHeadSize
		}
		s.held = append(s.held, b[n:end]...)
		n = end
		if !c.startsWell(s.held) {
			return 0, errStatusLine
		}
		if k < 0 {
			return n, nil
		}
		at := s.line
		s.line = len(s.held)
		last, fault := c.readLine(s.held, at, s.line)
		if fault != nil {
			return 0, fault
		}
		if last {
			return n, c.endSection(s.held, n == len(b))
		}
	}
}

// feedWhole is feedSection for a section that starts in b.
func (c *Conn) feedWhole(b []byte) (int, *Error) {
	if !c.startsWell(b) {
		return 0, errStatusLine
	}
	s := &c.section
	for at := 0; ; {
		k := bytes.IndexByte(b[at:], '\n')
		end := len(b)
		if k >= 0 {
			end = at + k + 1
		}
		if end > c.headBytes {
			return 0, errHeadSize
		}
		if k < 0 {
			s.held, s.line = append(s.held[:0], b...), at
			return len(b), nil
		}
		last, fault := c.readLine(b, at, end)
		if fault != nil {
			return 0, fault
		}
		if last {
			return end, c.endSection(b[:end], end == len(b))
		}
		at = end
	}
}

const versionPrefix = "HTTP/1."

// startsWell says whether the bytes of a head can still become a status line. It is asked before a line is complete, since what
// is no HTTP at all (a TLS alert, a banner) may never send a line end.
func (c *Conn) startsWell(head []byte) bool {
	if c.section.trailer || c.section.begun {
		return true
	}
	n := min(len(head), len(versionPrefix))
	return string(head[:n]) == versionPrefix[:n]
}

// readLine reads src[at:end], which ends with LF. last says that it was the empty line.
func (c *Conn) readLine(src []byte, at, end int) (last bool, fault *Error) {
	stop := end - 2
	if stop < at || src[stop] != '\r' {
		return false, errLineEnd
	}
	s := &c.section
	if !s.trailer && !s.begun {
		s.begun = true
		return false, s.readStatusLine(src[at:stop])
	}
	if stop == at {
		return true, nil
	}
	if s.lines++; s.lines > c.fieldsMax {
		return false, errFieldCount
	}
	return false, s.readField(src, at, stop)
}

// readStatusLine reads "HTTP/1.1 200 OK". A missing reason phrase with its blank is borne: several servers leave both out.
func (s *section) readStatusLine(line []byte) *Error {
	const statusAt = len("HTTP/1.1 ")
	if len(line) < statusAt+3 || string(line[:len(versionPrefix)]) != versionPrefix || line[statusAt-1] != ' ' {
		return errStatusLine
	}
	switch line[len(versionPrefix)] {
	case '0':
		s.old = true
	case '1':
	default:
		return errVersion
	}
	for _, d := range line[statusAt : statusAt+3] {
		if d < '0' || d > '9' {
			return errStatus
		}
		s.status = s.status*10 + int(d-'0')
	}
	if s.status < 100 {
		return errStatus
	}
	rest := line[statusAt+3:]
	if len(rest) > 0 && rest[0] != ' ' || !isValue(rest) {
		return errStatusLine
	}
	return nil
}

// readField reads the field line src[at:stop], which has no line end and is not empty.
func (s *section) readField(src []byte, at, stop int) *Error {
	if isBlank(src[at]) {
		return errFold
	}
	line := src[at:stop]
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return errFieldName
	}
	nameAt := len(s.names)
	s.names = append(s.names, line[:colon]...)
	for i, ch := range s.names[nameAt:] {
		l := lowerToken[ch]
		if l == 0 {
			return errFieldName
		}
		s.names[nameAt+i] = l
	}
	v := span{int32(at + colon + 1), int32(stop)}
	if !isValue(src[v.at:v.end]) {
		return errFieldValue
	}
	for v.at < v.end && isBlank(src[v.at]) {
		v.at++
	}
	for v.at < v.end && isBlank(src[v.end-1]) {
		v.end--
	}
	keep, fault := s.special(src, s.names[nameAt:], &v)
	if fault != nil {
		return fault
	}
	if !keep {
		s.names = s.names[:nameAt]
		return nil
	}
	s.refs = append(s.refs, fieldRef{span{int32(nameAt), int32(len(s.names))}, v})
	return nil
}

// lend builds the fields that the Sink is lent: views of the names and of src, without those that Connection names.
func (s *section) lend(src []byte) []stream.Field {
	s.fields = s.fields[:0]
	for i := range s.refs {
		r := &s.refs[i]
		name := s.names[r.name.at:r.name.end:r.name.end]
		if s.nOptions > 0 && s.isNominated(src, name) || s.status == 204 && string(name) == "content-length" {
			continue
		}
		s.fields = append(s.fields, stream.Field{Name: name, Value: src[r.value.at:r.value.end:r.value.end]})
	}
	return s.fields
}

func (s *section) isNominated(src, name []byte) bool {
	for _, o := range s.options[:s.nOptions] {
		if equalFold(src[o.at:o.end], name) {
			return true
		}
	}
	return false
}
