package upstream

import (
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"penstock/loop"
	"penstock/upstream/stream"
)

// rig is one loop with a pool to a provider.
type rig struct {
	t      *testing.T
	loop   *loop.Loop
	pool   *Pool
	dialer *NetDialer
}

func newRig(t *testing.T, s Settings) *rig {
	t.Helper()
	s.Name = "test"
	s.Connect, s.Handshake, s.ResponseBufferBytes = 5*time.Second, 5*time.Second, 1<<20
	p, err := NewProvider(s)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dialer: &NetDialer{Resolver: &Resolver{}}}
	e, err := loop.Start(loop.Config{Loops: 1}, func(l *loop.Loop) {
		r.loop = l
		r.pool = NewPool(l, p, r.dialer)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.StopOffLoop)
	return r
}

// on runs f on the loop and waits for it.
func (r *rig) on(f func()) {
	done := make(chan struct{})
	r.loop.PostOffLoop(func() { f(); close(done) })
	<-done
}

// call is one request; it takes the whole response.
type call struct {
	ticket  Ticket
	status  int
	body    []byte
	failure *stream.Failure
	done    chan struct{}
	onBody  func(*call, []byte)
}

func (c *call) OnSent()                                      {}
func (c *call) OnHead(status int, _ []stream.Field, _ int64) { c.status = status }
func (c *call) OnBody(b []byte) {
	c.body = append(c.body, b...)
	if c.onBody != nil {
		c.onBody(c, b)
		return
	}
	c.ticket.Credit(len(b))
}
func (c *call) OnEnd([]stream.Field)    { c.ticket.Done(); close(c.done) }
func (c *call) OnFail(f stream.Failure) { c.ticket.Done(); c.failure = &f; close(c.done) }

// get opens a request; its answer comes on c.done.
func (r *rig) get(path string, onBody func(*call, []byte)) *call {
	c := &call{done: make(chan struct{}), onBody: onBody}
	p := r.pool.Provider
	c.ticket.Sink = c
	c.ticket.Request = stream.Request{Block: &stream.Block{Method: "GET", Scheme: p.Scheme, Authority: p.Authority, Path: path}, BodyBytes: -1}
	r.on(func() {
		if f := r.pool.Open(&c.ticket); f != nil {
			c.failure = f
			close(c.done)
		}
	})
	return c
}

func (r *rig) want(c *call, status int, body string) {
	r.t.Helper()
	<-c.done
	if c.failure != nil {
		r.t.Fatal(c.failure)
	}
	if c.status != status || string(c.body) != body {
		r.t.Fatalf("got %d %q, want %d %q", c.status, c.body, status, body)
	}
}

// provider starts an HTTP server that counts its connections.
func provider(t *testing.T, secure, h2 bool, h http.HandlerFunc) (s *httptest.Server, conns *atomic.Int32) {
	t.Helper()
	conns = new(atomic.Int32)
	s = httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	if secure {
		s.EnableHTTP2 = h2
		s.StartTLS()
	} else {
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(!h2)
		s.Config.Protocols.SetUnencryptedHTTP2(h2)
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, conns
}

func echoPath(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s over %s", r.URL.Path, r.Proto)
}

func TestManyStreamsShareOneConnection(t *testing.T) {
	s, conns := provider(t, false, true, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C})
	var calls []*call
	for i := range 50 {
		calls = append(calls, r.get(fmt.Sprintf("/%d", i), nil))
	}
	for i, c := range calls {
		r.want(c, 200, fmt.Sprintf("/%d over HTTP/2.0", i))
	}
	if n := conns.Load(); n != 1 {
		t.Fatalf("%d connections for 50 streams", n)
	}
}

func TestHTTP1KeepsConnectionsWithinTheLimit(t *testing.T) {
	s, conns := provider(t, false, false, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeHTTP1, Max: 4})
	var calls []*call
	for i := range 60 {
		calls = append(calls, r.get(fmt.Sprintf("/%d", i), nil))
	}
	for i, c := range calls {
		r.want(c, 200, fmt.Sprintf("/%d over HTTP/1.1", i))
	}
	if n := conns.Load(); n > 4 {
		t.Fatalf("%d connections, limit 4", n)
	}
	before := conns.Load()
	for range 10 {
		r.want(r.get("/again", nil), 200, "/again over HTTP/1.1")
	}
	if n := conns.Load(); n != before {
		t.Fatalf("connections were not kept alive: %d, then %d", before, n)
	}
}

