package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// refused waits until the gateway takes no new connection.
func refused(t testing.TB, url string) {
	t.Helper()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return true
		}
		_ = c.Close() // it came a moment too early
		return false
	})
}

// TestDrain: SIGTERM lets what runs come to its end, takes nothing new, and ends with code 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		for _, p := range protocols {
			t.Run(name+" "+string(p), func(t *testing.T) {
				t.Parallel()
				m := startMock(t)
				g := startGateway(t, m.config(p, ""))
				idle, live, late := dial(t, g.url), dial(t, g.url), dial(t, g.url)
				idle.wantOpen()
				live.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=60&tps=30", true)))
				r := live.head("POST")
				late.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?latency=1s", false)))
				eventually(t, "both are at the provider", func() bool { return m.stats(t).Open == 2 })
				g.signal(t, s)
				refused(t, g.url)
				if ready, err := httpClient.Get(g.admin + "/readyz"); err == nil {
					b, _ := io.ReadAll(ready.Body) // what is there will do
					_ = ready.Body.Close()
					if ready.StatusCode != 503 {
						t.Errorf("/readyz while draining: %s %s", ready.Status, b)
					}
				} else {
					t.Errorf("the admin port went before the drain was over: %v", err)
				}
				idle.wantEnd()
				b, err := io.ReadAll(r.Body)
				if err != nil || !strings.HasSuffix(string(b), doneEvent) || strings.Count(string(b), `"content"`) != 61 {
					t.Errorf("the live stream ended with %v after %q", err, tail(b, 300))
				}
				live.wantEnd()
				if a := late.answer("POST"); a.status != 200 || a.err != nil || !a.closes {
					t.Errorf("the late answer: %s %v, it says that the connection ends: %v", a.line, a.err, a.closes)
				}
				late.wantEnd()
				if code := g.exit(t); code != 0 {
					t.Errorf("exit code %d", code)
				}
				if s := m.stats(t); s.Cancelled != 0 || s.StreamsFinished != 1 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// TestDrainEnds: what would go on for ever is cut after the drain time, or by a second signal, and is told so: a stream by an error
// event, a request without an answer by one.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"time": "timeouts: {drain: 300ms}\n", "signal": "timeouts: {drain: 1h}\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, m.config(h2c, more))
			w := dial(t, g.url)
			w.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?tokens=1000000&tps=30", true)))
			r := w.head("POST")
			late, half := dial(t, g.url), dial(t, g.url)
			late.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?latency=1h", false)))
			half.send(inMessages + "Host: x\r\n" + bearer + "Content-Length: 20\r\n\r\n{")
			eventually(t, "all have come", func() bool { return g.metric(t, "penstock_exchanges_open") == 3 })
			g.signal(t, syscall.SIGTERM)
			if name == "signal" {
				refused(t, g.url)
				g.signal(t, syscall.SIGTERM)
			}
			if code := g.exit(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			b, err := io.ReadAll(r.Body)
			events := strings.Split(strings.TrimSuffix(string(b), "\n\n"), "\n\n")
			last, ok := strings.CutPrefix(events[len(events)-1], "data: ")
			if err != nil || !ok || strings.Contains(string(b), "[DONE]") {
				t.Fatalf("the stream ended with %v after %q", err, tail(b, 300))
			}
			if c := complaintIn(t, last); c.code != "shutting_down" {
				t.Errorf("%+v", c)
			}
			a := late.answer("POST")
			if a.wantComplaint(t, "HTTP/1.1 503 Service Unavailable", openAI("server_error", "shutting_down", "")); !a.closes {
				t.Error("the answer does not say that the connection ends")
			}
			half.answer("POST").wantComplaint(t, "HTTP/1.1 503 Service Unavailable", anthropic("api_error"))
			eventually(t, "the provider hears of it", func() bool { return m.stats(t).Cancelled == 2 })
		})
	}
}

// TestDrainServes: what has begun to come when the signal does is served, and every last answer of a connection says that it was.
func TestDrainServes(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	release := make(chan struct{})
	held := listenRaw(t, func(c net.Conn) { // a stream that does not end before the signal
		for in := bufio.NewReader(c); readRequest(in) == nil; {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n1\r\n\n\r\n")
			<-release
			_, _ = io.WriteString(c, fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(doneEvent), doneEvent))
		}
	})
	g := startGateway(t, strings.Replace(m.config(h2c, ""), "providers:\n", "providers:\n"+providerLines("held", held.addr, http1), 1))
	const path = "/v1/chat/completions"
	quick := request("POST", path, chatBody("oai/chat", false))

	upload, head, pipeline, after, silent := dial(t, g.url), dial(t, g.url), dial(t, g.url), dial(t, g.url), dial(t, g.url)
	upload.send(quick[:len(quick)-20])
	head.send(quick[:30])
	after.send(request("POST", path, chatBody("held/m", true)))
	r := after.head("POST")
	// The first answer's head comes before the signal, so that it cannot say that the connection ends.
	pipeline.send(request("POST", path, chatBody("held/m", true)) + quick + request("GET", "/v1/models", "") + quick)
	first := pipeline.head("POST")
	eventually(t, "all have come", func() bool {
		return g.metric(t, "penstock_exchanges_open") == 3 && g.metric(t, "penstock_connections") == 5
	})
	g.signal(t, syscall.SIGTERM)
	refused(t, g.url)
	last := func(name string, w *wire, rest string) {
		t.Helper()
		w.send(rest)
		if a := w.answer("POST"); a.status != 200 || a.err != nil || !a.closes {
			t.Errorf("%s: %s %v, it says that the connection ends: %v", name, a.line, a.err, a.closes)
		}
		w.wantEnd()
	}
	last("connected and silent", silent, quick)
	last("half a body", upload, quick[len(quick)-20:])
	last("half a head", head, quick[30:])
	close(release)

	if b, err := io.ReadAll(first.Body); err != nil || !strings.HasSuffix(string(b), doneEvent) {
		t.Errorf("the first of the pipeline ended with %v after %q", err, tail(b, 300))
	}
	for i, closes := range []bool{false, false, true} {
		if a := pipeline.answer("POST"); a.status != 200 || a.closes != closes {
			t.Errorf("answer %d of the pipeline: %s, it says that the connection ends: %v", i+1, a.line, a.closes)
		}
	}
	pipeline.wantEnd()

	// A client that asks again on the heels of an answer that said nothing of an end.
	if b, err := io.ReadAll(r.Body); err != nil || r.Close || !strings.HasSuffix(string(b), doneEvent) {
		t.Errorf("the stream ended with %v after %q", err, tail(b, 300))
	}
	last("once more", after, quick)
	if code := g.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if s := m.stats(t); s.Cancelled != 0 || s.Requests != 6 {
		t.Errorf("%+v", s)
	}
}
