package h1

import "math"

// feedBody lends a run of body bytes; it returns how many of b it took.
func (c *Conn) feedBody(b []byte) int {
	if c.state == stateUntilClose {
		c.lendBody(b[:len(b):len(b)])
		return len(b)
	}
	n := int(min(int64(len(b)), c.left))
	c.left -= int64(n)
	last := c.left == 0
	c.lendBody(b[:n:n])
	switch {
	case !last || c.state == stateDead:
	case c.state == stateChunk:
		c.state = stateChunkCR
	default:
		c.complete(n < len(b), nil)
	}
	return n
}

func (c *Conn) lendBody(b []byte) {
	c.buffered += len(b)
	c.sink.OnBody(b)
}

// chunkLine is the line before a chunk as it comes in, byte by byte.
type chunkLine struct {
	phase  chunkPhase
	bytes  int // of the line so far
	digits bool
	size   int64
}

type chunkPhase uint8

const (
	chunkSize  chunkPhase = iota
	chunkBlank            // a blank after the size: an extension has to follow
	chunkExt              // after the semicolon
	chunkLF               // after CR
)

// feedChunkLine reads "1a;name=value CR LF"; it returns how many bytes of b it took.
func (c *Conn) feedChunkLine(b []byte) (int, *Error) {
	l := &c.chunk
	for i, ch := range b {
		if l.bytes++; l.bytes > maxChunkLineBytes {
			return 0, errChunkLine
		}
		switch l.phase {
		case chunkSize:
			d := hexDigit[ch]
			switch {
			case d != notHex:
				if l.size > math.MaxInt64>>4 {
					return 0, errChunkSize
				}
				l.size = l.size<<4 | int64(d)
				l.digits = true
			case !l.digits:
				return 0, errChunkSize
			case ch == '\r':
				l.phase = chunkLF
			case ch == ';':
				l.phase = chunkExt
			case ch == ' ' || ch == '\t':
				l.phase = chunkBlank
			default:
				return 0, errChunkSize
			}
		case chunkBlank:
			if ch == ';' {
				l.phase = chunkExt
			} else if ch != ' ' && ch != '\t' {
				return 0, errChunkSize
			}
		case chunkExt:
			if ch == '\r' {
				l.phase = chunkLF
			} else if notValue[ch] {
				return 0, errChunkExt
			}
		case chunkLF:
			if ch != '\n' {
				return 0, errLineEnd
			}
			c.startChunk()
			return i + 1, nil
		}
	}
	return len(b), nil
}

// startChunk follows the complete line before a chunk.
func (c *Conn) startChunk() {
	c.left = c.chunk.size
	c.chunk = chunkLine{}
	if c.left == 0 {
		c.section.reset(true)
		c.state = stateTrailers
		return
	}
	c.state = stateChunk
}

// feedChunkEnd reads the CR LF after a chunk.
func (c *Conn) feedChunkEnd(b []byte) (int, *Error) {
	want, next := byte('\r'), stateChunkLF
	if c.state == stateChunkLF {
		want, next = '\n', stateChunkLine
	}
	if b[0] != want {
		return 0, errChunkEnd
	}
	c.state = next
	return 1, nil
}
