package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"golang.org/x/net/http2/hpack"
)

// ask is one request as the scripted provider sees it. The model's name says what the client expects of it.
type ask struct {
	id     uint32 // stream of HTTP/2
	name   string // of the model: unlike any other of the run
	stream bool
	begun  bool // the misdeed comes after the first part of the answer
	large  bool // that part is more than the gateway holds back of a plain answer
}

func (a ask) well() bool { return strings.HasPrefix(a.name, "well") }

// peer is the provider's end of one connection.
type peer struct {
	net.Conn
	run    *hostileRun
	serial int      // of the connection
	under  net.Conn // what TLS runs on; Conn itself where there is none

	in *bufio.Reader // HTTP/1.1

	// HTTP/2.
	enc    *hpack.Encoder
	block  bytes.Buffer
	bodies map[uint32]*bytes.Buffer
}

func (p *peer) say(s string) { _, _ = io.WriteString(p, s) } // what fails here fails the next read

// end sends FIN and waits for the other side's: a close with unread input would be a reset.
func (p *peer) end() {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, p)
	_ = p.Close()
}

// cut sends FIN alone, whatever lies above TCP.
func (p *peer) cut() {
	if c, ok := p.under.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, p.under)
	_ = p.under.Close()
}

// reset ends the connection with RST.
func (p *peer) reset() {
	if c, ok := p.under.(*net.TCPConn); ok {
		_ = c.SetLinger(0)
	}
	_ = p.under.Close()
}

// flood repeats s until the gateway has had enough.
func (p *peer) flood(s string) {
	s = strings.Repeat(s, max(1, 64<<10/len(s)))
	go func() { _, _ = io.Copy(io.Discard, p) }()
	for {
		if _, err := io.WriteString(p, s); err != nil {
			return
		}
	}
}

var (
	modelIn  = regexp.MustCompile(`"model":"([^"]*)"`)
	streamIn = regexp.MustCompile(`"stream":true`)
)

func (p *peer) asked(id uint32, body []byte) (a ask, ok bool) {
	m := modelIn.FindSubmatch(body)
	if m == nil {
		return a, false
	}
	a = ask{id: id, name: string(m[1]), stream: streamIn.Match(body)}
	a.large = strings.HasPrefix(a.name, "large")
	a.begun = a.large || strings.HasPrefix(a.name, "during")
	p.run.saw(p, a)
	return a, true
}

// serve is the provider's life on a connection.
func (p *peer) serve() {
	deed := p.run.deed
	if deed.accept != nil && !p.run.good.Load() {
		deed.accept(p)
		return
	}
	if deed.over == http1 {
		p.open1()
		p.converse(p.ask1, func(a ask) { deed.h1(p, a) })
		return
	}
	if p.open2(deed.settings) == nil {
		p.converse(p.ask2, func(a ask) { deed.h2(p, a) })
	}
}

func (p *peer) open1() { p.in = bufio.NewReader(p) }

// open2 takes the client's preface and sends the server's.
func (p *peer) open2(settings string) error {
	if _, err := io.ReadFull(p, make([]byte, 24)); err != nil {
		return err
	}
	p.enc = hpack.NewEncoder(&p.block)
	p.bodies = map[uint32]*bytes.Buffer{}
	p.say(frame(4, 0, 0, settings))
	return nil
}

func (p *peer) converse(next func() (ask, error), misbehave func(ask)) {
	for {
		a, err := next()
		if err != nil {
			return
		}
		if a.well() {
			p.answer(a)
			if p.run.deed.accept != nil || p.run.deed.secure != nil {
				p.end() // the next request is to meet a new connection
				return
			}
			continue
		}
		if a.begun {
			p.begin(a)
			if a.stream || a.large {
				p.run.wait()
			}
		}
		misbehave(a)
	}
}

func (p *peer) ask1() (ask, error) {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return ask{}, err
	}
	body := make([]byte, 60)
	n, err := io.ReadFull(r.Body, body)
	if body = body[:n]; err == nil && !(p.run.deed.early && r.ContentLength > 1<<10) {
		var rest []byte
		rest, err = io.ReadAll(r.Body)
		body = append(body, rest...)
	}
	if err != nil {
		return ask{}, err
	}
	a, ok := p.asked(0, body)
	if !ok {
		return ask{}, fmt.Errorf("no model in %q", body)
	}
	return a, nil
}

// ask2 reads frames until a request is complete (for an early answer: until its model is known).
func (p *peer) ask2() (ask, error) {
	deed := p.run.deed
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(p, head); err != nil {
			return ask{}, err
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(p, payload); err != nil {
			return ask{}, err
		}
		flags, id := head[4], binary.BigEndian.Uint32(head[5:])
		switch head[3] {
		case 4, 6: // SETTINGS, PING
			if flags&1 == 0 && !deed.deaf {
				answer := ""
				if head[3] == 6 {
					answer = string(payload)
				}
				p.say(frame(head[3], 1, 0, answer))
			}
		case 1: // HEADERS
			p.bodies[id] = &bytes.Buffer{}
			p.grant(id)
		case 3: // RST_STREAM
			delete(p.bodies, id)
		case 0: // DATA
			if len(payload) > 0 {
				p.say(frame(8, 0, 0, word(uint32(len(payload)))))
			}
			b := p.bodies[id]
			if b == nil {
				continue
			}
			b.Write(payload)
			p.grant(id)
			if deed.onData != nil {
				deed.onData(p, id, payload)
			}
			if flags&1 == 0 && !deed.early {
				continue
			}
			if a, ok := p.asked(id, b.Bytes()); ok {
				delete(p.bodies, id)
				return a, nil
			}
		}
	}
}

