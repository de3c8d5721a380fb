package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const massStreams = 100

// massRun is a provider that gathers as many requests as there are, and then ends the connections that they came on.
type massRun struct {
	over  protocol
	stage string // "nothing", "head" or "body" has come of each answer
	end   func(p *peer)
	// overtakes: what was sent before the end may be lost with it, and the request is then as good as new.
	overtakes bool

	mu    sync.Mutex
	peers map[*peer]bool
	count int
	good  atomic.Bool
}

func (m *massRun) serve(p *peer) {
	next := p.ask2
	if m.over == http1 {
		p.open1()
		next = p.ask1
	} else if p.open2("") != nil {
		return
	}
	for {
		a, err := next()
		if err != nil {
			return
		}
		if m.good.Load() {
			p.answer(a)
			continue
		}
		switch {
		case m.stage == "body":
			p.begin(a)
		case m.stage == "head" && p.in != nil:
			p.say(head1(a, chunkedField))
		case m.stage == "head":
			p.say(head2(a))
		}
		m.gather(p)
	}
}

// gather counts a request, and ends everything with the last one.
func (m *massRun) gather(p *peer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peers[p] = true
	if m.count++; m.count == massStreams {
		m.good.Store(true)
		for p := range m.peers {
			m.end(p)
		}
	}
}

// TestMassEnd: a provider that loses a hundred requests at once gives each client its own answer: the right one of another connection,
// as long as nothing of an answer was the client's, else an error event. Nothing stays behind.
func TestMassEnd(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*peer){
		"RST": (*peer).reset,
		"FIN": func(p *peer) { _ = p.under.(*net.TCPConn).CloseWrite() },
		"GOAWAY and FIN": func(p *peer) {
			p.say(goAway(1<<31-1, codeNo))
			_ = p.under.(*net.TCPConn).CloseWrite()
		},
	}
	for _, over := range []protocol{h2c, http1} {
		for name, end := range ends {
			if over == http1 && strings.HasPrefix(name, "GOAWAY") {
				continue
			}
			for _, stage := range []string{"nothing", "head", "body"} {
				t.Run(fmt.Sprintf("%s, %s, after %s", over, name, stage), func(t *testing.T) {
					t.Parallel()
					m := &massRun{over: over, stage: stage, end: end, overtakes: name == "RST", peers: map[*peer]bool{}}
					m.play(t)
				})
			}
		}
	}
}

func (m *massRun) play(t *testing.T) {
	provider := listenRaw(t, func(c net.Conn) {
		noDelay(c)
		m.serve(&peer{Conn: c, run: &hostileRun{deed: &misdeed{over: m.over}, asks: map[string][]int{}}, under: c})
	})
	g := startGateway(t, oneLoop(preamble)+clientKeys+"retry: {attempts: 3, budget: 1, on: [connect, reset]}\nproviders:\n"+
		strings.ReplaceAll(providerLines("p", provider.addr, m.over), "keys:", "connections: {warm: 0, max: 200}, keys:"))
	get(t, g.admin+"/metrics")
	httpClient.CloseIdleConnections()
	before := g.descriptors(t)
	var wg sync.WaitGroup
	for i := range massStreams {
		wg.Go(func() {
			name := fmt.Sprintf("well-%d", i)
			w := dial(t, g.url)
			defer w.conn.Close()
			w.send(request("POST", "/v1/chat/completions", chatBody("p/"+name, true)))
			a := w.answer("POST")
			right := ask{name: name, stream: true}
			want := right.first() + right.rest()
			if m.stage == "body" && !(m.overtakes && a.body == want) {
				rest, ok := strings.CutPrefix(a.body, right.first())
				if !ok || !strings.Contains(rest, `"upstream_`) || strings.Contains(rest, "[DONE]") || a.err != nil {
					t.Errorf("%s: %s %v %q", name, a.line, a.err, a.body)
				}
				return
			}
			if a.status != 200 || a.err != nil || a.body != want {
				t.Errorf("%s: %s %v %q", name, a.line, a.err, a.body)
			}
		})
	}
	wg.Wait()
	g.wantNothingOpen(t)
	eventually(t, "no client is connected", func() bool { return g.metric(t, "penstock_connections") == 0 })
	idle := int(g.metric(t, "llm_connection_pool_active"))
	if m.over == h2c && idle > 2 {
		t.Errorf("%d connections to the provider", idle)
	}
	eventually(t, "the descriptors are back", func() bool {
		httpClient.CloseIdleConnections()
		return g.descriptors(t) <= before+idle+1
	})
}

// work streams an answer with a pause in it, in which the provider may be killed.
func (p *peer) work(a ask, working *atomic.Int64) {
	p.begin(a)
	working.Add(1)
	time.Sleep(50 * time.Millisecond)
	working.Add(-1)
	a.begun = true
	p.finish(a)
}

// restarting is a provider that can be killed and comes back on its port.
type restarting struct {
	addr  string
	mu    sync.Mutex
	ln    net.Listener
	conns map[net.Conn]bool
	serve func(net.Conn)
}

