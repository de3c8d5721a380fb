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
	r    *rig
	e    *looptest.End
	in   []byte
	ask  *ask // in flight
	last bool // Connection: close
	sent bool // a head was sent
	size int  // what is left of its Content-Length, -1: chunked
}

func newH1(r *rig, e *looptest.End) {
	e.Play(&h1Provider{r: r, e: e})
}

func (p *h1Provider) OnBytes(_ *looptest.End, b []byte) {
	p.in = append(p.in, b...)
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
	if req.ContentLength < 0 || int64(len(p.in)-end-4) < req.ContentLength {
		return
	}
	body := p.in[end+4:]
	if int64(len(body)) > req.ContentLength {
		p.r.fail("bytes behind the request: %q", body[req.ContentLength:])
	}
	a := newAsk(p.r, "beta", req.URL.Path, req.Header.Get("Authorization")+req.Header.Get("X-Api-Key"), body)
	p.in = p.in[:0]
	p.ask, p.sent, p.last = a, false, false
	p.r.serve(a, p)
}

// newAsk reads what the provider needs of a request, and checks what every request has to have.
func newAsk(r *rig, provider, path, key string, body []byte) *ask {
	a := &ask{provider: provider, token: findToken(body), api: "openai"}
	if a.token == "" {
		r.fail("request without a token to %s: %q", path, body)
		a.token = makeToken('s', 0)
	}
	switch path {
	case "/v1/chat/completions":
	case "/v1/messages", "/v1/v1/messages":
		a.api = "anthropic"
	default:
		r.fail("request to %q", path)
	}
	if !strings.HasSuffix(key, "provider-key") {
		r.fail("the provider got the key %q", key)
	}
	if !bytes.Contains(body, []byte(`"model":"m-`+provider+`"`)) {
		r.fail("%s was asked for another's model: %q", provider, body)
	}
	a.stream = bytes.Contains(body, []byte(`"stream":true`))
	a.usage = bytes.Contains(body, []byte(`"include_usage":true`))
	if a.stream && !a.usage {
		r.fail("a stream was not asked for its usage: %q", body)
	}
	return a
}

func (p *h1Provider) OnEnd(e *looptest.End, err error) {
	if p.ask != nil {
		p.ask.over = true
	}
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
	p.sent, p.size = true, length
	fmt.Fprintf(p, "HTTP/1.1 %d Simulated\r\ncontent-type: %s\r\nx-token: %s\r\n", status, media, p.ask.token)
	if length >= 0 {
		fmt.Fprintf(p, "content-length: %d\r\n", length)
	} else {
		io.WriteString(p, "transfer-encoding: chunked\r\n")
	}
	if p.last {
		io.WriteString(p, "connection: close\r\n")
	}
	io.WriteString(p, "\r\n")
}

func (p *h1Provider) data(b []byte) {
	if p.size >= 0 {
		p.Write(b)
		if p.size -= len(b); p.size == 0 {
			p.ask.over = true // this was the end, and the next request may come
			p.end()
		}
		return
	}
	fmt.Fprintf(p, "%x\r\n%s\r\n", len(b), b)
}

func (p *h1Provider) end() {
	if p.size < 0 {
		io.WriteString(p, "0\r\n\r\n")
	}
	p.ask = nil
	if p.last {
		p.e.Close()
	}
}

func (p *h1Provider) reset()  { p.e.Reset() }
func (p *h1Provider) refuse() { p.e.Reset() }
func (p *h1Provider) hangUp() { p.e.Close() }
func (p *h1Provider) goAway() { p.last = true }
func (p *h1Provider) garbage() {
	io.WriteString(p, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd")
}
