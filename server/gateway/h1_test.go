package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	"penstock/loop/looptest"
)

// h1Provider is one connection of a scripted provider that speaks HTTP/1.1. It reads requests with net/http's parser.
type h1Provider struct {
	r     *rig
	e     *looptest.End
	name  string
	in    []byte
	ask   *ask // in flight
	early bool // ask was answered before all of it had come
	last  bool // Connection: close
	body  h1Body
	size  int // what is left of a Content-Length
}

// h1Body is how the body of the answer at hand is framed.
type h1Body uint8

const (
	h1Sized h1Body = iota
	h1Chunked
	h1UntilClose
	h1Empty
)

func newH1(r *rig, name string, e *looptest.End) {
	p := &h1Provider{r: r, e: e, name: name}
	e.Label = r.label(name)
	e.Play(p)
	r.lineFault(p)
}

func (p *h1Provider) end2end() (*looptest.End, *h2Provider) { return p.e, nil }

// lost says that the connection is over.
func (p *h1Provider) lost() {
	if p.ask != nil {
		p.ask.over = true
	}
}

func (p *h1Provider) OnBytes(_ *looptest.End, b []byte) {
	p.in = append(p.in, b...)
	if p.early {
		return
	}
	if p.ask != nil {
		if !p.ask.over {
			p.r.fail("%q came before the answer to %s was complete", b, p.ask.token)
		}
		return
	}
	end := bytes.Index(p.in, []byte("\r\n\r\n"))
	if end < 0 {
		return
	}
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(p.in[:end+4])))
	if err != nil {
		p.r.fail("HTTP/1.1 provider cannot read %q: %v", p.in[:end], err)
		return
	}
	if req.ContentLength < 0 {
		p.r.fail("a request to an HTTP/1.1 provider has no length: %q", p.in[:end])
		return
	}
	body := p.in[end+4:]
	if int64(len(body)) < req.ContentLength {
		if a := p.r.early(p.name, req.Header.Get); a != nil {
			p.ask, p.early, p.last = a, true, true
			p.r.serveEarly(a, p)
		}
		return
	}
	if int64(len(body)) > req.ContentLength {
		p.r.fail("bytes behind the request: %q", body[req.ContentLength:])
	}
	a := newAsk(p.r, p.name, p.e, req.Method, req.URL.RequestURI(), req.Header.Get, body)
	p.in = p.in[:0]
	p.ask, p.last = a, false
	p.r.serve(a, p)
}

func (p *h1Provider) OnEnd(e *looptest.End, err error) {
	p.lost()
	if err == nil {
		e.Close()
	}
}

func (p *h1Provider) interim() { io.WriteString(p, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n") }

func (p *h1Provider) Write(b []byte) (int, error) {
	p.e.Write(b)
	return len(b), nil
}

func (p *h1Provider) head(status int, media string, length int) {
	p.ask.status = status
	p.headAs(respHead{status: status, media: media, length: length})
}

func (p *h1Provider) headAs(h respHead) {
	fmt.Fprintf(p, "HTTP/1.1 %d Simulated\r\nx-token: %s\r\n", h.status, p.ask.token)
	if h.media != "" {
		fmt.Fprintf(p, "content-type: %s\r\n", h.media)
	}
	for _, f := range h.fields {
		io.WriteString(p, f+"\r\n")
	}
	switch {
	case h.status == 204 || h.status == 304:
		p.body = h1Empty
	case h.length >= 0:
		p.body, p.size = h1Sized, h.length
		fmt.Fprintf(p, "content-length: %d\r\n", h.length)
	case h.untilClose:
		p.body = h1UntilClose
	default:
		p.body = h1Chunked
		io.WriteString(p, "transfer-encoding: chunked\r\n")
	}
	if p.last {
		io.WriteString(p, "connection: close\r\n")
	}
	io.WriteString(p, "\r\n")
	if p.body == h1Empty || p.body == h1Sized && p.size == 0 {
		p.ask.over = true
		p.idle()
	}
}

func (p *h1Provider) data(b []byte) {
	switch p.body {
	case h1Sized:
		p.Write(b)
		if p.size -= len(b); p.size == 0 && !p.early {
			p.ask.over = true // this was the end, and the next request may come
			p.idle()
		}
	case h1Chunked:
		fmt.Fprintf(p, "%x\r\n%s\r\n", len(b), b)
	case h1UntilClose:
		p.Write(b)
	}
}

func (p *h1Provider) end() { p.finish("") }

func (p *h1Provider) trailers() { p.finish("x-sum: 1\r\nx-cost: 2\r\n") }

func (p *h1Provider) finish(trailers string) {
	switch {
	case p.body == h1Chunked:
		io.WriteString(p, "0\r\n"+trailers+"\r\n")
	case p.body == h1UntilClose:
		p.last = true
	case p.body == h1Sized && p.size > 0:
		return // less than was promised
	}
	p.idle()
}

func (p *h1Provider) idle() {
	p.ask = nil
	if p.last {
		p.e.Close()
	}
}

func (p *h1Provider) surplus() {
	switch p.r.w.RNG.Intn(3) {
	case 0:
		io.WriteString(p, "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\ntoks00000000z")
	case 1:
		io.WriteString(p, "\r\n")
	default:
		io.WriteString(p, "x")
	}
}

func (p *h1Provider) reset()  { p.e.Reset() }
func (p *h1Provider) refuse() { p.e.Reset() }
func (p *h1Provider) hangUp() { p.e.Close() }
func (p *h1Provider) goAway() { p.last = true }

// h1Garbage is what breaks the protocol where a head is due.
var h1Garbage = []string{
	"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
	"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc",
	"HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
	"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n",
	"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
	"HTTP/1.1 20 OK\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
	"220 mail.test ESMTP\r\n",
	"\x15\x03\x01\x00\x02\x02\x46",
	strings.Repeat("x", 70<<10),
}

// h1ChunkGarbage is what breaks it where a chunk is due.
var h1ChunkGarbage = []string{"zz\r\n", "-1\r\n", "fffffffffffffffff\r\n", "\n", "1;a=\x00\r\n", "0\r\nbad trailer\r\n\r\n"}

func (p *h1Provider) garbage() { p.garbageOf(0) }

func (p *h1Provider) garbageOf(n int) {
	switch {
	case p.ask.status == 0:
		io.WriteString(p, h1Garbage[n%len(h1Garbage)])
	case p.body == h1Chunked:
		io.WriteString(p, h1ChunkGarbage[n%len(h1ChunkGarbage)])
	default: // any byte would be one of the body
		p.e.Reset()
		return
	}
	if p.r.w.RNG.Chance(50) {
		p.e.Close()
	}
}
