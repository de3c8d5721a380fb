package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Clients that take their time, on purpose or not. Where a test waits it waits for the gateway's own timer, which it has set short.

// oneLoop has every connection on the same loop, so that nobody is spared by being on another one.
func oneLoop(config string) string { return strings.Replace(config, "loops: 2", "loops: 1", 1) }

// drip writes s in pieces with pauses, and says whether the connection took all of it. It runs beside the reader.
func (w *wire) drip(s string, size int, pause time.Duration) <-chan bool {
	took := make(chan bool, 1)
	go func() {
		for len(s) > 0 {
			n := min(size, len(s))
			if _, err := io.WriteString(w.conn, s[:n]); err != nil {
				break
			}
			s = s[n:]
			time.Sleep(pause)
		}
		took <- s == ""
	}()
	return took
}

// TestSlowloris: a head timer counts from the head's first byte and a whole exchange's from its first, and no byte starts them anew.
func TestSlowloris(t *testing.T) {
	t.Parallel()
	const pause = 50 * time.Millisecond // far below every timer here
	m := startMock(t)
	t.Run("head", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, m.config(h2c, "timeouts: {head: 600ms}\n"))
		w := dial(t, g.url)
		head := "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + bearer + "\r\n"
		took := w.drip(head, 1, pause) // three times as long as the timer
		w.answer("GET").wantComplaint(t, "HTTP/1.1 408 Request Timeout", openAI("invalid_request_error", "request_timeout", ""))
		w.wantEnd()
		if <-took {
			t.Error("the whole head was taken first")
		}
	})
	t.Run("second head", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, m.config(h2c, "timeouts: {head: 600ms, idle: 1h}\n"))
		w := dial(t, g.url)
		w.wantOpen()
		w.drip("GET /v1/models HTTP/1.1\r\nHost: x\r\n"+bearer+"\r\n", 1, pause)
		if a := w.answer("GET"); a.status != 408 {
			t.Error(a.line)
		}
		w.wantEnd()
	})
	t.Run("body between two pieces", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, m.config(h2c, "timeouts: {body: 500ms}\n"))
		w := dial(t, g.url)
		// Slower than the timer as a whole, quicker from piece to piece.
		took := w.drip(request("POST", "/v1/chat/completions", chatBody("oai/chat", false)), 8, pause)
		if a := w.answer("POST"); a.status != 200 || !<-took {
			t.Errorf("%s %s", a.line, a.body)
		}
		w.send(request("POST", "/v1/chat/completions", chatBody("oai/chat", false))[:220])
		if a := w.answer("POST"); a.status != 408 {
			t.Error(a.line)
		}
		w.wantEnd()
	})
	t.Run("body in all", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, m.config(h2c, "timeouts: {head: 500ms, body: 500ms, first_byte: 500ms, between_bytes: 500ms, total: 1s}\n"))
		w := dial(t, g.url)
		whole := request("POST", "/v1/chat/completions", chatBody("oai/chat", false))
		head, body, _ := strings.Cut(whole, "\r\n\r\n")
		w.send(head + "\r\n\r\n")
		took := w.drip(body, 1, pause)
		if a := w.answer("POST"); a.status != 408 {
			t.Errorf("%s %s", a.line, a.body)
		}
		w.wantEnd()
		if <-took {
			t.Error("the whole body was taken first")
		}
	})
}

// TestHalfClosed: a client that ends its sending without having asked for anything is let go at once, whatever it had begun.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, "timeouts: {head: 1h, body: 1h, idle: 1h}\n"))
	for name, said := range map[string]string{
		"nothing":     "",
		"half a head": "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n",
		"half a body": request("POST", "/v1/chat/completions", chatBody("oai/chat", false))[:220],
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, g.url)
			w.send(said)
			if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			w.wantEnd()
		})
	}
	eventually(t, "nobody is connected", func() bool { return g.metric(t, "penstock_connections") == 0 })
}

// dialNarrow connects with a small receive buffer, so that an answer soon has nowhere to go.
func dialNarrow(t testing.TB, url string) *wire {
	t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 16<<10) })
	}}
	c, err := d.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, c, bufio.NewReader(c)}
}

// TestClientThatNeverReads: its answer is held back by the windows, costs a bounded amount of memory, is cut after between_bytes, and
// the others on its loop do not notice.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p      protocol
		stream bool
		most   int64 // that the provider gets rid of: a window and its socket's buffer, or socket buffers alone
	}{{h2c, true, 2 << 20}, {h2c, false, 2 << 20}, {tlsH2, true, 2 << 20}, {http1, true, 48 << 20}} {
		t.Run(fmt.Sprintf("%s stream %v", c.p, c.stream), func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, oneLoop(m.config(c.p, "timeouts: {first_byte: 30s, between_bytes: 2s}\n")))
			stuck := dialNarrow(t, g.url)
			model := "oai/chat?tokens=2000&bytes=8000" // 16 MB, which the mock makes before it sends
			if c.stream {
				model = "oai/chat?tokens=1000000&bytes=1000"
			}
			stuck.send(request("POST", "/v1/chat/completions", chatBody(model, c.stream)))
			eventually(t, "the provider has the request", func() bool { return m.stats(t).Requests == 1 })
			other, asked := dial(t, g.url), 0
			for m.stats(t).Cancelled == 0 && !t.Failed() {
				other.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=6", asked%2 == 0)))
				if a := other.answer("POST"); a.status != 200 || a.err != nil || !strings.Contains(a.body, "simulated") {
					t.Errorf("another client got %s %v", a.line, a.err)
				}
				asked++
				// Two windows of the provider's stream, one batch to the client, and what the provider's socket was ahead by.
				if lent := g.metric(t, "penstock_memory_bytes", `state="lent"`); lent > 4<<20 {
					t.Errorf("%.0f bytes are lent", lent)
				}
			}
			if asked == 0 {
				t.Error("the answer was cut before anything else could be asked")
			}
			settled(t, g, m)
			eventually(t, "the client is let go", func() bool { return g.metric(t, "penstock_connections") == 1 })
			if out := m.stats(t).BytesOut; out > c.most {
				t.Errorf("the provider got rid of %d bytes: its window did not close", out)
			}
			if b, err := io.ReadAll(stuck.conn); err == nil {
				t.Errorf("the client takes %d bytes for the whole answer", len(b))
			}
		})
	}
}

// TestSlowSteadyReader: a client that reads all the time, however slowly, gets everything. Socket buffers are so large that the gateway
// cannot write for longer than between_bytes; what the client acknowledges is what counts.
func TestSlowSteadyReader(t *testing.T) {
	t.Parallel()
	const tokens, size = 1500, 4000
	for name, closes := range map[string]string{"kept alive": "X-Nothing: 1", "closing": "Connection: close"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, m.config(h2c, "timeouts: {first_byte: 30s, between_bytes: 1s}\n"))
			w := dialNarrow(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=1500&bytes=4000", true), closes))
			var got bytes.Buffer
			for range 80 { // some 160 KB/s for four seconds, four times between_bytes
				if _, err := io.CopyN(&got, w.in, 8<<10); err != nil {
					t.Fatalf("cut after %d bytes: %v", got.Len(), err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			w.in = bufio.NewReader(io.MultiReader(&got, w.in))
			if a := w.answer("POST"); a.status != 200 || a.err != nil || !strings.HasSuffix(a.body, doneEvent) || len(a.body) < tokens*size {
				t.Errorf("%s, %d bytes, %v", a.line, len(a.body), a.err)
			}
		})
	}
}
