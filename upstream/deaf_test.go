package upstream

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"penstock/upstream/stream"
)

// frame2 is an HTTP/2 frame.
func frame2(typ, flags byte, id uint32, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags}) + string(binary.BigEndian.AppendUint32(nil, id)) + payload
}

// post opens a request with a body of n bytes.
func (r *rig) post(n int) *call {
	c := &call{done: make(chan struct{})}
	p := r.pool.Provider
	c.ticket.Sink = c
	c.ticket.Request = stream.Request{
		Block: &stream.Block{Method: "POST", Scheme: p.Scheme, Authority: p.Authority, Path: "/"},
		Body:  [][]byte{make([]byte, n)}, BodyBytes: int64(n),
	}
	r.on(func() {
		if f := r.pool.Open(&c.ticket); f != nil {
			c.failure = f
			close(c.done)
		}
	})
	return c
}

// TestProviderThatNeverReads: one that opens its windows wide, speaks and does not read gets no more into memory than a bounded
// backlog, and is given up.
func TestProviderThatNeverReads(t *testing.T) {
	over := make(chan struct{})
	url, _ := listen(t, func(_ int32, c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(16 << 10)
		wide := "\x7f\xff\x00\x00"
		_, _ = io.WriteString(c, frame2(4, 0, 0, "\x00\x04"+wide)+frame2(8, 0, 0, wide))
		beat := time.NewTicker(10 * time.Millisecond) // faster would be a flood
		defer beat.Stop()
		for {
			select {
			case <-over:
				return
			case <-beat.C:
			}
			if _, err := io.WriteString(c, frame2(6, 0, 0, "12345678")); err != nil {
				return
			}
		}
	})
	defer close(over)
	r := newRig(t, Settings{BaseURL: url, Mode: ModeH2C})
	c := r.post(32 << 20)
	queued := 0
	until(t, "the socket takes everything", func() (blocked bool) {
		r.on(func() {
			if len(r.pool.conns) == 1 {
				blocked = r.pool.conns[0].lc.Blocked()
			}
		})
		return blocked
	})
	r.on(func() { queued = r.pool.conns[0].lc.Queued() })
	if queued > 512<<10 {
		t.Errorf("%d bytes wait in memory", queued)
	}
	until(t, "the connection stays", func() (gone bool) {
		r.on(func() {
			if gone = len(r.pool.conns) == 0; !gone {
				r.pool.conns[0].takenAt -= int64(takeWait) // as if that much time had passed
			}
		})
		return gone
	})
	<-c.done
	if c.failure == nil || c.failure.Kind != stream.KindClosed || !c.failure.Sent {
		t.Errorf("the request ends with %v", c.failure)
	}
	r.on(func() {
		if n := r.pool.Stats().Stuck; n != 1 {
			t.Errorf("%d connections counted as stuck", n)
		}
	})
}

// TestSlowReaderIsNotStuck: a provider that reads, however slowly, gets all of a large body.
func TestSlowReaderIsNotStuck(t *testing.T) {
	const total = 4 << 20
	read := make(chan int, 1)
	url, _ := listen(t, func(_ int32, c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		wide := "\x7f\xff\x00\x00"
		_, _ = io.WriteString(c, frame2(4, 0, 0, "\x00\x04"+wide)+frame2(8, 0, 0, wide))
		in := bufio.NewReader(c)
		_, _ = in.Discard(24)
		body := 0
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(in, head); err != nil {
				return
			}
			n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
			if _, err := in.Discard(n); err != nil {
				return
			}
			if head[3] != 0 {
				continue
			}
			if body += n; head[4]&1 != 0 {
				read <- body
				_, _ = io.WriteString(c, frame2(1, 5, 1, "\x88"))
				_, _ = io.Copy(io.Discard, in)
				return
			}
		}
	})
	r := newRig(t, Settings{BaseURL: url, Mode: ModeH2C})
	c := r.post(total)
	r.want(c, 200, "")
	if n := <-read; n != total {
		t.Errorf("%d bytes of %d", n, total)
	}
}

// TestFallsBackToHTTP1: a provider that agrees to HTTP/2 and then wants HTTP/1.1 gets it.
func TestFallsBackToHTTP1(t *testing.T) {
	s, _ := provider(t, true, false, echoPath)
	config := s.TLS.Clone()
	config.NextProtos = []string{"h2", "http/1.1"}
	url, accepted := listen(t, func(_ int32, nc net.Conn) {
		c := tls.Server(nc, config)
		if c.Handshake() != nil {
			return
		}
		in := bufio.NewReader(c)
		if c.ConnectionState().NegotiatedProtocol == "h2" {
			_, _ = io.WriteString(c, frame2(4, 0, 0, "")+frame2(4, 1, 0, ""))
			_, _ = in.Discard(24)
			for head := make([]byte, 9); ; {
				if _, err := io.ReadFull(in, head); err != nil {
					return
				}
				_, _ = in.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
				if head[3] == 1 {
					_, _ = io.WriteString(c, frame2(3, 0, binary.BigEndian.Uint32(head[5:]), "\x00\x00\x00\x0d"))
				}
			}
		}
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"+req.Proto[5:6]+"!")
		}
	})
	r := newRig(t, Settings{BaseURL: "https" + url[len("http"):], Mode: ModeAuto, Insecure: true})
	c := r.get("/", nil)
	<-c.done
	if c.failure == nil || !c.failure.Retryable() || c.failure.Kind != stream.KindRefused {
		t.Fatalf("the first request ends with %v", c.failure)
	}
	for range 3 {
		r.want(r.get("/", nil), 200, "1!")
	}
	if n := accepted.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	until(t, "the HTTP/2 connection stays", func() (gone bool) {
		r.on(func() { gone = len(r.pool.conns) == 1 })
		return gone
	})
}