func TestTLSNegotiatesAndResumes(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		s, _ := provider(t, true, h2, echoPath)
		cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
		r := newRig(t, Settings{BaseURL: s.URL, CA: string(cert)})
		proto := "HTTP/1.1"
		if h2 {
			proto = "HTTP/2.0"
		}
		r.want(r.get("/a", nil), 200, "/a over "+proto)
		r.on(func() {
			for _, c := range append([]*conn(nil), r.pool.conns...) {
				c.lc.Close()
			}
		})
		r.want(r.get("/b", nil), 200, "/b over "+proto)
		if full, resumed := r.pool.Provider.Handshakes(); full != 1 || resumed != 1 {
			t.Fatalf("h2 %v: %d full, %d resumed handshakes", h2, full, resumed)
		}
	}
}

func TestTLSRefusesAnUnknownCertificate(t *testing.T) {
	s, _ := provider(t, true, true, echoPath)
	s.Config.ErrorLog = nil
	r := newRig(t, Settings{BaseURL: s.URL})
	c := r.get("/", nil)
	<-c.done
	if c.failure == nil || c.failure.Kind != stream.KindTLS {
		t.Fatalf("got %v", c.failure)
	}
}

func TestConnectFailureReachesWhoeverWaits(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	r := newRig(t, Settings{BaseURL: "http://" + ln.Addr().String(), Mode: ModeH2C})
	var calls []*call
	for range 5 {
		calls = append(calls, r.get("/", nil))
	}
	for _, c := range calls {
		<-c.done
		if c.failure == nil || c.failure.Kind != stream.KindConnect || c.failure.Sent {
			t.Fatalf("got %+v", c.failure)
		}
	}
	if n := r.pool.Provider.Connections(); n != 0 {
		t.Fatalf("%d connections counted after failed dials", n)
	}
}

func TestUpstreamSocketsHaveNoDelay(t *testing.T) {
	s, _ := provider(t, false, true, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C})
	r.want(r.get("/", nil), 200, "/ over HTTP/2.0")
	r.on(func() {
		v, err := unix.GetsockoptInt(r.pool.conns[0].lc.FD, unix.IPPROTO_TCP, unix.TCP_NODELAY)
		if err != nil || v == 0 {
			t.Errorf("TCP_NODELAY %d %v", v, err)
		}
	})
}

func TestWarmConnectionsAreRestored(t *testing.T) {
	s, conns := provider(t, false, true, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C, Warm: 2})
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d connections", what, conns.Load())
			}
		}
	}
	open := func() (n int) { r.on(func() { n = len(r.pool.conns) }); return n }
	wait("at start", func() bool { return open() == 2 })
	r.on(func() { r.pool.conns[0].lc.Abort() })
	wait("after one was lost", func() bool { return conns.Load() == 3 && open() == 2 })
}

// TestSlowConsumerHoldsTheProviderBack: without credit, neither protocol reads more than its bound.
func TestSlowConsumerHoldsTheProviderBack(t *testing.T) {
	const total = 64 << 20
	for _, h2 := range []bool{true, false} {
		var sent atomic.Int64
		s, _ := provider(t, false, h2, func(w http.ResponseWriter, _ *http.Request) {
			chunk := make([]byte, 64<<10)
			for sent.Load() < total {
				n, err := w.Write(chunk)
				if err != nil {
					return
				}
				sent.Add(int64(n))
			}
		})
		mode := ModeHTTP1
		if h2 {
			mode = ModeH2C
		}
		r := newRig(t, Settings{BaseURL: s.URL, Mode: mode, StreamWindowBytes: 256 << 10})
		held := 0
		c := r.get("/", func(c *call, b []byte) { held += len(b); c.body = c.body[:0] })
		last := int64(-1)
		for last != sent.Load() { // until the provider can send no more
			last = sent.Load()
			time.Sleep(200 * time.Millisecond)
		}
		if last >= total {
			t.Fatalf("h2 %v: the provider was not held back", h2)
		}
		r.on(func() {
			if limit := 1<<20 + 128<<10; held > limit {
				t.Errorf("h2 %v: %d bytes read without credit", h2, held)
			}
			c.onBody = nil
			c.ticket.Credit(held)
		})
		<-c.done
		if c.failure != nil {
			t.Fatal(c.failure)
		}
	}
}

func TestCancelEndsTheRequestAtTheProvider(t *testing.T) {
	for _, mode := range []Mode{ModeH2C, ModeHTTP1} {
		gone := make(chan struct{})
		s, _ := provider(t, false, mode == ModeH2C, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			close(gone)
		})
		r := newRig(t, Settings{BaseURL: s.URL, Mode: mode})
		began := make(chan struct{})
		c := r.get("/", func(*call, []byte) { close(began) })
		<-began
		r.on(c.ticket.Cancel)
		<-gone
		r.on(func() {
			if n := r.pool.Stats().Active; n != 0 {
				t.Errorf("%d streams active after the cancel", n)
			}
		})
	}
}
