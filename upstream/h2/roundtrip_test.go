package h2

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"

	"penstock/upstream/stream"
)

// netOutput writes what a connection says to a socket, once per call of flush.
type netOutput struct{ b []byte }

func (o *netOutput) Buffer(int) *[]byte { return &o.b }

// fetch is a sink for one request against a real server. It credits what it got when the read is through, as a relay does.
type fetch struct {
	tb       testing.TB
	s        stream.Stream
	status   int
	length   int64
	sum      [32]byte
	body     []byte
	unread   int
	trailers string
	done     func()
}

func (k *fetch) OnSent() {}
func (k *fetch) OnHead(status int, _ []stream.Field, length int64) {
	k.status, k.length = status, length
}

func (k *fetch) OnBody(b []byte) { k.body = append(k.body, b...); k.unread += len(b) }

func (k *fetch) OnEnd(trailers []stream.Field) { k.trailers = lines(trailers); k.s = nil; k.done() }

func (k *fetch) OnFail(f stream.Failure) { k.tb.Error(f.Error()); k.s = nil; k.done() }

// serveH2C starts net/http's own HTTP/2 server on a loopback socket and returns a connection to it.
func serveH2C(t *testing.T, h http.HandlerFunc) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, Protocols: new(http.Protocols)}
	srv.Protocols.SetUnencryptedHTTP2(true)
	served := make(chan struct{})
	go func() { defer close(served); srv.Serve(l) }()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		nc.Close()
		srv.Close()
		<-served
	})
	return nc
}

// pump moves bytes both ways until done says so. Writing has a goroutine of its own, since both sides may be full at once.
func pump(t *testing.T, nc net.Conn, c *Conn, out *netOutput, credit func(), done func() bool) {
	t.Helper()
	writes := make(chan []byte, 1024)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for b := range writes {
			if _, err := nc.Write(b); err != nil {
				return
			}
		}
	}()
	flush := func() {
		if len(out.b) > 0 {
			writes <- bytes.Clone(out.b)
			out.b = out.b[:0]
		}
	}
	buf := make([]byte, 20000)
	flush()
	for !done() {
		n, err := nc.Read(buf)
		if n > 0 {
			if err := c.Feed(buf[:n]); err != nil {
				t.Fatal(err)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		credit()
		flush()
	}
	close(writes)
	<-written
}

// TestRoundTrip sends many streams with bodies of all sizes through net/http's server and compares every byte.
func TestRoundTrip(t *testing.T) {
	nc := serveH2C(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.ContentLength != int64(len(body)) {
			t.Errorf("content-length %d, body %d", r.ContentLength, len(body))
		}
		n, _ := strconv.Atoi(r.Header.Get("x-want"))
		w.Header().Set("Trailer", "x-sum")
		w.Header().Set("x-padding", string(bytes.Repeat([]byte("p"), n%300)))
		sum := sha256.Sum256(body)
		for left := n; left > 0; {
			k := min(left, 5000)
			w.Write(bytes.Repeat([]byte{byte(left)}, k))
			left -= k
		}
		w.Header().Set("x-sum", fmt.Sprintf("%x", sum))
	})
	out := new(netOutput)
	c := New(Config{Output: out, StreamWindowBytes: 30000, ConnWindowBytes: 100000})
	const streams = 150
	fetches := make([]*fetch, 0, streams)
	finished := 0
	var open func()
	open = func() {
		for len(fetches) < streams && c.Slots() > 0 && c.Active() < 40 {
			i := len(fetches)
			up, down := i*i*7%90000, i*1009%120000
			if i%50 == 0 {
				up, down = 1<<20, 1<<20
			}
			body := bytes.Repeat([]byte{byte(i)}, up)
			k := &fetch{tb: t, sum: sha256.Sum256(body)}
			k.done = func() {
				finished++
				var want []byte
				for left := down; left > 0; left -= 5000 {
					want = append(want, bytes.Repeat([]byte{byte(left)}, min(left, 5000))...)
				}
				if k.status != 200 || !bytes.Equal(k.body, want) || k.trailers != fmt.Sprintf(" x-sum=%x", k.sum) {
					t.Errorf("stream %d: status %d, %d of %d bytes, trailers %q", i, k.status, len(k.body), down, k.trailers)
				}
				open()
			}
			fetches = append(fetches, k)
			half := up / 3
			s, err := c.Open(&stream.Request{
				Block: postBlock, Body: [][]byte{body[:half], body[half:]}, BodyBytes: int64(up),
				Extra: []stream.Field{{Name: []byte("x-want"), Value: strconv.AppendInt(nil, int64(down), 10)}},
			}, k)
			if err != nil {
				t.Fatal(err)
			}
			k.s = s
		}
	}
	open()
	pump(t, nc, c, out, func() {
		for _, k := range fetches {
			if k.s != nil && k.unread > 0 {
				k.s.Credit(k.unread)
			}
			k.unread = 0
		}
	}, func() bool { return finished == streams })
	st := c.Stats()
	if c.Active() != 0 || st.Completed != streams || st.ConnStalls+st.StreamStalls == 0 || st.ResetsOut+st.ResetsIn != 0 {
		t.Fatalf("%d active, %+v", c.Active(), st)
	}
}

// TestRoundTripCancel cancels every other stream in the middle of its answer: the rest must not notice.
func TestRoundTripCancel(t *testing.T) {
	nc := serveH2C(t, func(w http.ResponseWriter, r *http.Request) {
		for range 40 {
			if _, err := w.Write(make([]byte, 5000)); err != nil {
				return
			}
		}
	})
	out := new(netOutput)
	c := New(Config{Output: out, StreamWindowBytes: 20000, ConnWindowBytes: 65535})
	fetches := make([]*fetch, 40)
	finished := 0
	for i := range fetches {
		k := &fetch{tb: t, done: func() { finished++ }}
		s, err := c.Open(&stream.Request{Block: getBlock, BodyBytes: -1}, k)
		if err != nil {
			t.Fatal(err)
		}
		k.s, fetches[i] = s, k
	}
	pump(t, nc, c, out, func() {
		for i, k := range fetches {
			switch {
			case k.s == nil:
			case i%2 == 1 && len(k.body) > 10000:
				k.s.Cancel()
				k.s = nil
				finished++
			case k.unread > 0:
				k.s.Credit(k.unread)
			}
			k.unread = 0
		}
	}, func() bool { return finished == len(fetches) })
	for i, k := range fetches {
		if i%2 == 0 && len(k.body) != 200000 {
			t.Errorf("stream %d: %d bytes", i, len(k.body))
		}
	}
	if c.Active() != 0 {
		t.Fatal(c.Active())
	}
}
