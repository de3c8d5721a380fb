package http1

import (
	"encoding/binary"
	"math/bits"
)

// state is where in a head the walk stands. The order matters: everything before inLine belongs to the request line.
type state uint8

const (
	atStart state = iota
	atEmptyLineLF
	inMethod
	inTarget
	inVersion
	atVersionLF
	atLine // first byte of a field line
	inName
	inValue
	atValueLF
	atEndLF
)

// Parser finds, checks and cuts request heads. One connection owns it; it holds no memory besides itself.
//
// Every byte is walked once as it arrives, and a wrong one is refused at once: a client that sends rubbish need not wait for
// the head timer. A head that is there as a whole is cut during that walk. One that came in pieces is walked a second time
// when its end is known, because the caller may have moved its bytes in between. So no byte is walked more than twice,
// however small the pieces are.
type Parser struct {
	Limits *Limits // nil: DefaultLimits

	pos    int // bytes walked
	state  state
	empty  uint8 // empty lines before the request line
	line   requestLine
	lines  int // where the field lines begin
	fields int // field lines seen
}

// Reset forgets a head that has only partly arrived.
func (p *Parser) Reset() { *p = Parser{Limits: p.Limits} }

// Parse looks for one request head at the start of b, which it borrows. Until it returns n > 0, every call must bring the same
// bytes as the one before, and more of them; where they lie may change, and so may h.
//
// n > 0: h is the head, whose views point into b, and n its length with the empty line that ends it (and those tolerated before
// it). The parser is ready for the next head. 0, nil: more bytes are needed; h is not to be used. An error is always an
// *Error and ends the connection; h then holds the request line where that one was complete and valid (so that the refusal can
// be put in the form that belongs to the path), no fields, and KeepAlive false.
func (p *Parser) Parse(b []byte, h *Head) (n int, err error) {
	limits := p.Limits
	if limits == nil {
		limits = &defaultLimits
	}
	if len(b) > limits.HeadBytes {
		b = b[:limits.HeadBytes]
	}
	h.Fields = h.Fields[:0]
	n, e := p.parse(b, h, limits)
	if e != nil {
		known := p.state >= atLine
		h.Reset()
		if known {
			p.line.show(b, h)
		}
		p.Reset()
		return 0, e
	}
	if n > 0 {
		p.Reset()
	}
	return n, nil
}

func (p *Parser) parse(b []byte, h *Head, limits *Limits) (int, *Error) {
	if p.state < atLine {
		if e := p.walkRequestLine(b); e != nil {
			return 0, e
		}
	}
	n := 0
	if p.state >= atLine {
		if cap(h.Fields) == 0 {
			h.Fields = make([]Field, 0, fieldsAtFirst)
		}
		cut := p.pos == p.lines
		var e *Error
		if n, e = p.walkFields(b, h, limits.Fields, cut); e != nil {
			return 0, e
		}
		if n > 0 && !cut {
			p.pos, p.state, p.fields = p.lines, atLine, 0
			if n, e = p.walkFields(b, h, limits.Fields, true); e != nil {
				return 0, e
			}
		}
	}
	if n > 0 {
		p.line.show(b, h)
		return n, h.readFraming(b, p.lines)
	}
	if len(b) >= limits.HeadBytes {
		if p.state == inTarget || p.state == inVersion || p.state == atVersionLF {
			return 0, targetTooLong.at(len(b))
		}
		return 0, headTooLarge.at(len(b))
	}
	return 0, nil
}

