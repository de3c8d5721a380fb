package h1

import (
	"errors"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

const (
	okHi    = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	okEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
)

func (r *recorder) want(t *testing.T, text string) {
	t.Helper()
	if got := r.text(); got != text {
		t.Errorf("\n got %s\nwant %s", got, text)
	}
}

func wantConn(t *testing.T, c *Conn, slots, active int, closing bool) {
	t.Helper()
	if c.Slots() != slots || c.Active() != active || c.Closing() != closing {
		t.Errorf("slots %d active %d closing %v, want %d %d %v", c.Slots(), c.Active(), c.Closing(), slots, active, closing)
	}
}

func TestOneAtATime(t *testing.T) {
	c := New(Config{Output: &batch{t: t}})
	wantConn(t, c, 1, 0, false)
	first, second := &recorder{}, &recorder{}
	open(t, c, get(), first)
	wantConn(t, c, 0, 1, false)
	if _, err := c.Open(get(), second); !errors.Is(err, stream.ErrBusy) {
		t.Errorf("second Open: %v", err)
	}
	if err := feed(c, okHi); err != nil {
		t.Fatal(err)
	}
	first.want(t, `200/2[content-length=2] "hi" end[]`)
	if c.Served() != 1 {
		t.Errorf("served %d", c.Served())
	}
	wantConn(t, c, 1, 0, false)
	open(t, c, get(), second)
	if err := feed(c, okEmpty); err != nil || c.Served() != 2 {
		t.Errorf("%v, served %d", err, c.Served())
	}
	second.want(t, "200/0[content-length=0] end[]")
	if first.ended != 1 || first.sent != 1 {
		t.Errorf("the first sink was called for the second request")
	}
}

func TestOpenWithinOnSentIsBusy(t *testing.T) {
	c := New(Config{Output: &batch{t: t}})
	var err error
	s := &sentSink{f: func() { _, err = c.Open(get(), &recorder{}) }}
	if _, e := c.Open(get(), s); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, stream.ErrBusy) {
		t.Errorf("Open within OnSent: %v", err)
	}
}

type sentSink struct {
	recorder
	f func()
}

func (s *sentSink) OnSent() { s.f() }

func TestBytesOnIdleConnection(t *testing.T) {
	for _, served := range []bool{false, true} {
		c := New(Config{Output: &batch{t: t}})
		if served {
			open(t, c, get(), &recorder{})
			_ = feed(c, okHi)
		}
		if k := errKind(feed(c, "HTTP/1.1 408 Request Timeout\r\n\r\n")); k != "protocol" {
			t.Errorf("Feed: %q", k)
		}
		wantConn(t, c, 0, 0, true)
		if _, err := c.Open(get(), &recorder{}); !errors.Is(err, stream.ErrClosing) {
			t.Errorf("Open: %v", err)
		}
		if feed(c, "x") == nil {
			t.Error("a dead connection took bytes")
		}
		c.Fail(nil)
	}
}

func TestCloseIsKnownWithTheHead(t *testing.T) {
	c, r, _ := opened(t, getBlock, Config{})
	r.onHead = func() { wantConn(t, c, 0, 1, true) }
	if err := feed(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nh"); err != nil {
		t.Fatal(err)
	}
	if err := feed(c, "i"); err != nil {
		t.Fatal(err)
	}
	r.want(t, `200/2[content-length=2] "hi" end[]`)
	wantConn(t, c, 0, 0, true)
	c.Fail(nil)
	if r.ended != 1 {
		t.Error("the end of a finished connection reached the sink")
	}
}

func TestStaleConnection(t *testing.T) {
	check := func(cause error, early, want string, retryable bool) {
		t.Helper()
		c, _, _ := opened(t, getBlock, Config{})
		_ = feed(c, okEmpty)
		r := &recorder{}
		open(t, c, get(), r)
		_ = feed(c, early)
		c.Fail(cause)
		r.want(t, want)
		if r.failure.Retryable() != retryable {
			t.Errorf("retryable: %v", !retryable)
		}
		wantConn(t, c, 0, 0, true)
	}
	check(nil, "", "fail:closed:SR", true)
	check(errReset, "", "fail:reset:SR", true)
	check(nil, "H", "fail:closed:S", false)
	check(errReset, "HTTP/1.1 100 \r\n\r\n", "fail:reset:S", false)
	check(nil, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "200/2[content-length=2] fail:closed:SA", false)
}