func (r *restarting) up() error {
	ln, err := net.Listen("tcp", r.addr)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.addr, r.ln, r.conns = ln.Addr().String(), ln, map[net.Conn]bool{}
	conns := r.conns
	r.mu.Unlock()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			conns[c] = true
			r.mu.Unlock()
			go func() {
				defer c.Close()
				r.serve(c)
			}()
		}
	}()
	return nil
}

// kill ends it as SIGKILL would: nobody listens, and what was open is reset.
func (r *restarting) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.ln.Close()
	for c := range r.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// TestProviderIsRestarted: under load, a provider that is killed and back after 300 ms costs no request of which no answer had begun;
// one that was in the middle of its stream ends with an error event, and nobody gets what is not theirs.
func TestProviderIsRestarted(t *testing.T) {
	t.Parallel()
	for _, over := range []protocol{h2c, http1} {
		t.Run(string(over), func(t *testing.T) {
			t.Parallel()
			r := &restarting{addr: "127.0.0.1:0"}
			var working atomic.Int64 // streams that have begun
			r.serve = func(c net.Conn) {
				noDelay(c)
				p := &peer{Conn: c, run: &hostileRun{deed: &misdeed{over: over}, asks: map[string][]int{}}, under: c}
				next := p.ask2
				if over == http1 {
					p.open1()
					next = p.ask1
				} else if p.open2("") != nil {
					return
				}
				for {
					a, err := next()
					if err != nil {
						return
					}
					switch {
					case !a.stream:
						p.answer(a)
					case over == http1:
						p.work(a, &working)
					default:
						go p.work(a, &working)
					}
				}
			}
			if err := r.up(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.kill)
			g := startGateway(t, oneLoop(preamble)+clientKeys+"retry: {attempts: 3, budget: 1, on: [connect, reset]}\nproviders:\n"+
				strings.ReplaceAll(providerLines("p", r.addr, over), "keys:", "connections: {warm: 1, max: 50}, keys:"))
			stop := make(chan struct{})
			var answered, cut atomic.Int64
			var wg sync.WaitGroup
			for n := range 12 {
				wg.Go(func() {
					beat := time.NewTicker(40 * time.Millisecond)
					defer beat.Stop()
					w := dial(t, g.url)
					for i := 0; ; i++ {
						select {
						case <-stop:
							return
						case <-beat.C:
						}
						if i%500 == 499 {
							_ = w.conn.SetDeadline(time.Now().Add(patience))
						}
						a := ask{name: fmt.Sprintf("well-%d-%d", n, i), stream: (i+n)%2 == 0}
						w.send(request("POST", "/v1/chat/completions", chatBody("p/"+a.name, a.stream)))
						resp, err := http.ReadResponse(w.in, nil)
						if err != nil {
							t.Errorf("%s: %v", a.name, err)
							return
						}
						b, err := io.ReadAll(resp.Body)
						body := string(b)
						switch first := a.first(); {
						case resp.StatusCode == 200 && err == nil && body == first+a.rest():
							answered.Add(1)
						case a.stream && resp.StatusCode == 200 && err == nil && strings.HasPrefix(body, first) && strings.Contains(body, `"upstream_`):
							cut.Add(1)
						default:
							t.Errorf("%s: %s %v %q", a.name, resp.Status, err, body)
							return
						}
					}
				})
			}
			for range 3 {
				target := answered.Load() + 150
				eventually(t, "requests are answered, and some are on their way", func() bool {
					return answered.Load() >= target && working.Load() > 0 || t.Failed()
				})
				r.kill()
				time.Sleep(300 * time.Millisecond) // the gap
				if err := r.up(); err != nil {
					t.Fatal(err)
				}
			}
			target := answered.Load() + 150
			eventually(t, "requests are answered", func() bool { return answered.Load() >= target || t.Failed() })
			close(stop)
			wg.Wait()
			t.Logf("%d answered, %d ended by an error event", answered.Load(), cut.Load())
			g.wantNothingOpen(t)
		})
	}
}

// TestStreamsNeverAllowed: a provider that takes no stream at all costs each request its first-byte timer and is not dialled again and
// again.
func TestStreamsNeverAllowed(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	provider := listenRaw(t, func(c net.Conn) {
		accepted.Add(1)
		p := &peer{Conn: c, run: &hostileRun{deed: &misdeed{over: h2c}, asks: map[string][]int{}}, under: c}
		if p.open2(setting(settingMaxConcurrentStreams, 0)) == nil {
			_, _ = p.ask2()
		}
	})
	g := startGateway(t, oneLoop(preamble)+clientKeys+"timeouts: {first_byte: 700ms}\nproviders:\n"+providerLines("p", provider.addr, h2c))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			w := dial(t, g.url)
			for range 2 {
				w.send(request("POST", "/v1/chat/completions", chatBody("p/m", false)))
				w.answer("POST").wantComplaint(t, "HTTP/1.1 504 Gateway Timeout", openAI("server_error", "upstream_timeout", ""))
			}
		})
	}
	wg.Wait()
	if n := accepted.Load(); n > 4 {
		t.Errorf("%d connections were made", n)
	}
	g.wantNothingOpen(t)
}

