package h1

import (
	"math"
	"strconv"

	"penstock/upstream/stream"
)

// writer puts a request into the Output piece by piece. It knows how much is to come, so that it never asks for more.
type writer struct {
	out  stream.Output
	buf  *[]byte
	room int   // bytes that may go into buf
	left int64 // bytes that are to come, those of room included
}

func (w *writer) reserve() {
	w.room = int(min(w.left, pieceBytes))
	w.buf = w.out.Buffer(w.room)
}

func (w *writer) put(p []byte) {
	for len(p) > w.room {
		*w.buf = append(*w.buf, p[:w.room]...)
		w.left -= int64(w.room)
		p = p[w.room:]
		w.reserve()
	}
	*w.buf = append(*w.buf, p...)
	w.room -= len(p)
	w.left -= int64(len(p))
}

// write checks the request and puts all of it into the output. It returns the number of bytes and whether the method is HEAD; on
// an error nothing was written.
func (c *Conn) write(r *stream.Request) (sentBytes int64, isHead bool, err error) {
	e, err := c.blocks.get(r.Block)
	if err != nil {
		return 0, false, err
	}
	var method, path []byte
	isHead = r.Block.Method == "HEAD"
	if r.Block.Method == "" {
		method = r.Method
		if !isToken(method) || string(method) == "CONNECT" {
			return 0, false, ErrMethod
		}
		isHead = string(method) == "HEAD"
	}
	if r.Block.Path == "" {
		path = r.Path
		if !isPath(path) {
			return 0, false, ErrPath
		}
	}
	total := int64(len(method)+len(e.before)+len(path)+len(e.after)) + 2
	for i := range r.Extra {
		f := &r.Extra[i]
		if err := checkField(f.Name, f.Value); err != nil {
			return 0, false, err
		}
		total += int64(len(f.Name) + len(f.Value) + 4)
	}
	if err := checkBody(r); err != nil {
		return 0, false, err
	}
	length := c.digits[:0]
	if r.BodyBytes >= 0 {
		length = append(length, "Content-Length: "...)
		length = strconv.AppendInt(length, r.BodyBytes, 10)
		length = append(length, "\r\n"...)
		total += int64(len(length)) + r.BodyBytes
	}

	w := writer{out: c.out, left: total}
	w.reserve()
	w.put(method)
	w.put(e.before)
	w.put(path)
	w.put(e.after)
	for i := range r.Extra {
		w.put(r.Extra[i].Name)
		w.put(colonBlank)
		w.put(r.Extra[i].Value)
		w.put(crlf)
	}
	w.put(length)
	w.put(crlf)
	for _, p := range r.Body {
		w.put(p)
	}
	return total, isHead, nil
}

var (
	colonBlank = []byte(": ")
	crlf       = []byte("\r\n")
)

// checkBody makes sure that what is announced is what is sent: a byte more would be read as the next request.
func checkBody(r *stream.Request) error {
	if r.BodyBytes < -1 || r.BodyBytes > math.MaxInt64/2 {
		return ErrBodySize
	}
	var n int64
	for _, p := range r.Body {
		n += int64(len(p))
	}
	if n != max(r.BodyBytes, 0) {
		return ErrBodySize
	}
	return nil
}
