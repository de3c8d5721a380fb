package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// load keeps clients asking until stop; it returns how many requests went well, and what went wrong.
type load struct {
	stop   chan struct{}
	wg     sync.WaitGroup
	served atomic.Int64
	mu     sync.Mutex
	faults []string
}

func startLoad(t testing.TB, g *gateway, clients int) *load {
	l := &load{stop: make(chan struct{})}
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	t.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{Timeout: patience, Transport: transport}
	for i := range clients {
		l.wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stop:
					return
				default:
				}
				if err := askOnce(c, g.url, (i+n)%2 == 0); err != nil {
					l.mu.Lock()
					l.faults = append(l.faults, err.Error())
					l.mu.Unlock()
					return
				}
				l.served.Add(1)
			}
		})
	}
	return l
}

func askOnce(c *http.Client, url string, stream bool) error {
	q, err := http.NewRequest("POST", url+"/v1/chat/completions", strings.NewReader(chatBody("oai/chat?tokens=20&tps=400", stream)))
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+clientKey)
	r, err := c.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		return err
	case r.StatusCode != 200:
		return fmt.Errorf("%s %s", r.Status, b)
	case stream && !strings.HasSuffix(string(b), doneEvent), !stream && !strings.HasSuffix(string(b), "}"):
		return fmt.Errorf("not whole: %s", tail(b, 200))
	}
	return nil
}

// after waits until n more requests have been served.
func (l *load) after(t testing.TB, n int64) {
	t.Helper()
	from := l.served.Load()
	eventually(t, "requests are served", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.served.Load() >= from+n || len(l.faults) > 0
	})
}

func (l *load) end(t testing.TB) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	for _, f := range l.faults {
		t.Error(f)
	}
}

// TestReload: configurations change under load, by signal, by request and by themselves, without one error; one that is wrong changes
// nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	config := func(i int) string {
		c := m.config(h2c, fmt.Sprintf("  - {name: model-%d, targets: [{provider: oai, model: chat}]}\n", i))
		if i%2 == 1 { // a provider comes and goes, a limit changes, and with connections.max the pool under the load as well
			c = strings.Replace(c, "providers:\n", "providers:\n"+providerLines("other", closedPort(t), http1), 1) + "timeouts: {total: 10m}\n"
			c = strings.Replace(c, "    http: h2c\n", "    http: h2c\n    connections: {max: 50}\n", 1)
		}
		return c
	}
	g := startGateway(t, config(0))
	l := startLoad(t, g, 6)
	inForce := func(i int) {
		t.Helper()
		want := fmt.Sprintf("model-%d", i)
		eventually(t, want+" is in force", func() bool {
			return strings.Contains(get(t, g.admin+"/api/config"), want)
		})
		if r, body := g.post(t, "/v1/chat/completions", chatBody(want, false)); r.StatusCode != 200 {
			t.Errorf("%s: %s %s", want, r.Status, body)
		}
		if r, _ := g.post(t, "/v1/chat/completions", chatBody(fmt.Sprintf("model-%d", i-1), false)); r.StatusCode != 404 {
			t.Errorf("the model of the configuration before is served: %s", r.Status)
		}
		l.after(t, 20)
	}
	l.after(t, 20)
	for i := 1; i <= 8; i++ {
		g.write(t, config(i))
		g.signal(t, syscall.SIGHUP)
		inForce(i)
	}
	g.write(t, config(9)) // nobody says anything: the files are looked at
	inForce(9)
	g.write(t, config(10))
	r, err := httpClient.Post(g.admin+"/api/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close() // the status says it
	if r.StatusCode != 200 {
		t.Errorf("/api/reload: %s", r.Status)
	}
	inForce(10)

	g.write(t, strings.Replace(config(11), "kind: openai", "kind: openia", 1))
	g.signal(t, syscall.SIGHUP)
	g.prints(t, `refused; the old one stays in force.*openia`)
	inForce(10)
	g.write(t, config(11))
	inForce(11)
	l.end(t)
	settled(t, g, m)
}

// TestReloadKeys: a key that is taken out stops working, and one that comes in works, at once.
func TestReloadKeys(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	w := dial(t, g.url)
	ask := func(key string) int {
		t.Helper()
		w.send(strings.Replace(request("GET", "/v1/models", ""), clientKey, key, 1))
		return w.answer("GET").status
	}
	if a, b := ask(clientKey), ask(unknownKey); a != 200 || b != 401 {
		t.Errorf("%d %d", a, b)
	}
	g.write(t, strings.ReplaceAll(m.config(h2c, ""), clientKey, unknownKey))
	g.signal(t, syscall.SIGHUP)
	eventually(t, "the new key works", func() bool { return ask(unknownKey) == 200 })
	if a := ask(clientKey); a != 401 {
		t.Errorf("the old key gets %d", a)
	}
}