// grant opens a stream's window by as much as the row says.
func (p *peer) grant(id uint32) {
	if n := p.run.deed.grant; n > 0 {
		p.say(frame(8, 0, id, word(n)))
	}
}

// The pieces of right answers. The body names its request, so that an answer which reaches somebody else shows.
func plainBody(a ask) string {
	if a.large {
		return fmt.Sprintf(`{"id":%q,"pad":"%s"}`, a.name, strings.Repeat("a", 100<<10))
	}
	return fmt.Sprintf(`{"id":%q,"object":"chat.completion"}`, a.name)
}

func firstEvent(a ask) string {
	return fmt.Sprintf(`data: {"id":%q,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}`+"\n\n", a.name)
}

func lastEvents(a ask) string {
	return fmt.Sprintf(`data: {"id":%q,"object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n", a.name)
}

func (a ask) contentType() string {
	if a.stream {
		return "text/event-stream"
	}
	return "application/json"
}

// first is the part of the body that comes before a misdeed in mid-answer, rest what would have followed.
func (a ask) first() string {
	if a.stream {
		return firstEvent(a)
	}
	return plainBody(a)[:len(plainBody(a))-5]
}

func (a ask) rest() string {
	if a.stream {
		return lastEvents(a)
	}
	return plainBody(a)[len(plainBody(a))-5:]
}

func chunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// head1 is a right head; more are field lines.
func head1(a ask, more string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: " + a.contentType() + "\r\n" + more + "\r\n"
}

const chunkedField = "Transfer-Encoding: chunked\r\n"

// begin sends a right head and the first part of the body.
func (p *peer) begin(a ask) {
	if p.in != nil {
		p.say(head1(a, chunkedField) + chunk(a.first()))
		return
	}
	p.say(head2(a) + data2(a.id, a.first()))
}

// finish sends what is still missing of a right answer.
func (p *peer) finish(a ask) { p.say(p.missing(a)) }

// missing is what is still missing of a right answer. What has to arrive with its end is said in the same breath: a client that has all of
// its answer asks again.
func (p *peer) missing(a ask) string {
	switch {
	case p.in != nil && a.begun:
		return chunk(a.rest()) + "0\r\n\r\n"
	case p.in != nil:
		return head1(a, chunkedField) + chunk(a.first()+a.rest()) + "0\r\n\r\n"
	case a.begun:
		return frame(0, 1, a.id, a.rest())
	}
	return head2(a) + frame(0, 1, a.id, a.first()+a.rest())
}

// answer answers as it should be, on HTTP/2 with everything that the connection's HPACK table holds.
func (p *peer) answer(a ask) {
	if p.in != nil {
		if a.stream {
			p.finish(a)
			return
		}
		p.say(head1(a, fmt.Sprintf("Content-Length: %d\r\n", len(plainBody(a)))) + plainBody(a))
		return
	}
	p.block.Reset()
	for _, f := range [][2]string{{":status", "200"}, {"content-type", a.contentType()}, {"server", "scripted"}, {"x-of", p.run.label}} {
		_ = p.enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // to a buffer
	}
	p.say(frame(1, 4, a.id, p.block.String()) + frame(0, 1, a.id, a.first()+a.rest()))
}

// lit is a header field without any of HPACK's means.
func lit(name, value string) string {
	return "\x00" + string(rune(len(name))) + name + string(rune(len(value))) + value
}

// head2 is a right head as one HEADERS frame.
func head2(a ask) string {
	return frame(1, 4, a.id, lit(":status", "200")+lit("content-type", a.contentType()))
}

// data2 is a piece of body as DATA frames.
func data2(id uint32, s string) string {
	var b strings.Builder
	for ; len(s) > 16<<10; s = s[16<<10:] {
		b.WriteString(frame(0, 0, id, s[:16<<10]))
	}
	return b.String() + frame(0, 0, id, s)
}

// noDelay has each write leave as a packet of its own, as far as that can be had.
func noDelay(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetNoDelay(true)
		_ = t.SetReadBuffer(64 << 10) // so that a large request does not fit into the kernel
	}
}

// listenPeers plays the provider of a run.
func (r *hostileRun) listenPeers() {
	r.provider = listenRaw(r.t, func(c net.Conn) {
		noDelay(c)
		r.open.Add(1)
		defer r.open.Add(-1)
		p := &peer{Conn: c, run: r, serial: int(r.accepted.Add(1)), under: c}
		if r.deed.secure != nil && !r.good.Load() {
			r.deed.secure(p)
			return
		}
		if r.deed.over == tlsH2 {
			p.Conn = tls.Server(c, goodServer("h2"))
		}
		p.serve()
	})
}

// drip sends s byte by byte.
func (p *peer) drip(s string, pause time.Duration) {
	for i := range len(s) {
		p.say(s[i : i+1])
		time.Sleep(pause)
	}
}
