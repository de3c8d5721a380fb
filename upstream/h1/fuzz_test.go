package h1

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

var fuzzSeeds = []string{
	okHi,
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
	"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n2;a=b\r\nhi\r\n0\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 204\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nConnection: x, close\r\nX: y\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi!",
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
	"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
	"\x15\x03\x03\x00\x02\x02\x28",
}

// FuzzFeed: a response comes to the same in any pieces, and where it is taken as complete, net/http reads the same from it.
func FuzzFeed(f *testing.F) {
	for i, s := range fuzzSeeds {
		f.Add([]byte(s), uint64(i), i%3 == 0, i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64, isHead, ends bool) {
		block, ending := getBlock, byte(0)
		if isHead {
			block = headBlock
		}
		if ends {
			ending = 'e'
		}
		cfg := Config{MaxHeadBytes: 300, MaxFields: 6}
		want := outcome(t, block, cfg, ending, string(raw))
		random := rand.New(rand.NewPCG(seed, 1))
		var pieces []string
		for rest := string(raw); rest != ""; {
			n := 1 + random.IntN(1+min(len(rest)-1, 1<<random.IntN(8)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := outcome(t, block, cfg, ending, pieces...); got != want {
			t.Errorf("%q in pieces %q\n got %s\nwant %s", raw, pieces, got, want)
		}
		if ends {
			compare(t, block, raw)
		}
	})
}

// bodySink keeps what compare looks at.
type bodySink struct {
	status   int
	body     []byte
	complete bool
}

func (s *bodySink) OnSent()                                      { s.body = s.body[:0] }
func (s *bodySink) OnHead(status int, _ []stream.Field, _ int64) { s.status = status }
func (s *bodySink) OnBody(b []byte)                              { s.body = append(s.body, b...) }
func (s *bodySink) OnEnd([]stream.Field)                         { s.complete = true }
func (s *bodySink) OnFail(stream.Failure)                        {}

// compare holds us against net/http: what we take as a complete response, it has to read in the same way. The other direction is
// left open, since we are the stricter one.
func compare(t *testing.T, block *stream.Block, raw []byte) {
	t.Helper()
	c := New(Config{Output: &batch{t: t}})
	s := &bodySink{}
	if _, err := c.Open(&stream.Request{Block: block, BodyBytes: -1}, s); err != nil {
		t.Fatal(err)
	}
	_ = c.Feed(raw)
	c.Fail(nil)
	if !s.complete {
		return
	}
	in := bufio.NewReaderSize(bytes.NewReader(raw), 1<<20)
	var got *http.Response
	for {
		var err error
		got, err = http.ReadResponse(in, &http.Request{Method: block.Method})
		if err != nil {
			if differs(err) {
				return
			}
			t.Errorf("%q: we take it, net/http says: %v", raw, err)
			return
		}
		if got.StatusCode >= 200 {
			break
		}
	}
	body, err := io.ReadAll(got.Body)
	if err != nil && !differs(err) {
		t.Errorf("%q: we take the body, net/http says: %v", raw, err)
		return
	}
	if err == nil && (got.StatusCode != s.status || !bytes.Equal(body, s.body)) {
		t.Errorf("%q: we read %d %q, net/http reads %d %q", raw, s.status, s.body, got.StatusCode, body)
	}
}

// differs lists in what we take more than net/http does: a list of equal lengths is one value for us, as RFC 9110 §8.6 allows,
// and white space may stand between a chunk's size and its extensions (RFC 9112 §7.1.1).
func differs(err error) bool {
	for _, s := range []string{
		"bad Content-Length",
		"invalid Content-Length",
		"invalid byte in chunk length",
	} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// FuzzOpen: whatever stands in a request, the head that comes out is the one that was meant, or none.
func FuzzOpen(f *testing.F) {
	f.Add("GET", "/v1/models", "a.example", "x-a", "b", "body")
	f.Add("POST", "/a b", "a\r\nb: c", "a: b", "c\r\nd: e", "")
	f.Fuzz(func(t *testing.T, method, path, authority, name, value, body string) {
		out := &batch{t: t}
		c := New(Config{Output: out})
		q := &stream.Request{
			Block:     &stream.Block{Authority: authority},
			Method:    []byte(method),
			Path:      []byte(path),
			Extra:     []stream.Field{{Name: []byte(name), Value: []byte(value)}},
			Body:      [][]byte{[]byte(body)},
			BodyBytes: int64(len(body)),
		}
		if _, err := c.Open(q, &recorder{}); err != nil {
			if len(out.buf) > 0 {
				t.Errorf("%v, and %q was written", err, out.buf)
			}
			return
		}
		in := bufio.NewReader(bytes.NewReader(out.buf))
		got, err := http.ReadRequest(in)
		if err != nil {
			// Hosts that net/url cannot parse harm nobody but the provider that was configured so.
			if strings.Contains(err.Error(), "parse ") || strings.Contains(err.Error(), "malformed Host") {
				return
			}
			t.Fatalf("%q: %v", out.buf, err)
		}
		got.Header.Del("Content-Length")
		read, _ := io.ReadAll(got.Body)
		if got.Method != method || got.RequestURI != path || got.Host != authority || string(read) != body || len(got.Header) > 1 {
			t.Errorf("%q reads as %s %s at %s, %d fields", out.buf, got.Method, got.RequestURI, got.Host, len(got.Header))
		}
		if v := http.Header(got.Header).Values(name); len(got.Header) == 1 && (len(v) != 1 || v[0] != strings.Trim(value, " \t")) {
			t.Errorf("%q: field %q reads as %q", out.buf, name, v)
		}
		if n, _ := in.Discard(1); n > 0 {
			t.Errorf("%q: something is left", out.buf)
		}
	})
}
