package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A client that sends its head byte by byte is cut off by the server, while others are served.
func TestSlowClient(t *testing.T) {
	s := start(t, newFakeSource(), Options{}, func(s *Server) {
		if s.http.ReadHeaderTimeout != headTimeout || s.http.ReadTimeout != readTimeout || s.http.WriteTimeout != writeTimeout ||
			s.http.IdleTimeout != idleTimeout || s.http.MaxHeaderBytes != headLimitBytes {
			t.Errorf("timeouts are not set: %+v", s.http)
		}
		s.http.ReadHeaderTimeout = 50 * time.Millisecond
		s.http.ReadTimeout = 100 * time.Millisecond
	})
	var slow []net.Conn
	for _, part := range []string{"", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX", "POST /api/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc"} {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, part); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	if a := ask(t, s, "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("beside slow clients: %+v", a)
	}
	for i, c := range slow {
		// Ends when the server closes; were it to wait for ever, so would the test.
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Logf("slow client %d: %v", i, err)
		}
	}
}

// A profile lasts longer than reading a request may: the timeouts against slow clients must not end it.
func TestProfileOutlivesReadTimeout(t *testing.T) {
	s := start(t, newFakeSource(), Options{}, func(s *Server) { s.http.ReadTimeout = 50 * time.Millisecond })
	begin := time.Now()
	a := ask(t, s, "GET", "/debug/pprof/profile?seconds=1", "")
	if took := time.Since(begin); a.status != 200 || len(a.body) == 0 || took < time.Second {
		t.Errorf("%d, %d bytes after %v, want a profile of 1 s", a.status, len(a.body), took)
	}
}

func TestConnectionBound(t *testing.T) {
	s := start(t, newFakeSource(), Options{}, func(s *Server) { s.http.ReadHeaderTimeout = 200 * time.Millisecond })
	var idle []net.Conn
	for range connections {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	// Waits until one of the idle ones has been cut off, and is answered then.
	if a := ask(t, s, "GET", "/healthz", ""); a.status != 200 {
		t.Errorf("after idle connections: %+v", a)
	}
	for _, c := range idle {
		_ = c.Close()
	}
}

func TestShutdown(t *testing.T) {
	source := &slowSource{fakeSource: newFakeSource(), entered: make(chan struct{}), leave: make(chan struct{})}
	s, err := New("127.0.0.1:0", source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	answered := make(chan int, 1)
	go func() {
		r, err := http.Get("http://" + s.Addr().String() + "/readyz")
		if err != nil {
			answered <- 0
			return
		}
		_ = r.Body.Close()
		answered <- r.StatusCode
	}()
	<-source.entered
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(t.Context()) }()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening after Shutdown")
	}
	close(source.leave)
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if status := <-answered; status != 200 {
		t.Errorf("request in progress: %d", status)
	}
}

type slowSource struct {
	*fakeSource
	entered, leave chan struct{}
}

func (s *slowSource) Ready() (bool, string) {
	close(s.entered)
	<-s.leave
	return true, ""
}

func TestShutdownGivesUp(t *testing.T) {
	source := &slowSource{fakeSource: newFakeSource(), entered: make(chan struct{}), leave: make(chan struct{})}
	s, err := New("127.0.0.1:0", source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-source.entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("Shutdown reports success with a request in progress")
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	close(source.leave)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestShutdownWithoutServe(t *testing.T) {
	s, err := New("127.0.0.1:0", newFakeSource(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("still listening after Shutdown")
	}
}

func TestNewFails(t *testing.T) {
	taken := start(t, newFakeSource(), Options{})
	for _, addr := range []string{"", "9090", "127.0.0.1:http-nosuch", taken.Addr().String()} {
		if s, err := New(addr, newFakeSource(), Options{}); err == nil {
			t.Errorf("New(%q) listens on %v", addr, s.Addr())
		}
	}
}

func TestProfileRates(t *testing.T) {
	before := runtime.SetMutexProfileFraction(-1)
	defer runtime.SetMutexProfileFraction(before)
	defer runtime.SetBlockProfileRate(0)
	start(t, newFakeSource(), Options{MutexFraction: 17, BlockRateNS: 10_000})
	if got := runtime.SetMutexProfileFraction(-1); got != 17 {
		t.Errorf("mutex profile fraction %d, want 17", got)
	}
}

// A Unix socket keeps other users of the host out by its file's permissions; one that was left behind is taken over.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	left, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New("unix:"+path, newFakeSource(), Options{}); err == nil {
		t.Error("a socket that somebody listens on was taken away")
	}
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := New("unix:"+path, newFakeSource(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	r, err := c.Get("http://localhost/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if r.StatusCode != 200 {
		t.Errorf("%s", r.Status)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