// walkRequestLine walks on to the end of the request line, or of b.
func (p *Parser) walkRequestLine(b []byte) *Error {
	i, line := p.pos, &p.line
	for p.state < atLine {
		if i == len(b) {
			break
		}
		switch p.state {
		case atStart:
			if b[i] == '\r' {
				i++
				p.state = atEmptyLineLF
				continue
			}
			if class[b[i]]&isToken == 0 {
				if b[i] == '\n' {
					return bareLF.at(i)
				}
				return badStart.at(i)
			}
			line.method.from = i
			p.state = inMethod
			fallthrough

		case inMethod:
			for i < len(b) && class[b[i]]&isToken != 0 {
				i++
			}
			if i-line.method.from > methodBytes {
				return methodTooLong.at(line.method.from + methodBytes)
			}
			if i == len(b) {
				break
			}
			if b[i] != ' ' {
				return wrongByte(b[i], badMethod).at(i)
			}
			line.method.to = i
			i++
			line.target.from = i
			p.state = inTarget
			fallthrough

		case inTarget:
			for i < len(b) && class[b[i]]&isTarget != 0 {
				i++
			}
			if i == len(b) {
				break
			}
			if b[i] != ' ' || i == line.target.from {
				return wrongByte(b[i], badTarget).at(i)
			}
			line.target.to = i
			i++
			p.state = inVersion
			fallthrough

		case inVersion:
			const form = "HTTP/0.0\r"
			from := line.target.to + 1
			for i < len(b) && i-from < len(form) {
				if want := form[i-from]; b[i] != want && (want != '0' || b[i]-'0' > 9) {
					return wrongByte(b[i], badVersion).at(i)
				}
				i++
			}
			if i-from < len(form) {
				break
			}
			p.state = atVersionLF
			if i == len(b) {
				break
			}
			fallthrough

		case atVersionLF:
			if b[i] != '\n' {
				return bareCR.at(i - 1)
			}
			i++
			major, minor := b[i-5], b[i-3]
			if major != '1' {
				return versionNotSupported.at(i - 5)
			}
			// A higher minor version is read as the highest that we know (RFC 9110 §6.2).
			line.minor = int(min(minor, '1') - '0')
			if e := line.check(b); e != nil {
				return e
			}
			p.state = atLine
			p.lines = i

		case atEmptyLineLF:
			if b[i] != '\n' {
				return bareCR.at(i - 1)
			}
			if p.empty++; p.empty > leadingEmptyLines {
				return tooManyEmptyLines.at(i)
			}
			i++
			p.state = atStart
		}
	}
	p.pos = i
	return nil
}

// walkFields walks on to the end of the head, and then returns its length, or to the end of b, and then returns 0. With cut
// set, which presupposes that the walk begins with the first field line, the fields go to h.
func (p *Parser) walkFields(b []byte, h *Head, maxFields int, cut bool) (int, *Error) {
	i, at, seen := p.pos, p.state, p.fields
	fields := h.Fields
	name, colon := 0, 0
walk:
	for i < len(b) {
		switch at {
		case atLine:
			c := b[i]
			if class[c]&isToken == 0 {
				if c == '\r' {
					i++
					at = atEndLF
					continue
				}
				return 0, wrongLineStart(c).at(i)
			}
			if seen++; seen > maxFields {
				return 0, tooManyFields.at(i)
			}
			name = i
			i++
			fallthrough

		case inName:
			for i < len(b) && class[b[i]]&isToken != 0 {
				i++
			}
			if i == len(b) {
				at = inName
				break walk
			}
			if b[i] != ':' {
				return 0, wrongInName(b[i]).at(i)
			}
			colon = i
			i++
			fallthrough

		case inValue:
			i = skipValue(b, i)
			if i == len(b) {
				at = inValue
				break walk
			}
			if b[i] != '\r' {
				return 0, wrongByte(b[i], badValue).at(i)
			}
			i++
			if i == len(b) {
				at = atValueLF
				break walk
			}
			fallthrough

		case atValueLF:
			if b[i] != '\n' {
				return 0, bareCR.at(i - 1)
			}
			if cut {
				from, to := colon+1, i-1
				for from < to && (b[from] == ' ' || b[from] == '\t') {
					from++
				}
				for from < to && (b[to-1] == ' ' || b[to-1] == '\t') {
					to--
				}
				fields = append(fields, Field{Name: b[name:colon:colon], Value: b[from:to:to]})
			}
			i++
			at = atLine

		case atEndLF:
			if b[i] != '\n' {
				return 0, bareCR.at(i - 1)
			}
			h.Fields = fields
			return i + 1, nil
		}
	}
	p.pos, p.state, p.fields = i, at, seen
	h.Fields = fields[:0]
	return 0, nil
}

// skipValue returns the index of the first byte from i on that no field value may hold, or len(b).
func skipValue(b []byte, i int) int {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	for i < len(b) {
		if len(b)-i >= 8 {
			// Eight bytes at a time: the high bit is left in each byte below 0x20, each 0x7F, and each of obs-text, which the
			// table then lets pass. Borrows and carries can only spoil bytes above the lowest one found.
			w := binary.LittleEndian.Uint64(b[i:])
			found := ((w - 0x20*ones) | (w + ones)) & high
			if found == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(found) >> 3
		}
		if class[b[i]]&isValue == 0 {
			return i
		}
		i++
	}
	return i
}

// wrongByte names the two bytes that deserve a reason of their own wherever they stand.
func wrongByte(c byte, otherwise fault) fault {
	if c == '\n' {
		return bareLF
	}
	return otherwise
}

func wrongLineStart(c byte) fault {
	switch c {
	case ' ', '\t':
		return foldedLine
	case ':':
		return emptyName
	}
	return wrongByte(c, badName)
}

func wrongInName(c byte) fault {
	switch c {
	case ' ', '\t':
		return spaceInName
	case '\r':
		return noColon
	}
	return wrongByte(c, badName)
}
