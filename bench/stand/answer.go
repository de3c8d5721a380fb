package stand

import (
	"bytes"
	"errors"
	"strconv"
)

// answer decodes one HTTP/1.1 response as it comes (RFC 9112): enough to know its status, how much of it there is, and that it
// is complete and well framed. It is not the gateway's own reader, so that a fault in that one shows here.
type answer struct {
	status int
	state  answerState
	left   int64  // of the body or the chunk
	bytes  int64  // of the body so far
	held   []byte // a line whose end has not come
	chunks bool
	sized  bool
	closes bool // the connection ends with this answer
}

type answerState uint8

const (
	answerStatus answerState = iota
	answerFields
	answerBody
	answerToEnd // the body ends with the connection
	answerChunkSize
	answerChunk
	answerChunkEnd
	answerTrailers
	answerDone
)

var errMalformed = errors.New("malformed answer")

// reset makes the decoder ready for the next answer.
func (a *answer) reset() { *a = answer{held: a.held[:0]} }

// feed takes what came and returns how much of it belongs to this answer.
func (a *answer) feed(b []byte) (n int, err error) {
	for rest := b; len(rest) > 0 && a.state != answerDone; n = len(b) - len(rest) {
		switch a.state {
		case answerBody, answerChunk:
			take := min(a.left, int64(len(rest)))
			a.left -= take
			a.bytes += take
			rest = rest[take:]
			switch {
			case a.left > 0:
			case a.chunks:
				a.state = answerChunkEnd
			default:
				a.state = answerDone
			}
		case answerToEnd:
			a.bytes += int64(len(rest))
			rest = nil
		default:
			end := bytes.IndexByte(rest, '\n')
			if end < 0 {
				a.held = append(a.held, rest...)
				rest = nil
			} else {
				line := rest[:end]
				if len(a.held) > 0 {
					a.held = append(a.held, line...)
					line = a.held
				}
				rest = rest[end+1:]
				err = a.line(bytes.TrimSuffix(line, []byte{'\r'}))
				a.held = a.held[:0]
			}
			if err != nil || len(a.held) > lineLimitBytes {
				return n, errMalformed
			}
		}
	}
	return n, nil
}

func (a *answer) line(line []byte) error {
	switch a.state {
	case answerStatus:
		if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
			return errMalformed
		}
		a.status, _ = strconv.Atoi(string(line[9:12]))
		a.state = answerFields
	case answerFields:
		if len(line) == 0 {
			a.headDone()
			return nil
		}
		return a.field(line)
	case answerChunkSize:
		digits, _, _ := bytes.Cut(line, []byte{';'})
		size, err := strconv.ParseInt(string(bytes.TrimSpace(digits)), 16, 64)
		if err != nil || size < 0 {
			return errMalformed
		}
		a.left, a.state = size, answerChunk
		if size == 0 {
			a.state = answerTrailers
		}
	case answerChunkEnd:
		if len(line) != 0 {
			return errMalformed
		}
		a.state = answerChunkSize
	case answerTrailers:
		if len(line) == 0 {
			a.state = answerDone
		}
	default:
		return errMalformed
	}
	return nil
}

func (a *answer) field(line []byte) error {
	name, value, found := bytes.Cut(line, []byte{':'})
	if !found {
		return errMalformed
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(name, []byte("content-length")):
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || n < 0 {
			return errMalformed
		}
		a.left, a.sized = n, true
	case bytes.EqualFold(name, []byte("transfer-encoding")):
		a.chunks = bytes.EqualFold(value, []byte("chunked"))
	case bytes.EqualFold(name, []byte("connection")):
		a.closes = bytes.EqualFold(value, []byte("close"))
	}
	return nil
}

// headDone decides how the body is framed (RFC 9112 §6.3); interim responses have none and are skipped.
func (a *answer) headDone() {
	switch {
	case a.status >= 100 && a.status < 200:
		a.reset()
	case a.chunks:
		a.state = answerChunkSize
	case a.sized && a.left == 0, a.status == 204, a.status == 304:
		a.state = answerDone
	case a.sized:
		a.state = answerBody
	default:
		a.state, a.closes = answerToEnd, true
	}
}
