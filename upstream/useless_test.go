package upstream

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"penstock/upstream/stream"
)

// listen hands each connection, with its number, to serve, which owns it.
func listen(t *testing.T, serve func(n int32, c net.Conn)) (url string, accepted *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	accepted = new(atomic.Int32)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			n := accepted.Add(1)
			go func() {
				defer c.Close()
				serve(n, c)
			}()
		}
	}()
	return "http://" + ln.Addr().String(), accepted
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestFreshIsForOneRequest: who asks for a fresh connection gets one although a used one is free, and the next request of the same
// ticket does not ask again.
func TestFreshIsForOneRequest(t *testing.T) {
	s, conns := provider(t, false, false, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeHTTP1})
	r.want(r.get("/a", nil), 200, "/a over HTTP/1.1")
	fresh := func(c *call, fresh bool) *call {
		c.done, c.body = make(chan struct{}), nil
		r.on(func() {
			c.ticket.Fresh = c.ticket.Fresh || fresh
			if f := r.pool.Open(&c.ticket); f != nil {
				c.failure = f
				close(c.done)
			}
		})
		return c
	}
	c := r.get("/b", nil)
	r.want(c, 200, "/b over HTTP/1.1")
	if n := conns.Load(); n != 1 {
		t.Fatalf("%d connections for two requests in turn", n)
	}
	r.want(fresh(c, true), 200, "/b over HTTP/1.1")
	if n := conns.Load(); n != 2 {
		t.Fatalf("%d connections after a request that wanted a fresh one, want 2", n)
	}
	r.want(fresh(c, false), 200, "/b over HTTP/1.1")
	if n := conns.Load(); n != 2 {
		t.Fatalf("%d connections: the wish was kept", n)
	}
}

// TestFailedDialIsNotRepeatedAtOnce: requests that follow a failed dial get its failure, until a moment has passed.
func TestFailedDialIsNotRepeatedAtOnce(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	r := newRig(t, Settings{BaseURL: "http://" + ln.Addr().String(), Mode: ModeHTTP1})
	<-r.get("/", nil).done
	failures := func() (n uint64) { r.on(func() { n = r.pool.Stats().DialFailures }); return n }
	if n := failures(); n != 1 {
		t.Fatalf("%d failed dials after one request", n)
	}
	r.on(func() {
		r.pool.failedAt = r.loop.Now() // whatever time has passed since
		for range 10 {
			c := &call{done: make(chan struct{})}
			c.ticket.Sink = c
			if f := r.pool.Open(&c.ticket); f == nil || f.Kind != stream.KindConnect {
				t.Errorf("got %v, want the failure of the last dial", f)
			}
		}
		r.pool.failedAt = r.loop.Now() - int64(redialWait)
	})
	if n := failures(); n != 1 {
		t.Fatalf("%d failed dials, want 1", n)
	}
	<-r.get("/", nil).done
	if n := failures(); n != 2 {
		t.Fatalf("%d failed dials after the pause, want 2", n)
	}
}

// TestSilentConnectionGetsNoMoreRequests: after a request was given up on an HTTP/2 connection that says nothing, the next one goes
// elsewhere, and the connection is closed when it does not answer a PING.
func TestSilentConnectionGetsNoMoreRequests(t *testing.T) {
	s, _ := provider(t, false, true, echoPath)
	url, accepted := listen(t, func(n int32, c net.Conn) {
		if n == 1 {
			_, _ = io.WriteString(c, "\x00\x00\x00\x04\x00\x00\x00\x00\x00") // SETTINGS, and that is all
			_, _ = io.Copy(io.Discard, c)
			return
		}
		back, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			return
		}
		defer back.Close()
		go func() { _, _ = io.Copy(back, c) }()
		_, _ = io.Copy(c, back)
	})
	r := newRig(t, Settings{BaseURL: url, Mode: ModeH2C})
	c := r.get("/lost", nil)
	until(t, "no connection", func() bool { return accepted.Load() == 1 })
	until(t, "the request is not put on the connection", func() (on bool) {
		r.on(func() {
			on = c.ticket.OnConnection() && r.loop.Now()-max(c.ticket.openedAt, c.ticket.conn.heardAt) >= int64(doubtAfter)
		})
		return on
	})
	r.on(c.ticket.Cancel)
	r.want(r.get("/next", nil), 200, "/next over HTTP/2.0")
	if n := accepted.Load(); n != 2 {
		t.Fatalf("%d connections, want 2", n)
	}
	until(t, "the silent connection stays", func() (gone bool) {
		r.on(func() { gone = len(r.pool.conns) == 1 && r.pool.stats.PingTimeouts == 1 })
		return gone
	})
}

