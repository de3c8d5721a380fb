package e2e

import (
	"bufio"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// abortCount is how many clients leave in the middle: PENSTOCK_ABORTS, or few enough for every run.
func abortCount(t testing.TB, usual int) int {
	text := os.Getenv("PENSTOCK_ABORTS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PENSTOCK_ABORTS is %q, not a number", text)
	}
	return n
}

// footprint is what the gateway holds.
type footprint struct{ goroutines, rss, lent, timers float64 }

func (g *gateway) footprint(t testing.TB) footprint {
	t.Helper()
	return footprint{
		g.metric(t, "go_goroutines"), g.metric(t, "process_resident_memory_bytes"),
		g.metric(t, "penstock_memory_bytes", `state="lent"`), g.metric(t, "penstock_loop_timers"),
	}
}

// memorySlackBytes is what the resident memory may differ by: collections come when they come, more so under the race detector.
const memorySlackBytes = 64 << 20

// TestAborts: every client that leaves in mid-stream is one stream cancelled at the provider, and nothing stays behind.
func TestAborts(t *testing.T) {
	for p, usual := range map[protocol]int{h2c: 1000, tlsH2: 300, http1: 300} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			n := abortCount(t, usual)
			m := startMock(t)
			g := startGateway(t, m.config(p, ""))
			abortMany(t, g, min(n, 200)) // memory that is kept for the next request is not lost
			settled(t, g, m)
			before, counted := g.footprint(t), m.stats(t)
			abortMany(t, g, n)
			settled(t, g, m)
			eventually(t, "each stream is counted as cancelled", func() bool { return m.stats(t).Cancelled-counted.Cancelled >= int64(n) })
			after, end := g.footprint(t), m.stats(t)
			if got := end.Cancelled - counted.Cancelled; got != int64(n) || end.StreamsFinished != 0 || end.Broken != 0 {
				t.Errorf("%d streams cancelled of %d: %+v", got, n, end)
			}
			if got := g.metric(t, "llm_requests_cancelled_total", `provider="oai"`); got != float64(end.Cancelled) {
				t.Errorf("the gateway counts %v cancelled requests, the provider %d", got, end.Cancelled)
			}
			eventually(t, "goroutines, buffers and timers are back where they were", func() bool {
				after = g.footprint(t)
				return after.goroutines <= before.goroutines+2 && after.lent <= before.lent && after.timers <= before.timers+4
			})
			if after.rss > before.rss+memorySlackBytes {
				t.Errorf("resident memory went from %v to %v bytes", before.rss, after.rss)
			}
			if open := g.metric(t, "penstock_connections"); open != 0 {
				t.Errorf("%v client connections are open", open)
			}
		})
	}
}

// abortMany has n clients begin a stream that would never end, and leave once it has begun.
func abortMany(t testing.TB, g *gateway, n int) {
	t.Helper()
	const clients = 32
	ask := request("POST", "/v1/chat/completions", chatBody("oai/chat?tps=20&tokens=1000000", true))
	var begun atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, clients)
	for range clients {
		wg.Go(func() {
			for begun.Add(1) <= int64(n) {
				if err := abortOne(strings.TrimPrefix(g.url, "http://"), ask); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}

func abortOne(addr, ask string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(ask)); err != nil {
		return err
	}
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "data: ") {
			return nil
		}
	}
}

// TestAbortBeforeAnswer: a client that leaves while the provider is still thinking, or while its own body is on the way, costs nothing.
func TestAbortBeforeAnswer(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	for range 20 {
		w := dial(t, g.url)
		w.send(request("POST", "/v1/chat/completions", chatBody("oai/chat?latency=1h", false)))
		half := dial(t, g.url)
		half.send(request("POST", "/v1/chat/completions", chatBody("oai/chat", false))[:220])
		eventually(t, "the provider has the request", func() bool { return m.stats(t).Open == 1 })
		_ = w.conn.Close()
		_ = half.conn.Close()
		settled(t, g, m)
	}
	if s := m.stats(t); s.Cancelled != 20 || s.Requests != 20 {
		t.Errorf("%+v", s)
	}
	eventually(t, "no client connection is open", func() bool { return g.metric(t, "penstock_connections") == 0 })
}
