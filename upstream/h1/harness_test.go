package h1

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

// batch is an Output that keeps everything and holds Buffer's users to what they asked for.
type batch struct {
	t      testing.TB
	buf    []byte
	asked  int // room that the last Buffer call promised
	length int // of buf at that time
	calls  int
}

func (b *batch) Buffer(n int) *[]byte {
	b.check()
	if n <= 0 || n > 32<<10 {
		b.t.Errorf("Buffer(%d)", n)
	}
	b.calls++
	b.asked, b.length = n, len(b.buf)
	return &b.buf
}

func (b *batch) check() {
	if len(b.buf)-b.length > b.asked {
		b.t.Errorf("%d bytes were appended after Buffer(%d)", len(b.buf)-b.length, b.asked)
	}
}

// recorder is a Sink that writes down what it is told. Hooks run within the calls.
type recorder struct {
	log      strings.Builder
	inBody   bool
	sent     int
	ended    int // OnEnd and OnFail calls
	failure  stream.Failure
	stream   stream.Stream
	trailers []stream.Field // lent during onEnd
	credit   bool

	onHead, onBody, onEnd, onFail func()
}

func run(f func()) {
	if f != nil {
		f()
	}
}

func (r *recorder) word(format string, args ...any) {
	if r.inBody {
		r.log.WriteByte('"')
		r.inBody = false
	}
	if r.log.Len() > 0 {
		r.log.WriteByte(' ')
	}
	fmt.Fprintf(&r.log, format, args...)
}

func fieldText(fields []stream.Field) string {
	var s []string
	for _, f := range fields {
		s = append(s, string(f.Name)+"="+string(f.Value))
	}
	return "[" + strings.Join(s, "|") + "]"
}

func (r *recorder) OnSent() { r.sent++ }

func (r *recorder) OnHead(status int, fields []stream.Field, contentLength int64) {
	r.word("%d/%d%s", status, contentLength, fieldText(fields))
	run(r.onHead)
}

func (r *recorder) OnBody(b []byte) {
	if len(b) == 0 {
		r.word("EMPTY")
	}
	if !r.inBody {
		r.word("\"")
		r.inBody = true
	}
	r.log.Write(b)
	if r.credit {
		r.stream.Credit(len(b))
	}
	run(r.onBody)
}

func (r *recorder) OnEnd(trailers []stream.Field) {
	r.ended++
	r.word("end%s", fieldText(trailers))
	r.trailers = trailers
	run(r.onEnd)
	r.trailers = nil
}

func (r *recorder) OnFail(f stream.Failure) {
	r.ended++
	r.failure = f
	flags := ""
	for _, x := range []struct {
		on   bool
		name string
	}{{f.Sent, "S"}, {f.Reused, "R"}, {f.Answered, "A"}, {f.Unprocessed, "U"}} {
		if x.on {
			flags += x.name
		}
	}
	r.word("fail:%s:%s", f.Kind, flags)
	run(r.onFail)
}

func (r *recorder) text() string {
	if r.inBody {
		r.word("...")
	}
	return r.log.String()
}

var (
	getBlock  = &stream.Block{Method: "GET", Scheme: "http", Authority: "p.example", Path: "/v1/models"}
	headBlock = &stream.Block{Method: "HEAD", Scheme: "http", Authority: "p.example", Path: "/health"}
	postBlock = &stream.Block{
		Method: "POST", Scheme: "https", Authority: "p.example:8443", Path: "/v1/chat/completions",
		Fields: []stream.BlockField{{Name: "authorization", Value: "Bearer k"}, {Name: "content-type", Value: "application/json"}},
	}
)

func get() *stream.Request { return &stream.Request{Block: getBlock, BodyBytes: -1} }

// opened returns a connection with one request in flight.
func opened(t testing.TB, block *stream.Block, cfg Config) (*Conn, *recorder, *batch) {
	t.Helper()
	out := &batch{t: t}
	if cfg.Output == nil {
		cfg.Output = out
	}
	c := New(cfg)
	r := &recorder{}
	open(t, c, &stream.Request{Block: block, BodyBytes: -1}, r)
	return c, r, out
}

func open(t testing.TB, c *Conn, q *stream.Request, r *recorder) {
	t.Helper()
	s, err := c.Open(q, r)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	r.stream = s
}

// feed gives c a copy of b that is spoiled afterwards, since b is borrowed.
func feed(c *Conn, b string) error {
	lent := []byte(b)
	err := c.Feed(lent)
	copy(lent, bytes.Repeat([]byte{0xDB}, len(lent)))
	return err
}

var errReset = errors.New("connection reset by peer")

// errKind names what Feed returned: "" or the kind.
func errKind(err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		return "foreign: " + err.Error()
	}
	return e.Kind.String()
}

// outcome is all that can be seen of a connection after the pieces were fed, and its end came where ending is not 0.
func outcome(t testing.TB, block *stream.Block, cfg Config, ending byte, pieces ...string) string {
	t.Helper()
	c, r, _ := opened(t, block, cfg)
	var first error
	for _, p := range pieces {
		if err := feed(c, p); err != nil && first == nil {
			first = err
		}
	}
	switch ending {
	case 'e':
		c.Fail(nil)
	case 'r':
		c.Fail(errReset)
	}
	if r.sent != 1 || r.ended > 1 {
		t.Errorf("OnSent %d times, ended %d times", r.sent, r.ended)
	}
	if (r.ended == 1) != (c.Active() == 0) {
		t.Errorf("Active is %d after %d ends", c.Active(), r.ended)
	}
	text := r.text()
	switch k := errKind(first); {
	case k != "":
		text += " !" + k
		if !c.Closing() {
			t.Errorf("open after %v", first)
		}
	case c.Closing():
		text += " closing"
	case c.Slots() == 1:
		text += " idle"
	}
	return strings.TrimSpace(text)
}