// TestWindowIgnored: a provider that sends on although its window is closed loses its stream with FLOW_CONTROL_ERROR, and what it sent
// beyond costs no memory.
func TestWindowIgnored(t *testing.T) {
	t.Parallel()
	code := make(chan uint32, 1)
	provider := listenRaw(t, func(c net.Conn) {
		p := &peer{Conn: c, run: &hostileRun{deed: &misdeed{over: h2c}, asks: map[string][]int{}}, under: c}
		if p.open2("") != nil {
			return
		}
		a, err := p.ask2()
		if err != nil {
			return
		}
		p.say(head2(a))
		go func() {
			more := frame(0, 0, a.id, strings.Repeat("x", 16<<10))
			for range (64 << 20) / len(more) {
				if _, err := io.WriteString(p, more); err != nil {
					return
				}
			}
		}()
		for head := make([]byte, 9); ; {
			if _, err := io.ReadFull(p, head); err != nil {
				return
			}
			payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
			if _, err := io.ReadFull(p, payload); err != nil {
				return
			}
			if head[3] == 3 || head[3] == 7 { // RST_STREAM, GOAWAY
				code <- binary.BigEndian.Uint32(payload[len(payload)-4:])
				return
			}
		}
	})
	g := startGateway(t, oneLoop(preamble)+clientKeys+"providers:\n"+providerLines("p", provider.addr, h2c))
	get(t, g.admin+"/metrics")
	before, _ := g.memory(t)
	w := dialNarrow(t, g.url)
	w.send(request("POST", "/v1/chat/completions", chatBody("p/m", true)))
	select {
	case c := <-code:
		if c != uint32(codeFlowControl) {
			t.Errorf("the stream ends with code %d", c)
		}
	case <-time.After(patience):
		t.Error("the provider may send what it likes")
	}
	if a := w.answer("POST"); a.status != 200 || a.err != nil || !strings.Contains(a.body, `"upstream_protocol_error"`) {
		t.Errorf("%s %v, %d bytes, ending in %q", a.line, a.err, len(a.body), tail([]byte(a.body), 300))
	}
	if _, most := g.memory(t); most > before+64<<20 {
		t.Errorf("%d MiB at most, %d at first", most>>20, before>>20)
	}
	g.wantNothingOpen(t)
}

// TestBodyNeverRead: a provider that does not take a large request, by its window or by TCP's, is given up by the first-byte timer; the
// body's memory comes back.
func TestBodyNeverRead(t *testing.T) {
	t.Parallel()
	deaf := func(settings string, chatter bool) string {
		return listenRaw(t, func(c net.Conn) {
			noDelay(c)
			if settings != "" {
				_, _ = io.WriteString(c, settings)
			}
			beat := time.NewTicker(20 * time.Millisecond)
			defer beat.Stop()
			for range beat.C {
				if chatter {
					if _, err := io.WriteString(c, frame(6, 0, 0, "12345678")); err != nil {
						return
					}
					continue
				}
				if _, err := c.Write(nil); err != nil {
					return
				}
			}
		}).addr
	}
	const wide = 1<<31 - 1 - 65535
	g := startGateway(t, oneLoop(preamble)+clientKeys+"bounds: {body: 16MiB}\ntimeouts: {first_byte: 1s}\nretry: {attempts: 1}\nproviders:\n"+
		providerLines("shut", deaf(frame(4, 0, 0, setting(settingInitialWindowSize, 0)), true), h2c)+
		strings.ReplaceAll(providerLines("wide", deaf(frame(4, 0, 0, setting(settingInitialWindowSize, wide))+frame(8, 0, 0, word(wide)), true), h2c), "keys:", "connections: {warm: 0}, keys:")+
		providerLines("old", deaf("", false), http1))
	body := strings.Repeat("o", 10<<20)
	var wg sync.WaitGroup
	for _, name := range []string{"shut", "wide", "old"} {
		wg.Go(func() {
			w := dial(t, g.url)
			for range 2 {
				w.send(request("POST", "/v1/chat/completions", strings.Replace(chatBody(name+"/m", false), "Hello", body, 1)))
				w.answer("POST").wantComplaint(t, "HTTP/1.1 504 Gateway Timeout", openAI("server_error", "upstream_timeout", ""))
			}
			_ = w.conn.Close()
		})
	}
	wg.Wait()
	g.wantNothingOpen(t)
	eventually(t, "the bodies' memory is back", func() bool { return g.metric(t, "penstock_memory_bytes", `state="lent"`) < 2<<20 })
	eventually(t, "the connections that take nothing are closed", func() bool { return g.metric(t, "llm_connection_pool_active", `provider="wide"`) == 0 })
}
