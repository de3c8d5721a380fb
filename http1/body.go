package http1

import "math"

// bodyState is where in a body the decoder stands.
type bodyState uint8

const (
	bodyDone bodyState = iota
	inLength           // content of a body with Content-Length

	atSize // first digit of a chunk size
	inSize
	beforeExt   // white space before ';'
	atExtName   // after ';', white space allowed
	inExtName   //
	afterName   // white space after an extension name: '=' or ';' must follow
	atExtValue  // after '=', white space allowed
	inExtToken  //
	inQuoted    //
	inPair      // after a backslash in a quoted string
	afterQuoted // end of a quoted string
	atSizeLF
	inChunk // content
	atChunkCR
	atChunkLF

	atTrailer // first byte of a trailer line, or of the empty line that ends the body
	inTrailerName
	inTrailerValue
	atTrailerLF
	atBodyLF

	bodyFailed
)

// Body decodes the body of one request: by Content-Length, by chunks, or none. Trailers are read, checked by the rules for
// fields, bounded, and dropped. It keeps no bytes and works at any split.
type Body struct {
	limits *Limits
	err    *Error
	left   int64 // content bytes of the body or chunk still to come
	at     int   // bytes used
	line   int   // bytes of this chunk line so far
	exts   int   // bytes of chunk extensions so far
	state  bodyState

	sizeDigits   uint8
	trailers     int // bytes of the trailer section so far
	trailerLines int
	nameBytes    int // of this trailer's name, of which the beginning is kept
	name         [trailerNameBytes]byte
}

// Start begins the body that belongs to h; a nil lim stands for DefaultLimits. lim is lent until the body is done; h is borrowed.
func (d *Body) Start(h *Head, lim *Limits) {
	if lim == nil {
		lim = &defaultLimits
	}
	*d = Body{limits: lim}
	switch {
	case h.Chunked:
		d.state = atSize
	case h.ContentLength > 0:
		d.state, d.left = inLength, h.ContentLength
	}
}

// Done says that the body is complete; bytes after it belong to the next request.
func (d *Body) Done() bool { return d.state == bodyDone }

// Announced is how many bytes of content are known to come still: the rest of a body with Content-Length, or of the chunk whose line has
// come whole. A caller with a bound for bodies refuses by it what would not fit, before it has come.
func (d *Body) Announced() int64 {
	if d.state == inLength || d.state == inChunk {
		return d.left
	}
	return 0
}

// Next decodes from b, which it borrows. data is content, a view into b, and may be empty; n is how many bytes of b were used.
// Call again with b[n:] until Done, or until n is 0: then more bytes are needed. An error is always an *Error, ends the
// connection, and comes again on every later call.
func (d *Body) Next(b []byte) (data []byte, n int, err error) {
	if d.state == bodyFailed {
		return nil, 0, d.err
	}
	i := 0
	for i < len(b) && d.state != bodyDone {
		if d.state == inLength || d.state == inChunk {
			take := int(min(int64(len(b)-i), d.left))
			d.left -= int64(take)
			d.at += take
			if d.left == 0 {
				if d.state == inLength {
					d.state = bodyDone
				} else {
					d.state = atChunkCR
				}
			}
			return b[i : i+take : i+take], i + take, nil
		}
		if f := d.step(b[i]); f != faults {
			d.err, d.state = f.at(d.at), bodyFailed
			return nil, i, d.err
		}
		i++
		d.at++
	}
	return nil, i, nil
}

// step takes one byte of what is not content. It returns faults where nothing is wrong.
func (d *Body) step(c byte) fault {
	switch {
	case d.state <= atSizeLF:
		if d.line++; d.line > d.limits.ChunkLineBytes && d.state != atSizeLF && c != '\r' {
			return chunkLineTooLong
		}
		if d.state > inSize && d.state != atSizeLF {
			if d.exts++; d.exts > chunkExtTotalBytes {
				return chunkExtsTooLong
			}
			return d.stepExt(c)
		}
		return d.stepSize(c)
	case d.state >= atTrailer:
		if d.trailers++; d.trailers > d.limits.TrailerBytes {
			return trailersTooLarge
		}
		return d.stepTrailer(c)
	}
	if d.state == atChunkCR && c == '\r' {
		d.state = atChunkLF
		return faults
	}
	if d.state == atChunkLF && c == '\n' {
		d.state = atSize
		d.line = 0
		return faults
	}
	return noChunkEnd
}