func TestCauseOfFailure(t *testing.T) {
	c, r, _ := opened(t, getBlock, Config{})
	c.Fail(errReset)
	if !errors.Is(&r.failure, errReset) {
		t.Errorf("cause %v", r.failure.Cause)
	}
	c, r, _ = opened(t, getBlock, Config{})
	err := feed(c, "nonsense")
	if !errors.Is(&r.failure, err) || !strings.Contains(err.Error(), "RFC 9112") || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("cause %v, error %v", r.failure.Cause, err)
	}
}

func TestCancel(t *testing.T) {
	cancelAt := func(raw string, hook func(r *recorder, cancel func()), want string) {
		t.Helper()
		for cut := 0; cut <= len(raw); cut++ {
			c, r, _ := opened(t, getBlock, Config{})
			hook(r, func() {
				r.stream.Cancel()
				wantConn(t, c, 0, 0, true)
			})
			for _, p := range []string{raw[:cut], raw[cut:], "more"} {
				if err := feed(c, p); err != nil {
					t.Fatalf("cut %d: %v", cut, err)
				}
			}
			c.Fail(nil)
			if got := r.text(); got != want {
				t.Fatalf("cut %d: %s, want %s", cut, got, want)
			}
			if c.Buffered() != 0 {
				t.Errorf("%d bytes are still owed", c.Buffered())
			}
			r.stream.Cancel()
			r.stream.Credit(1)
		}
	}
	inHead := func(r *recorder, cancel func()) { r.onHead = cancel }
	cancelAt(okHi, inHead, "200/2[content-length=2]")
	cancelAt(okEmpty, inHead, "200/0[content-length=0]")
	cancelAt("HTTP/1.1 200 OK\r\n\r\nhi", inHead, "200/-1[]")
	cancelAt("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", inHead, "200/-1[]")
	inBody := func(r *recorder, cancel func()) { r.onBody = cancel }
	cancelAt("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", inBody, `200/1[content-length=1] "x" ...`)
	cancelAt("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz", inBody, `200/1[content-length=1] "x" ...`)
	cancelAt("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n", inBody, `200/-1[] "x" ...`)
	cancelAt("HTTP/1.1 200 OK\r\n\r\nx", inBody, `200/-1[] "x" ...`)

	c, r, _ := opened(t, getBlock, Config{})
	r.stream.Cancel()
	wantConn(t, c, 0, 0, true)
	if err := feed(c, okHi); err != nil || r.text() != "" {
		t.Errorf("after Cancel: %v, %s", err, r.text())
	}
}

func TestOpenWithinOnEnd(t *testing.T) {
	for _, raw := range []string{
		okEmpty, okHi, "HTTP/1.1 204 \r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n",
	} {
		for cut := range len(raw) {
			c, r, out := opened(t, getBlock, Config{})
			next := &recorder{}
			r.onEnd = func() {
				wantConn(t, c, 1, 0, false)
				open(t, c, get(), next)
				wantConn(t, c, 0, 1, false)
				r.word("%s", fieldText(r.trailers))
				r.stream.Cancel() // of a stream that has ended: nothing may happen to the next one
			}
			first := len(out.buf)
			if err := errors.Join(feed(c, raw[:cut]), feed(c, raw[cut:])); err != nil {
				t.Fatal(err)
			}
			if len(out.buf) != 2*first {
				t.Errorf("the second request was not written")
			}
			if err := feed(c, okHi); err != nil {
				t.Fatal(err)
			}
			next.want(t, `200/2[content-length=2] "hi" end[]`)
			if strings.Contains(raw, "Sum") && !strings.HasSuffix(r.text(), "end[x-sum=1] [x-sum=1]") {
				t.Errorf("%s", r.text())
			}
			if r.ended != 1 || c.Served() != 2 {
				t.Errorf("ended %d, served %d", r.ended, c.Served())
			}
		}
	}
}

// TestSplitResponse is the attack that surplus bytes are: a second response behind the first, for the request that follows. The
// Sink that opens that one within OnEnd must not get it.
func TestSplitResponse(t *testing.T) {
	for _, raw := range []string{okEmpty, okHi, "HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		c, r, _ := opened(t, getBlock, Config{})
		opens := 0
		r.onEnd = func() {
			opens++
			wantConn(t, c, 0, 0, true)
			if _, err := c.Open(get(), &recorder{}); !errors.Is(err, stream.ErrClosing) {
				t.Errorf("Open: %v", err)
			}
		}
		if k := errKind(feed(c, raw+okHi)); k != "protocol" || opens != 1 {
			t.Errorf("Feed: %q, ends %d", k, opens)
		}
		if c.Served() != 1 {
			t.Errorf("served %d", c.Served())
		}
	}
}

