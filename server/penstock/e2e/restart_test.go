package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// restartSize is how much load TestRestart puts on a gateway that is replaced again and again. The whole size is that of the
// requirement; it is asked for by PENSTOCK_RESTART=full, for it takes a machine of its own.
type restartSize struct {
	upgrades   int
	kept       int // clients with a connection that they keep until an answer says close
	short      int // clients with a connection for each request
	rare       int // clients that keep a connection and use it seldom
	perSecond  int // requests over kept and short
	streams    int // at once
	tokens     int // of each stream
	tps        int
	perUpgrade int64 // requests answered between two upgrades
}

var (
	smallRestart = restartSize{upgrades: 5, kept: 12, short: 4, rare: 4, perSecond: 300, streams: 40, tokens: 90, tps: 20, perUpgrade: 250}
	wholeRestart = restartSize{upgrades: 20, kept: 64, short: 16, rare: 32, perSecond: 2000, streams: 500, tokens: 60, tps: 4, perUpgrade: 6000}
)

// restartLoad is clients that take nothing but whole answers for an answer.
type restartLoad struct {
	address  string
	stop     chan struct{}
	wg       sync.WaitGroup
	requests atomic.Int64 // answered
	short    atomic.Int64 // of them, on connections of their own
	closed   atomic.Int64 // answers that said that the connection closes
	streams  atomic.Int64 // that came to their end
	begun    atomic.Int64
	mu       sync.Mutex
	faults   []string
}

func (l *restartLoad) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *restartLoad) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// customer is one client of the load.
type customer struct {
	l    *restartLoad
	conn net.Conn
	in   *bufio.Reader
	used int // answers on this connection
}

// ask sends a request, on the connection that is there or on a new one, and wants the whole answer. closes says that the connection
// ends with it.
func (c *customer) ask(request string, began func()) (body []byte, closes bool, err error) {
	if c.conn == nil {
		if c.conn, err = net.Dial("tcp", c.l.address); err != nil {
			return nil, false, fmt.Errorf("dial: %w", err)
		}
		c.in, c.used = bufio.NewReader(c.conn), 0
	}
	defer func() {
		if err != nil || closes {
			_ = c.conn.Close()
			c.conn = nil
		}
	}()
	if err := c.conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		return nil, false, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return nil, false, fmt.Errorf("request %d of the connection: %w", c.used, err)
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, false, fmt.Errorf("answer %d of the connection: %w", c.used, err)
	}
	if began != nil {
		began()
	}
	c.used++
	body, err = io.ReadAll(r.Body)
	if err == nil && r.StatusCode != 200 {
		err = errors.New(r.Status)
	}
	if err != nil {
		err = fmt.Errorf("answer %d of the connection: %w after %q", c.used-1, err, tail(body, 200))
	}
	if r.Close {
		c.l.closed.Add(1)
	}
	return body, r.Close, err
}

// run asks at every tick until the load stops. short closes the connection after each answer, as the client says beforehand.
func (l *restartLoad) run(every time.Duration, short bool) {
	more := []string{}
	if short {
		more = append(more, "Connection: close")
	}
	quick := request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=4", false), more...)
	l.wg.Go(func() {
		c := &customer{l: l}
		defer func() {
			if c.conn != nil {
				_ = c.conn.Close()
			}
		}()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for !l.stopped() {
			body, _, err := c.ask(quick, nil)
			if err == nil && (!bytes.HasPrefix(body, []byte("{")) || !bytes.HasSuffix(body, []byte("}"))) {
				err = fmt.Errorf("not whole: %q", tail(body, 200))
			}
			if err != nil {
				l.fault("%v", err)
				return
			}
			l.requests.Add(1)
			if short {
				l.short.Add(1)
			}
			select {
			case <-tick.C:
			case <-l.stop:
			}
		}
	})
}

