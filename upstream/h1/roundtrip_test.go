package h1

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"penstock/upstream/stream"
)

// wire drives a Conn over a real connection, as an owner on a loop does.
type wire struct {
	t    *testing.T
	out  batch
	conn *Conn
	net  net.Conn
	read []byte
}

func dial(t *testing.T, address string) *wire {
	t.Helper()
	n, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	w := &wire{t: t, out: batch{t: t}, net: n, read: make([]byte, 7000)}
	w.conn = New(Config{Output: &w.out})
	return w
}

// exchange opens q and moves bytes until it has ended.
func (w *wire) exchange(q *stream.Request, r *recorder) {
	w.t.Helper()
	open(w.t, w.conn, q, r)
	if _, err := w.net.Write(w.out.buf); err != nil {
		w.t.Fatal(err)
	}
	w.out.buf, w.out.length, w.out.asked = w.out.buf[:0], 0, 0
	for r.ended == 0 {
		n, err := w.net.Read(w.read)
		if n > 0 {
			if err := w.conn.Feed(w.read[:n]); err != nil {
				w.t.Fatal(err)
			}
		}
		if err == io.EOF {
			w.conn.Fail(nil)
		} else if err != nil {
			w.t.Fatal(err)
		}
	}
}

// server answers: the method, path and body that it read, in the framing that the path asks for.
func server(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("the server cannot read the body: %v", err)
		}
		w.Header()["Date"] = nil
		w.Header().Set("Content-Type", "text/plain")
		answer := []byte(r.Method + " " + r.Host + " " + r.Header.Get("X-A") + " " + strconv.FormatInt(r.ContentLength, 10) + " ")
		answer = append(answer, body...)
		switch r.URL.Path {
		case "/sized":
			w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
			_, _ = w.Write(answer)
		case "/chunked":
			w.Header().Set("Trailer", "X-Sum")
			w.WriteHeader(http.StatusEarlyHints)
			for _, piece := range bytes.SplitAfter(answer, []byte(" ")) {
				_, _ = w.Write(piece)
				w.(http.Flusher).Flush()
			}
			w.Header().Set("X-Sum", strconv.Itoa(len(body)))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/close":
			w.Header().Set("Connection", "close")
			_, _ = w.Write(answer)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestRoundTrip(t *testing.T) {
	s := server(t)
	address := strings.TrimPrefix(s.URL, "http://")
	w := dial(t, address)
	request := func(method, path string, body string) *stream.Request {
		return &stream.Request{
			Block:     &stream.Block{Method: method, Scheme: "http", Authority: "p.example:8080"},
			Path:      []byte(path),
			Extra:     []stream.Field{{Name: []byte("x-a"), Value: []byte("v")}},
			Body:      [][]byte{[]byte(body[:len(body)/2]), []byte(body[len(body)/2:])},
			BodyBytes: int64(len(body)),
		}
	}
	check := func(q *stream.Request, want string) {
		t.Helper()
		r := &recorder{}
		w.exchange(q, r)
		if got := r.text(); got != want {
			t.Errorf("\n got %.200s\nwant %.200s", got, want)
		}
	}
	large := strings.Repeat("0123456789abcdef", 20_000)
	for range 3 {
		check(request("POST", "/sized", "{}"), `200/26[content-length=26|content-type=text/plain] "POST p.example:8080 v 2 {}" end[]`)
		check(request("POST", "/chunked", "{}"), `200/-1[content-type=text/plain] "POST p.example:8080 v 2 {}" end[x-sum=2]`)
		check(request("POST", "/chunked", ""), `200/-1[content-type=text/plain] "POST p.example:8080 v 0 " end[x-sum=0]`)
		check(request("POST", "/sized", large), `200/320029[content-length=320029|content-type=text/plain] "POST p.example:8080 v 320000 `+large+`" end[]`)
		check(request("PUT", "/empty", "{}"), "204/-1[content-type=text/plain] end[]")
		q := request("HEAD", "/sized", "")
		q.BodyBytes = -1
		check(q, "200/24[content-length=24|content-type=text/plain] end[]")
	}
	if w.conn.Served() != 18 || w.conn.Slots() != 1 {
		t.Errorf("served %d, slots %d", w.conn.Served(), w.conn.Slots())
	}
	check(request("POST", "/close", "{}"), `200/26[content-type=text/plain|content-length=26] "POST p.example:8080 v 2 {}" end[]`)
	if !w.conn.Closing() {
		t.Error("open after Connection: close")
	}
}

// TestRoundTripToOldServer talks to one that knows HTTP/1.0 only, whose body ends with the connection.
func TestRoundTripToOldServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(c, make([]byte, len("GET /v1/models HTTP/1.1\r\nHost: p.example\r\n\r\n")))
		_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n")
		_, _ = io.WriteString(c, strings.Repeat("x", 20_000))
		_ = c.Close()
	}()
	w := dial(t, l.Addr().String())
	r := &recorder{}
	w.exchange(get(), r)
	r.want(t, `200/-1[server=old] "`+strings.Repeat("x", 20_000)+`" end[]`)
}