func TestBuffered(t *testing.T) {
	c, r, _ := opened(t, getBlock, Config{})
	_ = feed(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123")
	_ = feed(c, "45")
	if c.Buffered() != 6 {
		t.Errorf("buffered %d", c.Buffered())
	}
	r.stream.Credit(4)
	if c.Buffered() != 2 {
		t.Errorf("buffered %d", c.Buffered())
	}
	first := r.stream
	_ = feed(c, "6789")
	if r.ended != 1 || c.Buffered() != 0 {
		t.Errorf("buffered %d after the end", c.Buffered())
	}
	next := &recorder{credit: true}
	open(t, c, get(), next)
	_ = feed(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01")
	if c.Buffered() != 0 {
		t.Errorf("buffered %d, all credited", c.Buffered())
	}
	next.credit = false
	_ = feed(c, "234")
	first.Credit(2) // the first stream has ended
	if c.Buffered() != 3 {
		t.Errorf("buffered %d, want 3", c.Buffered())
	}
}

// backlogBatch is an Output that knows what the transport has not taken.
type backlogBatch struct {
	batch
	unsent int
}

func (o *backlogBatch) Unsent() int { return o.unsent }

func TestBacklog(t *testing.T) {
	prepare := func(left func(request int) int) (*Conn, *recorder) {
		t.Helper()
		out := &backlogBatch{batch: batch{t: t}}
		c := New(Config{Output: out})
		open(t, c, get(), &recorder{})
		_ = feed(c, okEmpty)
		at := len(out.buf)
		r := &recorder{}
		open(t, c, &stream.Request{Block: postBlock, Body: [][]byte{make([]byte, 100_000)}, BodyBytes: 100_000}, r)
		out.unsent = left(len(out.buf) - at)
		return c, r
	}
	all := func(n int) int { return n }
	some := func(n int) int { return n - 1 }
	none := func(int) int { return 0 }

	c, r := prepare(none)
	if err := feed(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Error(err)
	}
	r.want(t, "413/0[content-length=0] end[]")
	wantConn(t, c, 1, 0, false)

	// An answer before the request has left completely is good, and the connection ends with it.
	c, r = prepare(some)
	if err := feed(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Error(err)
	}
	r.want(t, "413/0[content-length=0] end[]")
	wantConn(t, c, 0, 0, true)

	// What comes before a byte of the request has left is no answer to it.
	c, r = prepare(all)
	if k := errKind(feed(c, okHi)); k != "protocol" {
		t.Errorf("Feed: %q", k)
	}
	r.want(t, "fail:closed:R")
	if !r.failure.Retryable() {
		t.Error("not retryable although nothing was sent")
	}

	c, r = prepare(all)
	c.Fail(errReset)
	r.want(t, "fail:reset:R")
	c, r = prepare(some)
	c.Fail(errReset)
	r.want(t, "fail:reset:SR")
}

// TestDefaults feeds a head at the default bounds and one just above them.
func TestDefaults(t *testing.T) {
	head := func(total int) string {
		const a, z = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n"
		return a + strings.Repeat("v", total-len(a)-len(z)) + z
	}
	for _, cut := range []int{0, 1, 60_000} {
		for total, want := range map[int]string{64 << 10: "", 64<<10 + 1: "too_large"} {
			c, r, _ := opened(t, getBlock, Config{})
			raw := head(total)
			err := feed(c, raw[:cut])
			if err == nil {
				err = feed(c, raw[cut:])
			}
			if errKind(err) != want || r.ended != 1 {
				t.Errorf("%d bytes cut at %d: %v", total, cut, err)
			}
		}
	}
	fields := func(n int) string { return "HTTP/1.1 204 \r\n" + strings.Repeat("a: b\r\n", n) + "\r\n" }
	if got := outcome(t, getBlock, Config{}, 0, fields(128)); !strings.HasSuffix(got, "end[] idle") {
		t.Error(got)
	}
	if got := outcome(t, getBlock, Config{}, 0, fields(129)); got != "fail:too_large:S !too_large" {
		t.Error(got)
	}
}

// TestScratchIsGivenUp makes sure that one large head does not stay on the account of an idle connection.
func TestScratchIsGivenUp(t *testing.T) {
	c, _, _ := opened(t, getBlock, Config{})
	raw := "HTTP/1.1 204 \r\n" + strings.Repeat(strings.Repeat("n", 400)+": v\r\n", 100) + "\r\n"
	if err := errors.Join(feed(c, raw[:500]), feed(c, raw[500:])); err != nil {
		t.Fatal(err)
	}
	if held, names := cap(c.section.held), cap(c.section.names); held > retainBytes || names > retainBytes {
		t.Errorf("held %d, names %d", held, names)
	}
}