// stepSize walks the size of a chunk and the end of its line (RFC 9112 §7.1).
func (d *Body) stepSize(c byte) fault {
	switch d.state {
	case atSize, inSize:
		if class[c]&isHex != 0 {
			if d.state == atSize {
				d.left, d.sizeDigits, d.state = 0, 0, inSize
			}
			if d.sizeDigits++; d.sizeDigits > chunkSizeDigits || d.left > math.MaxInt64>>4 {
				return chunkTooLarge
			}
			d.left = d.left<<4 | int64(hexValue(c))
			return faults
		}
		if d.state == atSize {
			return badChunkSize
		}
		switch c {
		case ';':
			d.state = atExtName
		case ' ', '\t':
			d.state = beforeExt
		case '\r':
			d.state = atSizeLF
		default:
			return wrongByte(c, badChunkSize)
		}
	case atSizeLF:
		if c != '\n' {
			return bareCR
		}
		if d.left > 0 {
			d.state = inChunk
		} else {
			d.state = atTrailer
		}
	}
	return faults
}

// stepExt walks chunk extensions (RFC 9112 §7.1.1); what they say is ignored.
func (d *Body) stepExt(c byte) fault {
	blank, token := c == ' ' || c == '\t', class[c]&isToken != 0
	switch d.state {
	case inQuoted:
		switch {
		case c == '"':
			d.state = afterQuoted
		case c == '\\':
			d.state = inPair
		case class[c]&isQuoted == 0:
			return wrongByte(c, badChunkExt)
		}
		return faults
	case inPair:
		if class[c]&isValue == 0 {
			return wrongByte(c, badChunkExt)
		}
		d.state = inQuoted
		return faults
	case atExtName, atExtValue:
		switch {
		case blank:
		case token && d.state == atExtName:
			d.state = inExtName
		case token:
			d.state = inExtToken
		case c == '"' && d.state == atExtValue:
			d.state = inQuoted
		default:
			return wrongByte(c, badChunkExt)
		}
		return faults
	}

	// What is left ends a name or a value, or comes after one.
	named := d.state == inExtName || d.state == afterName
	switch {
	case token && (d.state == inExtName || d.state == inExtToken):
	case c == ';':
		d.state = atExtName
	case c == '=' && named:
		d.state = atExtValue
	case blank && named:
		d.state = afterName
	case blank:
		d.state = beforeExt
	case c == '\r' && d.state != afterName && d.state != beforeExt:
		d.state = atSizeLF
	default:
		return wrongByte(c, badChunkExt)
	}
	return faults
}

// stepTrailer walks the trailer section (RFC 9112 §7.1.2).
func (d *Body) stepTrailer(c byte) fault {
	switch d.state {
	case atTrailer:
		if c == '\r' {
			d.state = atBodyLF
			return faults
		}
		if d.trailerLines++; d.trailerLines > d.limits.Fields {
			return trailersTooLarge
		}
		d.nameBytes, d.state = 0, inTrailerName
		if c == ' ' || c == '\t' {
			return foldedTrailer
		}
		fallthrough
	case inTrailerName:
		if class[c]&isToken != 0 {
			if d.nameBytes < trailerNameBytes {
				d.name[d.nameBytes] = lower[c]
			}
			d.nameBytes++
			return faults
		}
		if c != ':' || d.nameBytes == 0 {
			return wrongByte(c, badTrailerName)
		}
		if d.nameBytes <= trailerNameBytes && !allowedInTrailers(d.name[:d.nameBytes]) {
			return forbiddenTrailer
		}
		d.state = inTrailerValue
	case inTrailerValue:
		if c == '\r' {
			d.state = atTrailerLF
		} else if class[c]&isValue == 0 {
			return wrongByte(c, badTrailerValue)
		}
	case atTrailerLF, atBodyLF:
		if c != '\n' {
			return bareCR
		}
		if d.state == atBodyLF {
			d.state = bodyDone
		} else {
			d.state = atTrailer
		}
	}
	return faults
}
