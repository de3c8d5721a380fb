package h1

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

func b(s string) []byte { return []byte(s) }

func TestRequestBytes(t *testing.T) {
	check := func(q *stream.Request, want string) {
		t.Helper()
		out := &batch{t: t}
		c := New(Config{Output: out})
		for range 2 { // the second one comes from the cache
			out.buf, out.length, out.asked = out.buf[:0], 0, 0
			r := &recorder{}
			open(t, c, q, r)
			if got := string(out.buf); got != want {
				t.Errorf("\n got %q\nwant %q", got, want)
			}
			if r.sent != 1 {
				t.Errorf("OnSent %d times", r.sent)
			}
			end := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
			if err := feed(c, end); err != nil {
				t.Fatal(err)
			}
		}
		out.check()
	}
	check(get(), "GET /v1/models HTTP/1.1\r\nHost: p.example\r\n\r\n")
	const post = "POST /v1/chat/completions HTTP/1.1\r\nHost: p.example:8443\r\nauthorization: Bearer k\r\ncontent-type: application/json\r\n"
	check(&stream.Request{Block: postBlock, Body: [][]byte{b("{"), nil, b("}")}, BodyBytes: 2}, post+"Content-Length: 2\r\n\r\n{}")
	check(&stream.Request{Block: postBlock, BodyBytes: 0}, post+"Content-Length: 0\r\n\r\n")
	check(&stream.Request{
		Block: postBlock, BodyBytes: 0,
		Extra: []stream.Field{{Name: b("traceparent"), Value: b("00-1")}, {Name: b("x"), Value: nil}},
	}, post+"traceparent: 00-1\r\nx: \r\nContent-Length: 0\r\n\r\n")
	check(&stream.Request{
		Block:     &stream.Block{Method: "POST", Authority: "a", Fields: []stream.BlockField{{Name: "k", Value: "v"}}},
		Method:    b("IGNORED"),
		Path:      b("/m/x:go?alt=sse"),
		BodyBytes: -1,
	}, "POST /m/x:go?alt=sse HTTP/1.1\r\nHost: a\r\nk: v\r\n\r\n")
	check(&stream.Request{Block: &stream.Block{Authority: "a", Path: "/p"}, Method: b("PUT"), Path: b("/ignored"), BodyBytes: -1},
		"PUT /p HTTP/1.1\r\nHost: a\r\n\r\n")
	check(&stream.Request{Block: &stream.Block{Authority: "[::1]:80"}, Method: b("OPTIONS"), Path: b("*"), BodyBytes: -1},
		"OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
}

func TestMethodOfTheRequestDecidesAboutTheBody(t *testing.T) {
	c := New(Config{Output: &batch{t: t}})
	block := &stream.Block{Authority: "a", Path: "/"}
	r := &recorder{}
	open(t, c, &stream.Request{Block: block, Method: b("HEAD"), BodyBytes: -1}, r)
	_ = feed(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
	if want := "200/9[content-length=9] end[]"; r.text() != want || c.Slots() != 1 {
		t.Errorf("%s", r.text())
	}
}

// TestLargeRequests makes sure that Buffer is never asked for more than it promises, whatever lies across a piece's end.
func TestLargeRequests(t *testing.T) {
	value := bytes.Repeat([]byte("v"), 20<<10)
	for _, size := range []int{0, 1, 1000, 32 << 10, 32<<10 - 77, 100_000, 1 << 20} {
		out := &batch{t: t}
		c := New(Config{Output: out})
		body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		open(t, c, &stream.Request{
			Block:     postBlock,
			Extra:     []stream.Field{{Name: b("a"), Value: value}, {Name: b("b"), Value: value}},
			Body:      [][]byte{body[:size/3], body[size/3:]},
			BodyBytes: int64(size),
		}, &recorder{})
		out.check()
		if head, rest, _ := bytes.Cut(out.buf, b("\r\n\r\n")); !bytes.Equal(rest, body) || bytes.Count(head, value) != 2 {
			t.Errorf("size %d: %d bytes of body came out", size, len(rest))
		}
		if want := (len(out.buf) + pieceBytes - 1) / pieceBytes; out.calls != want {
			t.Errorf("size %d: %d calls of Buffer, not %d", size, out.calls, want)
		}
	}
}

// TestRefusedRequests tries to make the head say something else than was meant. Nothing may be written, and the connection
// stays usable.
func TestRefusedRequests(t *testing.T) {
	check := func(want error, q *stream.Request) {
		t.Helper()
		out := &batch{t: t}
		c := New(Config{Output: out})
		r := &recorder{}
		s, err := c.Open(q, r)
		if !errors.Is(err, want) || s != nil || r.sent != 0 {
			t.Errorf("Open gave %v, %v, want %v", s, err, want)
		}
		if len(out.buf) > 0 || c.Slots() != 1 || c.Active() != 0 || c.Closing() {
			t.Errorf("%q was written, slots %d, active %d", out.buf, c.Slots(), c.Active())
		}
		open(t, c, get(), r)
	}
	extra := func(want error, name, value string) {
		t.Helper()
		check(want, &stream.Request{Block: getBlock, Extra: []stream.Field{{Name: b(name), Value: b(value)}}, BodyBytes: -1})
		block := *getBlock
		block.Fields = []stream.BlockField{{Name: name, Value: value}}
		check(want, &stream.Request{Block: &block, BodyBytes: -1})
	}
	for _, v := range []string{"\r\n", "a\r\nx: y", "\n", "a\nb", "\r", "\x00", "a\x00", "\x01", "\x7f", "a\r"} {
		extra(ErrValue, "x", v)
	}
	for _, n := range []string{"", "a b", "a:", "a\r\n", "a\n", "a\x00", "\xc3\xa4", "a\tb", "(a)"} {
		extra(ErrName, n, "v")
	}
	for _, n := range []string{"host", "Host", "content-length", "Content-Length", "transfer-encoding", "TRANSFER-ENCODING", "connection", "keep-alive", "proxy-connection", "upgrade", "te", "trailer"} {
		extra(ErrReserved, n, "1")
	}
	path := func(p string) {
		t.Helper()
		check(ErrPath, &stream.Request{Block: &stream.Block{Method: "GET", Authority: "a"}, Path: b(p), BodyBytes: -1})
		if p != "" {
			check(ErrPath, &stream.Request{Block: &stream.Block{Method: "GET", Authority: "a", Path: p}, BodyBytes: -1})
		}
	}
	for _, p := range []string{"", "x", "/a b", "/a\r\nx: y", "/\n", "/\x00", "/\t", "/\x7f", "/\xc3\xa4", "/a#b", "**", "http://a/"} {
		path(p)
	}
	for _, m := range []string{"", "G T", "GET\r\n", "GET /", "CONNECT", "G\x00"} {
		check(ErrMethod, &stream.Request{Block: &stream.Block{Authority: "a", Path: "/"}, Method: b(m), BodyBytes: -1})
		if m != "" {
			check(ErrMethod, &stream.Request{Block: &stream.Block{Method: m, Authority: "a", Path: "/"}, BodyBytes: -1})
		}
	}
	for _, a := range []string{"", "a b", "a\r\nx: y", "a/b", "u@a", "a?b", "a#b", "a\\b", "\x00"} {
		check(ErrAuthority, &stream.Request{Block: &stream.Block{Method: "GET", Authority: a, Path: "/"}, BodyBytes: -1})
	}
	for _, n := range []int64{-2, -1, 0, 1, 3, 1 << 62} {
		check(ErrBodySize, &stream.Request{Block: postBlock, Body: [][]byte{b("{"), b("}")}, BodyBytes: n})
	}
	check(ErrBodySize, &stream.Request{Block: postBlock, BodyBytes: 1})
}

// TestBlockCache opens more blocks in turn than the cache holds; each has to come out as itself.
func TestBlockCache(t *testing.T) {
	out := &batch{t: t}
	c := New(Config{Output: out})
	var blocks []*stream.Block
	for i := range 3 * blockEntries {
		blocks = append(blocks, &stream.Block{Method: "GET", Authority: "a", Path: "/" + strings.Repeat("x", i) + strconv.Itoa(i)})
	}
	for i := range 10 * blockEntries {
		block := blocks[i*7%len(blocks)]
		if i%3 == 0 {
			block = blocks[0]
		}
		out.buf, out.length, out.asked = nil, 0, 0
		open(t, c, &stream.Request{Block: block, BodyBytes: -1}, &recorder{})
		if want := "GET " + block.Path + " HTTP/1.1\r\nHost: a\r\n\r\n"; string(out.buf) != want {
			t.Fatalf("%q, want %q", out.buf, want)
		}
		_ = feed(c, "HTTP/1.1 204 \r\n\r\n")
	}
}