// stream has one stream after the other on a connection that is kept, until the load stops; the last one comes to its end as well.
func (l *restartLoad) stream(s restartSize) {
	ask := request("POST", "/v1/chat/completions", chatBody(fmt.Sprintf("oai/chat?tokens=%d&tps=%d", s.tokens, s.tps), true))
	l.wg.Go(func() {
		c := &customer{l: l}
		for !l.stopped() {
			body, _, err := c.ask(ask, func() { l.begun.Add(1) })
			if n := bytes.Count(body, []byte(`"content"`)); err == nil && (n != s.tokens+1 || !bytes.HasSuffix(body, []byte(doneEvent))) {
				err = fmt.Errorf("a stream has %d pieces and ends in %q", n, tail(body, 200))
			}
			if err != nil {
				l.fault("stream: %v", err)
				return
			}
			l.streams.Add(1)
		}
		if c.conn != nil {
			_ = c.conn.Close()
		}
	})
}

// TestRestart: upgrade after upgrade under load: no connection is refused, none is cut, every answer and every stream is whole, though
// streams last for several upgrades, and the access log has a line for each.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := smallRestart
	if os.Getenv("PENSTOCK_RESTART") == "full" {
		s = wholeRestart
	}
	m := startMock(t)
	accessLog := filepath.Join(t.TempDir(), "access.log")
	c := startChain(t, strings.Replace(m.config(h2c, ""), "access: stdout", "access: "+accessLog, 1))
	l := &restartLoad{address: strings.TrimPrefix(c.url, "http://"), stop: make(chan struct{})}
	for range s.streams {
		l.stream(s)
	}
	for i := range s.kept + s.short {
		l.run(time.Second*time.Duration(s.kept+s.short)/time.Duration(s.perSecond), i >= s.kept)
	}
	for range s.rare {
		l.run(1500*time.Millisecond, false)
	}
	after := func(n int64) {
		t.Helper()
		from := l.requests.Load()
		eventually(t, "requests are answered", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.requests.Load() >= from+n || len(l.faults) > 0
		})
	}
	eventually(t, "every stream has begun", func() bool { return l.begun.Load() >= int64(s.streams) })
	began := time.Now()
	at := l.requests.Load()
	var old []int
	most := 0
	for range s.upgrades {
		after(s.perUpgrade)
		old = append(old, c.upgrade(t))
		living := 0
		for _, pid := range old {
			if alive(pid) {
				living++
			}
		}
		most = max(most, living)
	}
	after(s.perUpgrade)
	took := time.Since(began)
	rate := float64(l.requests.Load()-at) / took.Seconds()
	close(l.stop)
	l.wg.Wait()
	for i, f := range l.faults {
		if i == 20 {
			t.Errorf("and %d more", len(l.faults)-i)
			break
		}
		t.Error(f)
	}
	t.Logf("%d upgrades in %v: %d requests (%.0f/s), %d of them on connections of their own, %d answers that said close, %d streams, %d processes draining at most",
		s.upgrades, took.Round(time.Millisecond), l.requests.Load(), rate, l.short.Load(), l.closed.Load(), l.streams.Load(), most)
	if l.closed.Load() == l.short.Load() {
		t.Error("no kept connection was told that it ends")
	}
	for _, pid := range old {
		gone(t, pid)
	}
	settled(t, c.gateway, m)
	last := c.pid(t)
	sendSignal(t, last, syscall.SIGTERM)
	gone(t, last)
	lines, err := os.ReadFile(accessLog)
	if err != nil {
		t.Fatal(err)
	}
	if n, want := int64(bytes.Count(lines, []byte("\n"))), l.requests.Load()+l.streams.Load(); n != want {
		t.Errorf("%d lines in the access log for %d requests", n, want)
	}
	if bytes.Contains(lines, []byte(secretMark)) {
		t.Error("a secret in the access log")
	}
	if s := m.stats(t); s.Cancelled+s.Broken+s.Errors != 0 {
		t.Errorf("at the provider: %+v", s)
	}
}