// TestSilenceAfterASignOfLife: a provider that says something while a PING is out and then nothing more is found gone as well.
func TestSilenceAfterASignOfLife(t *testing.T) {
	s, _ := provider(t, false, true, echoPath)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C})
	r.want(r.get("/", nil), 200, "/ over HTTP/2.0")
	for _, c := range []struct {
		name         string
		ping, heard  time.Duration // ago
		doubted, end bool
	}{
		{"heard a moment ago", 2 * pingWait, pingWait / 2, false, false},
		{"doubted, and heard a moment ago", 2 * pingWait, doubtWait / 2, true, false},
		{"heard after the PING, and silent since", 3 * pingWait, 2 * pingWait, false, true},
	} {
		r.on(func() {
			k, now := r.pool.conns[0], r.loop.Now()
			k.pingAt, k.heardAt, k.doubted = now-int64(c.ping), now-int64(c.heard), c.doubted
			k.OnTimer(&k.timer)
			if ended := !k.lc.Open(); ended != c.end {
				t.Errorf("%s: ended %v, want %v", c.name, ended, c.end)
			}
		})
	}
}

// TestPausedConnectionThatIsReset: what the provider sent before its reset reaches a consumer that was slow.
func TestPausedConnectionThatIsReset(t *testing.T) {
	const total = 1100 << 10 // more than the pool reads ahead, by less than the sockets hold
	sent := make(chan struct{})
	reset := make(chan struct{})
	url, _ := listen(t, func(_ int32, c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n")
		_, _ = c.Write(make([]byte, total))
		close(sent)
		<-reset
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	r := newRig(t, Settings{BaseURL: url, Mode: ModeHTTP1})
	held := 0
	c := r.get("/", func(_ *call, b []byte) { held += len(b) })
	<-sent
	until(t, "the connection is not paused", func() (paused bool) {
		r.on(func() { paused = len(r.pool.conns) == 1 && r.pool.conns[0].lc.Paused() })
		return paused
	})
	close(reset)
	// The event of the reset has come once a later round trip through the loop is over.
	other, _ := provider(t, false, false, echoPath)
	resp, err := http.Get(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for range 50 {
		r.on(func() {})
	}
	r.on(func() {
		select {
		case <-c.done:
		default:
			c.onBody = func(c *call, b []byte) { held += len(b); c.ticket.Credit(len(b)) }
			c.ticket.Credit(held)
		}
	})
	<-c.done
	if held != total || c.failure == nil || c.failure.Kind != stream.KindReset {
		t.Fatalf("%d bytes of %d, then %v", held, total, c.failure)
	}
}

// TestStreamLimitIsKnownBeforeABurst: a provider that takes one stream per connection gets one, and not as many as wait while its
// SETTINGS are on their way.
func TestStreamLimitIsKnownBeforeABurst(t *testing.T) {
	conns := new(atomic.Int32)
	s := httptest.NewUnstartedServer(http.HandlerFunc(echoPath))
	s.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1}
	s.Start()
	t.Cleanup(s.Close)
	r := newRig(t, Settings{BaseURL: s.URL, Mode: ModeH2C, Max: 4})
	var calls []*call
	for range 40 {
		calls = append(calls, r.get("/x", nil))
	}
	for _, c := range calls {
		r.want(c, 200, "/x over HTTP/2.0")
	}
	if n := conns.Load(); n > 4 {
		t.Fatalf("%d connections, limit 4", n)
	}
}
