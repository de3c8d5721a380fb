package e2e

import (
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

// TestDrainEnds: a stream that would go on for ever is cut after the drain time, or by a second signal.
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
			g.signal(t, syscall.SIGTERM)
			if name == "signal" {
				refused(t, g.url)
				g.signal(t, syscall.SIGTERM)
			}
			if code := g.exit(t); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if b, err := io.ReadAll(r.Body); err == nil {
				t.Errorf("the client takes the stream for whole: %q", tail(b, 300))
			}
			eventually(t, "the provider hears of it", func() bool { return m.stats(t).Cancelled == 1 })
		})
	}
}
